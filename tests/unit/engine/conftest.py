import shutil

import pytest

from tests.unit.engine.bench import Bench


@pytest.fixture
def bench():
    made = Bench()
    yield made
    made.store.close()
    shutil.rmtree(made.folder)


@pytest.fixture
def no_jitter(monkeypatch):
    """A watch looks, and rests, for exactly as long as it says."""
    monkeypatch.setattr("reconciler.engine.rounds.uniform", lambda low, high: 1.0)
    monkeypatch.setattr("reconciler.engine.backoff.randbelow", lambda n: 0)
