"""Rolled back: a run that says so has left the machine as it found it."""

from __future__ import annotations

import pytest

from reconciler.core.outcome import End, Status
from reconciler.host.errors import Permanent
from tests.crash.life import NEWER, SPEC, Lives, read
from tests.fakehost.docker_records import Script

WEB = read(SPEC)


@pytest.fixture
def lives(tmp_path):
    lives = Lives(tmp_path)
    lives.run(WEB)
    return lives


def test_a_container_replaced_because_its_image_moved_comes_back_when_the_new_one_fails(lives):
    docker = lives.machine.docker
    docker.add_image("/srv/web", "osvc/demo:1", NEWER)
    docker.script(lambda record: record["Image"] == NEWER.id, Script(code=1))
    before = lives.picture()
    for _ in range(2):
        result = lives.run(WEB)
        assert result.end is End.ROLLED_BACK and result.undone
        assert "web.container.1 exited right after its start" in result.message
        assert lives.picture() == before


def test_what_another_failure_left_half_done_is_led_back_as_well(lives):
    """container#1 was stopped for its filesystem, which is then not touched any more, for container#2 cannot be stopped."""
    lives.machine.tree.make_dir("/more", 0o755)
    mounted = SPEC.replace("ports: 18080:80", "volume_mounts: /more:/data") + "  fs#2: {dev: more, mnt: /more, type: tmpfs}\n"
    assert lives.run(read(mounted)).end is End.CONVERGED
    before = lives.picture()
    lives.machine.fail_next(lambda label: "stop" in label and "web.container.2" in label, Permanent("no"))
    edited = mounted.replace("memory: 64m", "hostname: other").replace("dev: more", "dev: other")
    result = lives.run(read(edited))
    became = {f"{outcome.step.rid} {outcome.step.action.op}": outcome.status for outcome in result.outcomes}
    assert became["container#2 stop"] is Status.FAILED and became["fs#2 unmount"] is Status.CANCELLED, became
    assert became["container#1 stop"] is Status.UNDONE
    assert result.end is End.ROLLED_BACK, result
    assert lives.picture() == before


def test_what_went_well_beside_a_failure_is_finished(lives):
    """container#1 is replaced, and its old container removed, although the replacement of container#2 fails."""
    lives.machine.docker.script(lambda record: "hostname=bad" in record["Config"]["Env"], Script(code=1))
    edited = SPEC.replace("MODE: one", "MODE: two").replace("memory: 64m", "environment: {hostname: bad}")
    result = lives.run(read(edited))
    assert result.end is End.ROLLED_BACK, result
    found = {one["name"]: one for one in lives.picture()["containers"]}
    assert sorted(found) == ["/web.container.1", "/web.container.2"]
    assert all(one["running"] for one in found.values())
    assert "MODE=two" in found["/web.container.1"]["env"] and "hostname=bad" not in found["/web.container.2"]["env"]


def test_mending_that_interrupted_something_and_failed_is_not_called_rolled_back(lives):
    """A filesystem vanished under container#1, which is stopped for it, and does not come up again."""
    lives.machine.tree.make_dir("/more", 0o755)
    mounted = read(SPEC.replace("ports: 18080:80", "volume_mounts: /more:/data") + "  fs#2: {dev: m, mnt: /more, type: tmpfs}\n")
    assert lives.run(mounted).end is End.CONVERGED
    lives.machine.tear_off("/more")
    lives.machine.docker.script(lambda record: record["Name"] == "/web.container.1", Script(code=1))
    result = lives.run(mounted)
    assert (result.end, result.undone) == (End.FAILED, False), result
    assert "container#1: stop web.container.1 is not undone: it mended drift" in result.message


def test_a_successor_that_a_crash_left_does_not_hinder_undoing(lives):
    edited = read(SPEC.replace("MODE: one", "MODE: two"))
    before = lives.picture()
    lives.machine.die_at(lives.machine.effects + 1, "after")
    assert lives.run(edited) is None and "web.container.1.osvc-new" in lives.machine.done[-1]
    lives.machine.docker.script(lambda record: "MODE=two" in record["Config"]["Env"], Script(code=1))
    result = lives.run(edited)
    assert (result.end, result.undone) == (End.ROLLED_BACK, True), result
    assert lives.picture() == before


def test_an_engine_that_came_back_is_as_it_was_for_the_old_spec(lives):
    before = lives.picture()
    words = "docker_data_dir: /srv/web\ndocker_daemon_args: --log-driver=none --debug"
    lives.machine.fail_next(lambda label: label.startswith("spawn dockerd"), Permanent("no"))
    result = lives.run(read(SPEC.replace("docker_data_dir: /srv/web", words)))
    assert (result.end, result.undone, lives.picture()) == (End.ROLLED_BACK, True, before)
    effects = lives.machine.effects
    result = lives.run(WEB)
    assert (result.end, lives.machine.effects) == (End.CONVERGED, effects), [o.step.action.says() for o in result.outcomes]
