"""Suites of this folder that run on a machine of the lab, because the machine at hand lacks what they are about."""

import pytest

from tests.lab.place import Place

pytestmark = [pytest.mark.real, pytest.mark.lab, pytest.mark.timeout(3600)]


def test_mounts_keep_their_contract_beside_udev(place: Place) -> None:
    with place.machine("one") as one:
        one.pytest("tests/contract/test_mounts.py", "-m", "real")


@pytest.mark.core
def test_volume_groups_keep_their_contract(place: Place) -> None:
    with place.machine("one") as one:
        one.pytest("tests/contract/test_lvm.py", "-m", "lab")
