"""A run that is interrupted by a signal: what it finishes, what it undoes, and what the next one makes of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.integration.lab import Lab

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@contextmanager
def applying(lab: Lab) -> Iterator[tuple[subprocess.Popen[str], Callable[[str], str]]]:
    """An apply in the making and what waits for a line of its progress."""
    run = subprocess.Popen(
        [sys.executable, "-m", "reconciler", "apply", "--yes", str(lab.specs)],
        env=lab.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr is not None
    stderr = run.stderr

    def until(words: str) -> str:
        for line in stderr:
            if words in line:
                return line
        raise AssertionError(f"the run ended without saying {words!r}")

    try:
        yield run, until
    finally:
        if run.poll() is None:
            os.kill(run.pid, signal.SIGKILL)
        stderr.close()
        run.wait()


@pytest.fixture
def edited(lab: Lab) -> dict[str, str]:
    """Two containers that take two seconds to stop, both of which shall be replaced; the ids of those that run."""
    lab.service("web", 2)
    lab.apply()
    running = lab.running("web")
    lab.service("web", 2, c1={"command": "sleep 100001"}, c2={"command": "sleep 100001"})
    return running


def converges(lab: Lab, before: dict[str, str]) -> None:
    lab.apply()
    lab.converged()
    after = lab.running("web")
    assert set(after) == set(before) == set(lab.containers("web"))
    assert not set(after.values()) & set(before.values())


def test_the_first_sigint_finishes_the_step_at_hand_and_undoes_the_lane(lab: Lab, edited: dict[str, str]) -> None:
    with applying(lab) as (run, until):
        until("stop web.container.1")
        run.send_signal(signal.SIGINT)
        said = run.communicate()[1]
        assert run.returncode == 130, said
    assert "container#1 undone: start web.container.1" in said
    assert lab.running("web") == edited, "the same two containers run again"
    assert set(lab.containers("web")) == set(edited), "and nothing else is left"
    converges(lab, edited)


def test_the_second_sigint_stops_undoing(lab: Lab, edited: dict[str, str]) -> None:
    with applying(lab) as (run, until):
        until("stop web.container.1")
        run.send_signal(signal.SIGINT)
        until("is not done: undoing")
        run.send_signal(signal.SIGINT)
        said = run.communicate()[1]
        assert run.returncode == 130, said
    assert "nothing was undone" in said or "undoing is not complete" in said
    left = [line for line in said.splitlines() if line.endswith("is not undone: undoing was stopped by a signal")]
    assert left and "    $ docker -H " in said, "each step that stands is told, with the command that leads back"
    assert len(lab.containers("web")) > 2, "what was prepared is still there"
    converges(lab, edited)


def test_sigterm_finishes_the_step_at_hand_and_undoes_nothing(lab: Lab, edited: dict[str, str]) -> None:
    with applying(lab) as (run, until):
        until("stop web.container.1")
        run.send_signal(signal.SIGTERM)
        said = run.communicate()[1]
        assert run.returncode == 143, said
    assert "1 undone: " not in said and "nothing was undone" in said
    assert "container#1: stop web.container.1 is not undone: undoing was stopped by a signal" in said
    assert " start web.container.1\n" in said, "what leads back is told"
    assert "web.container.1" not in lab.running("web")
    converges(lab, edited)
