import shutil

import pytest

from tests.unit.engine.bench import Bench


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.store.close()
    shutil.rmtree(made.folder)
