"""A place of its own for each test of the command line."""

import pytest

from tests.cli.osvc import Place


@pytest.fixture
def place(tmp_path) -> Place:
    return Place(tmp_path)
