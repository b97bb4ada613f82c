"""Turns: what becomes of an engine and of its containers when the spec turns away from them, or they are pruned while down."""

from __future__ import annotations

import pytest

from reconciler.core.outcome import End
from reconciler.core.policy import UP, Aim, Goal, Policy
from tests.crash.life import SPEC, Lives, read

DOWN = Goal(Aim.DOWN, "alice")
PRUNE = Policy(prune=True)
PRIVATE = read(SPEC)
SYSTEM = read(SPEC.replace("docker_data_dir: /srv/web\n", ""))
ONE_LESS = read(SPEC[: SPEC.index("  container#2")])


@pytest.fixture
def lives(tmp_path):
    return Lives(tmp_path)


def running(lives: Lives) -> list[str]:
    return [record["Name"] for record in lives.records() if record["State"]["Running"]]


def verdicts(result) -> dict[str, str]:
    return {change.rid: change.verdict.value for change in result.plan.changes}


@pytest.mark.parametrize("answers", [False, True], ids=["no system engine", "a system engine"])
def test_a_private_engine_is_not_left_behind_when_the_spec_turns_to_the_systems(lives, answers):
    if answers:
        lives.machine.docker.system()
    lives.run(PRIVATE)
    before = lives.picture()
    for _ in range(2):
        result = lives.run(SYSTEM)
        assert result.end is End.REFUSED
        assert "its own engine on /srv/web is there still" in result.message and "osvc stop" in result.remedy
        assert verdicts(result) == {"fs#1": "keep", "dockerd": "refuse", "container#1": "defer", "container#2": "defer"}
        assert lives.picture() == before


def test_stopping_goes_by_what_was_applied_to_a_private_engine(lives):
    lives.machine.docker.system()
    lives.run(PRIVATE)
    result = lives.run(SYSTEM, DOWN)
    assert result.end is End.CONVERGED, result
    assert running(lives) == [] and not lives.picture()["folder"]
    assert ("container#1", "stop web.container.1") in [(o.step.rid, o.step.action.says()) for o in result.outcomes]
    assert lives.run(SYSTEM, UP).end is End.CONVERGED
    assert running(lives) == ["/web.container.1", "/web.container.2"]


def test_stopping_goes_by_what_was_applied_to_the_systems_engine(lives):
    lives.machine.docker.system()
    lives.run(SYSTEM)
    assert lives.run(PRIVATE, DOWN).end is End.CONVERGED
    assert running(lives) == []


def test_a_stopped_service_is_pruned_without_starting_its_engine(lives):
    lives.run(PRIVATE)
    lives.run(PRIVATE, DOWN)
    effects = lives.machine.effects
    result = lives.run(None, policy=PRUNE)
    assert result.end is End.CONVERGED, result
    assert lives.machine.effects == effects
    assert verdicts(lives.run(None, policy=PRUNE)) == {}


def test_a_pruned_service_that_comes_back_finds_its_containers_in_its_data_root(lives):
    lives.run(PRIVATE)
    ids = {record["Id"] for record in lives.records()}
    lives.run(PRIVATE, DOWN)
    lives.run(None, policy=PRUNE)
    assert lives.run(PRIVATE).end is End.CONVERGED
    assert {record["Id"] for record in lives.records()} == ids
    assert len(running(lives)) == 2


def test_a_container_pruned_while_its_engine_is_down_goes_when_that_is_up(lives):
    lives.run(PRIVATE)
    lives.run(PRIVATE, DOWN)
    result = lives.run(ONE_LESS, DOWN, policy=PRUNE)
    assert result.end is End.CONVERGED, result
    assert result.plan.change("container#2").reason == "no longer in the spec; goes when dockerd is up"
    assert lives.run(ONE_LESS, policy=PRUNE).end is End.CONVERGED
    assert [record["Name"] for record in lives.records()] == ["/web.container.1"]


def test_a_container_of_the_systems_engine_is_not_forgotten_while_that_is_down(lives):
    system = lives.machine.docker.system()
    lives.run(SYSTEM)
    lives.machine.kill(system.pid)
    result = lives.run(None, policy=PRUNE)
    assert result.end is not End.CONVERGED
    assert verdicts(result)["container#1"] == "remove"


def test_no_container_starts_under_a_filesystem_that_left_the_spec_and_is_down(lives):
    lives.machine.tree.make_dir("/more", 0o755)
    lives.machine.make_image("/img/more.ext4")
    bound = SPEC.replace("ports: 18080:80", "volume_mounts: /more:/data")
    less = read(bound)
    lives.run(read(bound + "  fs#2: {dev: /img/more.ext4, mnt: /more, type: ext4}\n"))
    assert lives.run(less).end is End.CONVERGED
    lives.machine.reboot()
    result = lives.run(less)
    assert (result.end, running(lives)) == (End.DEFERRED, ["/web.container.2"])
    assert result.message == "container#1: waits for fs#2, which is down, and no longer in the spec"
    assert result.remedy == "osvc plan --prune"
    assert lives.run(less, policy=PRUNE).end is End.CONVERGED
    assert running(lives) == ["/web.container.1", "/web.container.2"]


def test_a_service_whose_data_root_went_with_a_power_cut_is_pruned_although_the_run_folder_is_there_still(lives):
    lives.run(PRIVATE)
    lives.machine.add_file("/run/osvc/web/docker.pid", "4711")
    lives.machine.reboot()
    lives.machine.add_file("/run/osvc/web/docker.pid", "4711")
    assert lives.run(None, policy=PRUNE).end is End.CONVERGED
    assert not lives.picture()["folder"]
