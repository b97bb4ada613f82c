"""Engines on a machine that systemd runs: in a unit of their own; one that came up before osvc knew of systemd is left as it is."""

from dataclasses import replace

import pytest

from reconciler.core.outcome import End
from reconciler.core.policy import Aim, Goal
from tests.crash.life import NODE, SPEC, Lives, read
from tests.fakehost import FakeHost

DOWN = Goal(Aim.DOWN, "alice")
PLAIN, UNIT = read(SPEC), read(SPEC, node=replace(NODE, systemd=True))
TAG = NODE.tag("web")
SCOPE = f"system.slice/osvc-web-{TAG}.scope"


@pytest.fixture
def lives(tmp_path):
    return Lives(tmp_path)


def groups(lives):
    daemons = [one for one in lives.machine.processes.values() if one.argv[0].rpartition("/")[2] in ("dockerd", "containerd")]
    return {daemon.cgroup for daemon in daemons}


def converged(lives, service, *goal):
    """What a life did, which came to a good end."""
    before = len(lives.machine.done)
    result = lives.run(service, *goal)
    assert result.end is End.CONVERGED, result
    return lives.machine.done[before:]


def test_an_engine_comes_up_in_its_unit_and_goes_with_it(lives):
    converged(lives, UNIT)
    assert groups(lives) == {f"{SCOPE}/daemons"}
    assert any(f"--cgroup-parent=/{SCOPE}/containers" in one.argv for one in lives.machine.processes.values())
    assert converged(lives, UNIT) == []
    converged(lives, UNIT, DOWN)
    host = FakeHost(lives.machine, NODE)
    assert groups(lives) == set() and not host.processes.has_cgroup(SCOPE) and host.files.names("/run/osvc/web") is None


def test_an_engine_that_came_up_without_a_unit_runs_on_and_gets_one_when_it_next_starts(lives):
    converged(lives, PLAIN)
    assert groups(lives) == {f"osvc-{TAG}"}
    assert converged(lives, UNIT) == []
    converged(lives, UNIT, DOWN)
    assert f"osvc-{TAG}" not in lives.machine.cgroups()
    converged(lives, UNIT)
    assert groups(lives) == {f"{SCOPE}/daemons"}
