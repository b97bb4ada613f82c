"""Undo, exact: the k-th effect of a run fails for good, before or after it is there, for every k. What is undone is undone
exactly: the machine equals its record from before, but for the facets that the undone steps declare. The next run converges."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.ends import result_exit
from reconciler.cli.exits import Exit
from reconciler.core.action import Barrier
from reconciler.core.outcome import End, Result, Status
from reconciler.core.policy import UP, Aim, Goal, Policy
from reconciler.host.errors import Permanent
from reconciler.report.run_text import result_text
from tests.crash.life import NEWER, SPEC, Lives, read
from tests.crash.record import Key, differences, record
from tests.fakehost.network import plain

NO = Permanent("it fails for good")
DOWN = Goal(Aim.DOWN, "alice")
THREE = (
    SPEC
    + """
  container#3:
    type: docker
    image: osvc/demo:1
    image_archive: /img/demo.tar
    command: sleep 1000
    restart_policy: on-failure
    volume_mounts: kept:/data
"""
)
WEB = read(THREE)
LAN = (
    THREE + "    network: network#lan\n    network_alias: store\n    ip: 10.7.1.9\n    client_address: true\n    ports: 18099:80\n"
)
ADDRESSES = """
resources:
  ip#1: {name: 192.0.2.10, dev: eth0}
  ip#2: {name: "2001:db8::10", dev: eth0, netmask: 64}
  ip#3: {name: 10.1.0.5, dev: eth0, netmask: 24, label: "eth0:shop"}
