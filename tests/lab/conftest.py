"""The lab as fixtures: the image and the payload once a session, a place a test."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.image import Image, Missing, image
from tests.lab.payload import write_payload
from tests.lab.place import Place

_FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session", autouse=True)
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Who ends the lab with SIGTERM leaves no machine and no folder."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def lab_image() -> Image:
    try:
        return image()
    except Missing as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture(scope="session")
def payload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lab") / "payload.ext4"
    write_payload(path)
    return path


@pytest.fixture
def place(request: pytest.FixtureRequest, lab_image: Image, payload: Path) -> Iterator[Place]:
    """Where this test's machines stand. With OSVC_KEEP_FAILED=1 the disks and logs of a test that failed stay."""
    place = Place(lab_image, payload)
    try:
        yield place
    finally:
        failed = request.node.stash.get(_FAILED, True)
        keep = failed and os.environ.get("OSVC_KEEP_FAILED") == "1"
        if failed:
            for machine in place.machines:
                print(f"---- {machine.name} ----\n{machine.story()}")
        place.close(keep=keep)
        if keep:
            print(f"kept: {place.folder}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report
