"""Apps, and osvc killed before and after each of its effects: nothing is started twice, and nothing is left over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.outcome import End
from reconciler.core.policy import UP, Aim, Goal, Policy
from reconciler.host.errors import Permanent
from tests.crash.life import NODE, Lives, read
from tests.crash.record import differences, record
from tests.fakehost import FakeHost, Machine, launchers

SPEC = """
resources:
  fs#1: {dev: /img/web.ext4, mnt: /srv/web, type: ext4}
  app#1:
    type: simple
    start: relay -f
    user: nobody
    kill: tree
    environment: {API_KEY: hunter2, MODE: one}
  app#2: {script: /srv/launcher, start: 10, stop: true, check: true, cwd: /srv/web}
"""
BESIDE = """
resources:
  fs#1: {dev: /img/web.ext4, mnt: /srv/web, type: ext4}
  fs#2: {dev: tmpfs, mnt: /srv/other, type: tmpfs}
  app#1: {type: simple, start: relay -f, order: 1}
  app#2: {script: /srv/launcher, start: 10, stop: true, check: true, cwd: /srv/web}
"""
APPS = read(SPEC)
EDITED = read(SPEC.replace("MODE: one", "MODE: two").replace("cwd:", "environment: A=b, cwd:"))
OTHER_SECRET = read(SPEC.replace("hunter2", "hunter3"))
NONE = read(SPEC[: SPEC.index("  app#1")])
DOWN = Goal(Aim.DOWN, "alice")


def machine() -> Machine:
    made = Machine()
    made.make_image("/img/web.ext4")
    made.tree.make_dir("/srv/web", 0o755)
    made.tree.write("/usr/bin/relay", "", 0o755)
    launchers.add(made, "/srv/launcher", "served")
    return made


def up(lives: Lives) -> None:
    result = lives.run(APPS)
    assert result is not None and result.end is End.CONVERGED, result


def died(lives: Lives) -> None:
    up(lives)
    for process in list(lives.machine.processes.values()):
        if process.argv[0] in ("relay", "served"):
            lives.machine.kill(process.pid)


def stopped(lives: Lives) -> None:
    up(lives)
    lives.run(APPS, DOWN)


SCENARIOS: dict[str, tuple[Callable[[Lives], Any], Callable[[Lives], Any], int]] = {
    "cold apply": (lambda lives: None, lambda lives: lives.run(APPS), 2),
    "stop": (up, lambda lives: lives.run(APPS, DOWN), 0),
    "start again": (stopped, lambda lives: lives.run(APPS, UP), 2),
    "both died": (died, lambda lives: lives.run(APPS), 2),
    "edited": (up, lambda lives: lives.run(EDITED), 2),
    "another secret": (up, lambda lives: lives.run(OTHER_SECRET), 1),
    "pruned": (up, lambda lives: lives.run(NONE, policy=Policy(prune=True)), 0),
    "after a power cut": (lambda lives: (up(lives), lives.machine.reboot()), lambda lives: lives.run(APPS), 2),
}


def lives_at(folder: Path, before: Callable[[Lives], Any]) -> Lives:
    folder.mkdir()
    lives = Lives(folder, machine())
    before(lives)
    lives.machine.done.clear()
    return lives


def picture(lives: Lives) -> Any:
    """What runs, as whom and where; what is mounted; what lies in the run folder."""
    host = FakeHost(lives.machine, NODE)
    processes = [(one.argv, one.owner, one.cwd, one.env) for one in lives.machine.processes.values() if one.pid > 99]
    return (
        sorted(processes, key=str),
        sorted(mount.target for mount in host.mounts.table()),
        host.files.names("/run/osvc/web"),
        lives.machine.cgroups(),
    )


def starts(lives: Lives) -> int:
    return sum(label.startswith("spawn") or label.endswith("launcher start") for label in lives.machine.done)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_any_effect(tmp_path, name, when):
    before, run, count = SCENARIOS[name]
    reference = lives_at(tmp_path / "reference", before)
    base = reference.machine.effects
    result = run(reference)
    assert result.end is End.CONVERGED, result.message
    assert starts(reference) == count
    effects = reference.machine.effects - base
    for k in range(1, effects + 1):
        lives = lives_at(tmp_path / f"{k}", before)
        lives.machine.die_at(lives.machine.effects + k, when)
        assert run(lives) is None, f"killed {when} effect {k}, but lived"
        about = f"killed {when} effect {k}, the last was: {lives.machine.done[-1:]}"
        for _ in range(2):
            result = run(lives)
            assert result.end is End.CONVERGED, f"{about}: {result.end} {result.message}"
        assert picture(lives) == picture(reference), about
        assert starts(lives) == count, about
        done = lives.machine.effects
        run(lives)
        assert lives.machine.effects == done, f"{about}; then not at rest: {lives.machine.done[-3:]}"


def test_nothing_is_left_after_pruning(tmp_path):
    lives = lives_at(tmp_path / "lives", up)
    lives.run(NONE, policy=Policy(prune=True))
    assert FakeHost(lives.machine, NODE).files.names("/run/osvc/web") is None
    assert lives.machine.cgroups() == set()


def test_no_secret_lies_in_the_run_folder(tmp_path):
    lives = lives_at(tmp_path / "lives", up)
    files = FakeHost(lives.machine, NODE).files
    texts = [files.read(f"/run/osvc/web/{name}") for name in files.names("/run/osvc/web")]
    assert any("sealed:" in text for text in texts)
    assert not any("hunter2" in text for text in texts)
    relay = next(one for one in lives.machine.processes.values() if one.argv[0] == "relay")
    assert relay.env["API_KEY"] == "hunter2"


def test_an_edit_that_fails_is_led_back(tmp_path):
    lives = lives_at(tmp_path / "lives", up)
    before = record(lives)
    lives.machine.fail_next("launcher start", Permanent("no more of it"))
    result = lives.run(EDITED)
    assert result.end is End.ROLLED_BACK, result
    led_back = [key for key in before if key[0] == "process" and "served" in key[1] and key[2] == "what"]
    assert led_back
    assert differences(before, record(lives), result.outcomes, lambda key: key in led_back) == []
    assert next(one for one in lives.machine.processes.values() if one.argv == ("served",))


def test_a_stop_command_that_fails_is_told_and_keeps_nothing_else_from_going_down(tmp_path):
    """But what the app lies in is not unmounted while it lives."""
    beside = read(BESIDE)
    lives = lives_at(tmp_path / "lives", lambda lives: lives.run(beside))
    lives.machine.launchers["/srv/launcher"].codes["stop"] = 3
    result = lives.run(beside, DOWN)
    assert result.end is End.FAILED
    assert "its stop command ended with 3, and its check still says that it is up" in result.message
    running = {one.argv[0] for one in lives.machine.processes.values()}
    assert "served" in running and "relay" not in running
    mounted = {mount.target for mount in FakeHost(lives.machine, NODE).mounts.table()}
    assert "/srv/web" in mounted and "/srv/other" not in mounted
