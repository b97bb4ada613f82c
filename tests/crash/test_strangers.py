"""Strangers: processes that look like ours, and an engine of others on a data root that a spec names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.outcome import End
from reconciler.core.policy import UP, Aim, Goal
from reconciler.spec.load import load_text
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


def test_the_data_root_of_another_engine_that_runs_is_not_touched(lives):
    lives.machine.docker.system(root="/srv/theirs")
    effects, names = lives.machine.effects, FakeHost(lives.machine, NODE).files.names("/srv/theirs")
    spec = SPEC.replace("docker_data_dir: /srv/web", "docker_data_dir: /srv/theirs").replace("  fs#1", "  # fs#1")
    result = lives.run(read(spec))
    assert result.end is End.REFUSED
    assert "/srv/theirs is the data root of another engine: pid" in result.message
    assert lives.machine.effects == effects and FakeHost(lives.machine, NODE).files.names("/srv/theirs") == names


def test_the_systems_data_root_is_refused_by_name():
    loaded = load_text("docker_data_dir: /var/lib/docker/mine\n", "yaml", "web", "web.yaml", NODE)
    assert "is the data root of the system's engine" in str(loaded.errors[0])