"""
LAN += "  network#lan: {subnet: 10.7.1.0/24}\n  volume#data: {}\n"


def edited(*changes: tuple[str, str], base: str = THREE) -> Any:
    for old, new in changes:
        assert old in base, old
        base = base.replace(old, new)
    return read(base)


def nothing(lives: Lives) -> None:
    """The machine as it was installed."""


def up(lives: Lives) -> None:
    assert lives.run(WEB).end is End.CONVERGED


def on_lan(lives: Lives) -> None:
    assert lives.run(read(LAN)).end is End.CONVERGED


def with_addresses(lives: Lives) -> None:
    """And one of somebody else that hangs on one of them."""
    assert lives.run(read(ADDRESSES)).end is End.CONVERGED
    lives.machine.net.links["eth0"].assigned.append(plain("10.1.0.6/24", "eth0"))


def engine_only(lives: Lives) -> None:
    bare = read(THREE[: THREE.index("  container#1")])
    assert lives.run(bare).end is End.CONVERGED


def stopped(lives: Lives) -> None:
    up(lives)
    assert lives.run(WEB, DOWN).end is End.CONVERGED


def paused(lives: Lives) -> None:
    up(lives)
    lives.machine.docker.by_hand("/run/osvc/web/docker.sock").pause("web.container.1")


def with_registry(lives: Lives) -> None:
    up(lives)
    lives.machine.docker.registry["osvc/demo:9"] = NEWER


def torn_off(lives: Lives) -> None:
    up(lives)
    lives.machine.tear_off("/srv/web")


def engine_killed(lives: Lives) -> None:
    up(lives)
    for process in list(lives.machine.processes.values()):
        if process.exe.endswith("/dockerd"):
            lives.machine.kill(process.pid)


@dataclass(frozen=True)
class Scenario:
    """before: brings the machine to where the run begins. mends: the run mends drift, which is never undone."""

    before: Callable[[Lives], None]
    service: Any
    policy: Policy = field(default_factory=Policy)
    workers: int = 1
    mends: bool = False


SUBSETS = THREE.replace("  container#1:\n", "  container#1:\n    subset: a\n").replace(
    "  container#2:\n", "  container#2:\n    subset: b\n"
)
SCENARIOS = {
    "first start": Scenario(nothing, WEB),
    "replace one": Scenario(up, edited(("MODE: one", "MODE: two"))),
    "live change": Scenario(up, edited(("memory: 64m", "memory: 128m"), ("restart_policy: on-failure", "cpus: 0.5"))),
    "a limit comes": Scenario(up, edited(("restart_policy: on-failure", "memory: 32m"))),
    "restart by remount": Scenario(up, edited(("type: ext4", "type: ext4, mnt_opt: 'data=journal'"))),
    "engine argument": Scenario(
        up, edited(("docker_data_dir: /srv/web", "docker_data_dir: /srv/web\ndocker_daemon_args: --log-driver=none --debug"))
    ),
    "start again, changed": Scenario(stopped, edited(("MODE: one", "MODE: two"), ("memory: 64m", "memory: 128m"))),
    "rename": Scenario(up, edited(("memory: 64m", "memory: 64m\n    name: other"))),
    "prune one, replace another": Scenario(
        up, read(THREE[: THREE.index("\n  container#3")].replace("MODE: one", "MODE: two")), Policy(prune=True)
    ),
    "a network and a volume come": Scenario(up, read(LAN)),
    "a network made again": Scenario(on_lan, edited(("10.7.1.0/24", "10.7.1.0/25"), base=LAN)),
    "another port": Scenario(on_lan, edited(("18099:80", "18098:80"), base=LAN)),
    "a network goes": Scenario(on_lan, WEB, Policy(prune=True)),
    "addresses come": Scenario(nothing, read(ADDRESSES)),
    "other addresses": Scenario(
        with_addresses,
        edited(("192.0.2.10", "192.0.2.11"), ("netmask: 64", "netmask: 48"), ("eth0:shop", "eth0:x"), base=ADDRESSES),
    ),
    "addresses go": Scenario(with_addresses, read(ADDRESSES[: ADDRESSES.index("  ip#2")]), Policy(prune=True)),
    "start first": Scenario(
        up, edited(("command: sleep 1000\n    memory", "replace: start-first\n    command: sleep 2000\n    memory"))
    ),
    "pull before create": Scenario(
        with_registry,
        edited(
            (
                "image: osvc/demo:1\n    image_archive: /img/demo.tar\n    command: sleep 1000\n    memory",
                "image: osvc/demo:9\n    command: sleep 1000\n    memory",
            )
        ),
    ),
    "two subsets": Scenario(engine_only, read(SUBSETS)),
    "parallel subset": Scenario(
        engine_only,
        read(
            "subsets: {container:a: {parallel: true}}\n" + THREE.replace("    type: docker\n", "    type: docker\n    subset: a\n")
        ),
        workers=4,
    ),
    "replace one that is paused": Scenario(paused, edited(("MODE: one", "MODE: two"))),
    "unpause": Scenario(paused, WEB, mends=True),
    "bounce": Scenario(torn_off, WEB, mends=True),
    "engine killed, replace one": Scenario(engine_killed, edited(("MODE: one", "MODE: two")), mends=True),
}


def lives_at(folder: Path, scenario: Scenario) -> Lives:
    folder.mkdir()
    lives = Lives(folder, workers=scenario.workers)
    scenario.before(lives)
    lives.machine.done.clear()
    return lives


def crossed_a_barrier(result: Result) -> bool:
    """Whether a step was done that cannot be undone."""
    tried = [outcome for outcome in result.outcomes if outcome.status in (Status.DONE, Status.FAILED)]
    return any(isinstance(outcome.step.action.undo(outcome.before), Barrier) for outcome in tried if not outcome.step.repair)


class Stage:
    """A scenario, set up once and copied for every trial. effects: how many its run has. picture: what it leads to."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.scenario = SCENARIOS[name]
        self.start = lives_at(folder / "start", self.scenario)
        self.before = record(self.start)
        self.base = self.start.machine.effects
        reference = self.start.copy(folder / "reference")
        assert self.run(reference).end is End.CONVERGED
        self.effects, self.picture = reference.machine.effects - self.base, reference.picture()

    def trial(self, name: object) -> Lives:
        return self.start.copy(self.folder / str(name))

    def run(self, lives: Lives, *, whole: bool = True) -> Result:
        result = lives.run(self.scenario.service, UP, policy=self.scenario.policy, whole_undo=whole)
        assert result is not None
        return result

    def converges(self, lives: Lives, about: str) -> None:
        """The faults are over. It may take a second run: the first may have to find out what came of the undoing."""
        lives.machine.heal()
        result = self.run(lives)
        if result.end is not End.CONVERGED:
            result = self.run(lives)
        assert result.end is End.CONVERGED, f"{about}; then {result.message}"
        assert lives.picture() == self.picture, about


@pytest.fixture
def stage(tmp_path: Path, name: str) -> Stage:
    return Stage(tmp_path, name)


def of(rids: Iterable[str]) -> Callable[[Key], bool]:
    """The keys of these resources' containers."""
    names = {f"web.{rid.replace('#', '.')}" for rid in rids}
    return lambda key: key[0] == "container" and key[2] in names


INSTEAD = ("first start", "other addresses", "replace one", "live change", "engine argument", "replace one that is paused")
"""Scenarios whose effects fail instead of being done, too. In all of them each effect fails although it is done."""


