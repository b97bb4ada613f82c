"""The fixture of the contract suites: each test runs against the fake, and, marked real, against the machine."""

from collections.abc import Iterator

import pytest

from tests.contract.stage import FakeStage, RealStage, Stage, own_network


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A fake or real host with a folder of its own."""
    if request.param == "fake":
        fake = FakeStage()
        yield fake
        assert fake.machine.unmodelled == []
    else:
        yield from _real()


@pytest.fixture
def real_stage() -> Iterator[RealStage]:
    """The real host alone, for what a fake does not have."""
    yield from _real()


@pytest.fixture
def net_stage(stage: Stage) -> Iterator[Stage]:
    """A stage whose network is empty but for lo: the real one is a network namespace of the test's own."""
    if isinstance(stage, RealStage):
        with own_network():
            yield stage
    else:
        yield stage


def _real() -> Iterator[RealStage]:
    real = RealStage()
    try:
        yield real
    finally:
        real.close()
