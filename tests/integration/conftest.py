"""The lab as fixtures: one a test, or one a module for tests that build on each other."""

from collections.abc import Iterator

import pytest

from tests.integration.lab import Lab, laboratory


@pytest.fixture
def lab() -> Iterator[Lab]:
    with laboratory() as place:
        yield place


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[Lab]:
    with laboratory() as place:
        yield place