@pytest.mark.parametrize(("name", "when"), [*((name, "after") for name in SCENARIOS), *((name, "before") for name in INSTEAD)])
def test_a_failure_at_every_step_is_undone_exactly(stage, when):
    for k in range(1, stage.effects + 1):
        lives = stage.trial(k)
        lives.machine.fail_at(stage.base + k, when, NO)
        result = stage.run(lives)
        about = f"failed {when} effect {k}: {result.end} {result.message}"
        if stage.scenario.mends or crossed_a_barrier(result):
            assert result.end in (End.ROLLED_BACK, End.FAILED), about
        else:
            assert (result.end, result.undone, result.left) == (End.ROLLED_BACK, True, ()), about
            assert differences(stage.before, record(lives), result.outcomes) == [], about
        if when == "after":
            stage.converges(lives, about)


@pytest.mark.parametrize("name", ["replace one", "live change", "engine argument", "two subsets", "parallel subset"])
def test_what_an_apply_undoes_of_one_resource_is_exact_and_the_others_go_on(stage):
    for k in range(1, stage.effects + 1):
        lives = stage.trial(k)
        lives.machine.fail_at(stage.base + k, "after", NO)
        result = stage.run(lives, whole=False)
        about = f"failed after effect {k}: {result.end} {result.message}"
        failed = {outcome.step.rid for outcome in result.failures}
        undone = failed | {outcome.step.rid for outcome in result.outcomes if outcome.status is Status.UNDONE}
        if not crossed_a_barrier(result):
            assert result.end is End.ROLLED_BACK, about
            assert differences(stage.before, record(lives), result.outcomes, of(undone)) == [], about
        lost = {outcome.step.rid for outcome in result.outcomes if outcome.status is Status.SKIPPED} - undone
        assert not lost or not [rid for rid in failed if rid.startswith("container")], f"{about}: {lost} waits for a container"
        stage.converges(lives, about)


@pytest.mark.parametrize(
    ("name", "when"),
    [
        ("first start", "after"),
        ("replace one", "before"),
        ("engine argument", "before"),
        ("restart by remount", "after"),
    ],
)
def test_a_failure_while_undoing_is_told_exactly_and_mended_by_the_next_run(stage, name, when):
    """The last step that can be undone fails, and then the j-th effect of its undoing (of many, every third)."""
    last = stage.base + stage.effects - ("replace" in name)
    told = 0
    for j in range(1, 100, 3 if stage.effects > 20 else 1):
        lives = stage.trial(j)
        lives.machine.fail_at(last, "before", NO)
        lives.machine.fail_at(last - 1 + j, when, Permanent("nor can it be undone"))
        result = stage.run(lives)
        about = f"then failed {when} effect {j} of undoing: {result.end} {result.message}"
        if not result.left:
            assert result.end is End.ROLLED_BACK, about
            assert differences(stage.before, record(lives), result.outcomes) == [], about
            break
        told += 1
        assert (result.end, result.undone, result_exit(result)) == (End.FAILED, False, Exit.UNSETTLED), about
        assert "nor can it be undone" in result.left[0].why, about
        assert result.left[0].commands, about
        stands = {outcome.step.n for outcome in result.outcomes if outcome.status is Status.DONE}
        assert {left.step.n for left in result.left} - stands <= {outcome.step.n for outcome in result.failures}, about
        assert stands <= {left.step.n for left in result.left}, f"{about}: something stands, and is not told"
        text = result_text(result)
        assert all(f"  {left.says()}\n" in text for left in result.left), text
        stage.converges(lives, about)
    assert told, "no undoing was made to fail"


@pytest.mark.parametrize("name", ["start again, changed"])
def test_the_comparison_lets_nothing_else_through(stage):
    lives = stage.trial("lives")
    lives.machine.fail_at(stage.base + stage.effects - 1, "before", NO)
    outcomes = stage.run(lives).outcomes
    after = record(lives)
    assert differences(stage.before, after, outcomes) == []
    without = differences(stage.before, after, ())
    assert any("State.StartedAt" in line for line in without)
    (key,) = [key for key in after if key[:1] == ("container",) and key[2:] == ("web.container.2", "HostConfig.Memory")]
    assert differences(stage.before, {**after, key: 1}, outcomes) == [f"{' '.join(key)}: {64 << 20} → 1"]
    assert differences(stage.before, {**after, ("file", "", "/etc/new"): "x"}, outcomes) == ["file  /etc/new: None → 'x'"]
