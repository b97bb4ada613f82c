import tempfile
from pathlib import Path

import pytest

from tests.svcmgr.node import Deb1


@pytest.fixture
def deb1(monkeypatch, capsys):
    with tempfile.TemporaryDirectory(prefix="osvc-") as folder:  # the path of a socket is short
        deb1 = Deb1(Path(folder), monkeypatch, capsys)
        yield deb1
    assert deb1.machine.unmodelled == []
