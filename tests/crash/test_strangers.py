"""Strangers: processes that look like ours, and an engine of others on a data root that a spec names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.outcome import End
from reconciler.core.policy import UP, Aim, Goal
from tests.crash.life import NODE, SPEC, Lives, read
from tests.fakehost import FakeHost

DOWN = Goal(Aim.DOWN, "alice")
WEB = read(SPEC)


@pytest.fixture
def lives(tmp_path):
    return Lives(tmp_path)


def twins(lives: Lives) -> list:
    """The engine of a service of the same name in a container: the same command lines, on other files."""
    lives.run(WEB)
    own = [process.argv for process in lives.machine.processes.values() if process.argv[0].startswith(("dockerd", "containerd"))]
    lives.run(WEB, DOWN)
    root = replace(FakeHost(lives.machine, NODE).files.stat("/"), device=4711)
    found = []
    for argv in own:
        found.append(lives.machine.start_process(argv))
        found[-1].sees["/"] = root
    assert len(found) == 4
    return found


@pytest.mark.parametrize("goal", [UP, DOWN], ids=["up", "down"])
def test_an_engine_in_a_container_is_not_taken_for_ours(lives, goal):
    strangers = twins(lives)
    for _ in range(2):
        result = lives.run(WEB, goal)
        assert result.end is End.CONVERGED, result
    lives.run(WEB, DOWN)
    assert all(lives.machine.processes.get(process.pid) is process and not process.signals for process in strangers)
