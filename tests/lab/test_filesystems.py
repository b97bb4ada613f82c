"""Filesystems on a machine of the lab: FAT, and a device of device-mapper that is suspended, which the machine at hand lacks."""

import pytest

from tests.lab.place import Place

pytestmark = [pytest.mark.real, pytest.mark.lab, pytest.mark.timeout(3600)]


def test_filesystems_beside_udev(place: Place) -> None:
    with place.machine("one") as one:
        one.pytest("tests/lab/guest_fs.py", "-m", "real")
