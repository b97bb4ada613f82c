"""Measure: whole processes, their time, memory and end."""

import sys

import pytest

from benchmarks import measure
from benchmarks.measure import Measure


def python(program: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", program]


def test_time_and_memory_are_the_processs_own() -> None:
    with Measure() as runner:
        small, large = runner.run(python("pass"), {}), runner.run(python("bytearray(100 << 20)"), {})
    assert small.fault == large.fault == ""
    assert small.seconds > 0
    assert small.memory < 30 << 20 < 100 << 20 < large.memory


def test_several_are_one_piece_of_work_and_the_first_that_fails_ends_it() -> None:
    with Measure() as runner:
        one = runner.run(python("pass"), {})
        all_ = runner.each([python("pass")] * 3, {})
        bad = runner.each(
            [python("pass"), python("print('no'); raise SystemExit('not so')"), python("raise SystemExit('later')")], {}
        )
    assert all_.fault == "" and all_.memory >= one.memory // 2
    assert bad.fault.endswith("exit 1: not so")


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    program = "import os; assert os.environ['MINE'] == '1' and 'PYTHONDONTWRITEBYTECODE' not in os.environ"
    with Measure() as runner:
        assert runner.run(python(program), {"MINE": "1"}).fault == ""


def test_one_that_hangs_is_killed_and_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "LIMIT", 0.2)
    with Measure() as runner:
        assert "exit -9" in runner.run(python("import time; time.sleep(60)"), {}).fault
