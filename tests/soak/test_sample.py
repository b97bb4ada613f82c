"""A short soak, with the same lots each time. The long one is `make soak-watch`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.lab import ROOT
from tests.integration.test_bench import processes

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


def test_a_machine_that_is_harmed_by_lot_is_as_its_specs_say_at_every_quiet_point(tmp_path: Path) -> None:
    page = tmp_path / "soak.md"
    argv = [sys.executable, "-m", "tests.soak", "--services", "6", "--minutes", "0.4", "--seed", "3", "--write", str(page)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--seed 3" in done.stdout and "nothing leaked" in done.stdout
    assert "The last one **held" in page.read_text() and "| seed | 3 |" in page.read_text()
    assert not processes(str(page))
