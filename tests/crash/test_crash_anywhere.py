"""Crash anywhere: osvc is killed before and after its k-th effect, for every k; it is started again, and the machine ends up
as if nothing had happened: the same picture, nothing started twice, nothing left over, and nothing more to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.core.outcome import End
from reconciler.core.policy import UP, Aim, Goal, Policy
from tests.crash.life import SPEC, Lives, read
from tests.fakehost.network import plain

WEB = read(SPEC)
EDITED = read(SPEC.replace("command: sleep 1000\n    environment", "command: sleep 2000\n    environment").replace("64m", "128m"))
ONE_LESS = read(SPEC[: SPEC.index("  container#2")])
LAN = """
docker_data_dir: /srv/web
resources:
  network#lan: {subnet: 10.7.1.0/24}
  volume#data: {}
  container#1:
    image: osvc/demo:1
    image_archive: /img/demo.tar
    command: sleep 1000
    network: network#lan
    ip: 10.7.1.9
    client_address: true
    ports: 18080:80
    volume_mounts: volume#data:/data
  container#2:
    image: osvc/demo:1
    image_archive: /img/demo.tar
    command: sleep 1000
    network: none
    replace: start-first
"""
ON_LAN = read(LAN)
OTHER_LAN = read(LAN.replace("10.7.1.", "10.7.2."))
OTHER_OPTIONS = read(LAN.replace("10.7.1.0/24}", "10.7.1.0/24, labels: a=b}"))
OTHER_PORT = read(LAN.replace("18080:80", "18081:80"))
START_FIRST = read(LAN.replace("1000\n    network: none", "2000\n    network: none"))
SHOP = """
resources:
  ip#1: {name: 192.0.2.10, dev: eth0}
  ip#2: {name: "2001:db8::10", dev: eth0, netmask: 64}
  ip#3: {name: 10.1.0.5, dev: eth0, netmask: 24, label: "eth0:shop"}
"""
ADDRESSES = read(SHOP)
OTHER_ADDRESSES = read(
    SHOP.replace("192.0.2.10", "192.0.2.11").replace("netmask: 64", "netmask: 48").replace("eth0:shop", "eth0:x")
)
DOWN = Goal(Aim.DOWN, "alice")
DISKS = read("""
resources:
  fs#1: {dev: /img/new.img, mnt: /srv/new, type: xfs, provision: true, size: 64m, kill_grace: 1}
  fs#2: {type: directory, path: /srv/new/a, perm: "0750"}
  fs#3: {type: flag}
  fs#4: {dev: /srv/new/a, mnt: /srv/a, type: none, mnt_opt: bind}
""")
PROVISION = Policy(force=frozenset({"provision"}))
_BESIDE = (
    "pre_start: touch /srv/begun, post_start: touch /srv/begun, pre_stop: touch /srv/ended, blocking_post_stop: touch /srv/ended"
)
WITH_TRIGGERS = read(
    SPEC.replace("resources:", f"resources:\n  fs#2: {{dev: tmpfs, mnt: /srv/warm, type: tmpfs, standby: true, {_BESIDE}}}")
    + "".join(f"    {word}\n" for word in _BESIDE.split(", "))
)
"""Each moment has a trigger before it that leaves the same trace: one that a killed run did not come to is not run later."""


def up(lives: Lives) -> None:
    result = lives.run(WEB)
    assert result is not None and result.end is End.CONVERGED, result


def on_lan(lives: Lives) -> None:
    result = lives.run(ON_LAN)
    assert result is not None and result.end is End.CONVERGED, result


def with_triggers(lives: Lives) -> None:
    result = lives.run(WITH_TRIGGERS)
    assert result is not None and result.end is End.CONVERGED, result


def stopped_on_lan(lives: Lives) -> None:
    on_lan(lives)
    lives.run(ON_LAN, DOWN)
    assert not any("OSVC-" in rule for rule in lives.machine.net.rules())
    assert not any(name.startswith("osvc-") for name in lives.machine.net.links)


def with_addresses(lives: Lives) -> None:
    """And one of somebody else that hangs on one of them."""
    result = lives.run(ADDRESSES)
    assert result is not None and result.end is End.CONVERGED, result
    lives.machine.net.links["eth0"].assigned.append(plain("10.1.0.6/24", "eth0"))


def stopped(lives: Lives) -> None:
    up(lives)
    lives.run(WEB, DOWN)


def engine_killed(lives: Lives) -> None:
    up(lives)
    for process in list(lives.machine.processes.values()):
        if process.exe.endswith("/dockerd"):
            lives.machine.kill(process.pid)


def container_died(lives: Lives) -> None:
    up(lives)
    lives.machine.docker.by_hand("/run/osvc/web/docker.sock").stop("web.container.2", 1)


def rebooted(lives: Lives) -> None:
    up(lives)
    lives.machine.reboot()


def disks_made(lives: Lives) -> None:
    result = lives.run(DISKS, policy=PROVISION)
    assert result is not None and result.end is End.CONVERGED, result


def disks_rebooted(lives: Lives) -> None:
    disks_made(lives)
    lives.machine.reboot()


def disks_busy(lives: Lives) -> None:
    disks_made(lives)
    holder = lives.machine.start_process(("mysqld",), ignores={15})
    lives.machine.hold(holder, "/srv/new/a")


@dataclass(frozen=True)
class Scenario:
    """before: brings the machine to where the run begins. starts: how often a container may be started by it in all."""

    before: Callable[[Lives], None]
    run: Callable[[Lives], object]
    starts: int


SCENARIOS = {
    "cold apply": Scenario(lambda lives: None, lambda lives: lives.run(WEB), 2),
    "stop": Scenario(up, lambda lives: lives.run(WEB, DOWN), 0),
    "start again": Scenario(stopped, lambda lives: lives.run(WEB, UP), 2),
    "replace one, update the other": Scenario(up, lambda lives: lives.run(EDITED), 1),
    "prune one": Scenario(up, lambda lives: lives.run(ONE_LESS, policy=Policy(prune=True)), 0),
    "prune all": Scenario(up, lambda lives: lives.run(None, policy=Policy(prune=True)), 0),
    "the engine was killed": Scenario(engine_killed, lambda lives: lives.run(WEB), 0),
    "a container died": Scenario(container_died, lambda lives: lives.run(WEB), 1),
    "cold, with a network and a volume": Scenario(lambda lives: None, lambda lives: lives.run(ON_LAN), 2),
    "a network made again": Scenario(on_lan, lambda lives: lives.run(OTHER_LAN), 1),
    "a network made again under the same container": Scenario(on_lan, lambda lives: lives.run(OTHER_OPTIONS), 1),
    "another port": Scenario(on_lan, lambda lives: lives.run(OTHER_PORT), 1),
    "stop, with a network": Scenario(on_lan, lambda lives: lives.run(ON_LAN, DOWN), 0),
    "start again, with a network": Scenario(stopped_on_lan, lambda lives: lives.run(ON_LAN), 2),
    "start first": Scenario(on_lan, lambda lives: lives.run(START_FIRST), 1),
    "cold, with addresses": Scenario(lambda lives: None, lambda lives: lives.run(ADDRESSES), 0),
    "other addresses": Scenario(with_addresses, lambda lives: lives.run(OTHER_ADDRESSES), 0),
    "stop, with addresses": Scenario(with_addresses, lambda lives: lives.run(ADDRESSES, DOWN), 0),
    "filesystems that are made": Scenario(lambda lives: None, lambda lives: lives.run(DISKS, policy=PROVISION), 0),
    "filesystems that are busy": Scenario(disks_busy, lambda lives: lives.run(DISKS, DOWN), 0),
    "filesystems once more": Scenario(disks_rebooted, lambda lives: lives.run(DISKS), 0),
    "cold, with triggers": Scenario(lambda lives: None, lambda lives: lives.run(WITH_TRIGGERS), 2),
    "stop, with triggers and something on standby": Scenario(with_triggers, lambda lives: lives.run(WITH_TRIGGERS, DOWN), 0),
    "after a power cut": Scenario(rebooted, lambda lives: lives.run(WEB), 2),
}


def lives_at(folder: Path, scenario: Scenario, workers: int = 1) -> Lives:
    folder.mkdir()
    lives = Lives(folder, workers=workers)
    scenario.before(lives)
    lives.machine.done.clear()
    return lives


def converge_again(lives: Lives, scenario: Scenario, about: str) -> None:
    """As often as it takes, but not for ever: a run may have to tell first that what it began is gone."""
    for _ in range(2):
        result = scenario.run(lives)
        assert result is not None and result.end is End.CONVERGED, f"{about}: {result.end} {result.message}"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_any_effect(tmp_path, name, when):
    scenario = SCENARIOS[name]
    reference = lives_at(tmp_path / "reference", scenario)
    base = reference.machine.effects
    scenario.run(reference)
    effects, picture = reference.machine.effects - base, reference.picture()
    assert sum(reference.starts().values()) == scenario.starts
    assert effects > 0
    for k in range(1, effects + 1):
        lives = lives_at(tmp_path / f"{k}", scenario)
        lives.machine.die_at(lives.machine.effects + k, when)
        assert scenario.run(lives) is None, f"killed {when} effect {k}, but lived"
        last = lives.machine.done[-1] if lives.machine.done else "nothing"
        about = f"killed {when} effect {k}, the last was: {last}"
        converge_again(lives, scenario, about)
        assert lives.picture() == picture, about
        assert sum(lives.starts().values()) == scenario.starts, about
        done = lives.machine.effects
        scenario.run(lives)
        assert lives.machine.effects == done, f"{about}; then not at rest: {lives.machine.done[-3:]}"


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_again_and_again(tmp_path, when):
    """Every life ends a few effects later, and is a little longer than the one before."""
    scenario = SCENARIOS["cold apply"]
    reference = lives_at(tmp_path / "reference", scenario)
    scenario.run(reference)
    lives = lives_at(tmp_path / "lives", scenario)
    for life in range(60):
        lives.machine.die_at(lives.machine.effects + 2 + life, when)
        if scenario.run(lives) is not None:
            break
    lives.machine.revive()
    assert lives.deaths > 5
    assert lives.picture() == reference.picture()
    assert set(lives.starts().values()) == {1}


def test_killed_while_four_work_at_once(tmp_path):
    scenario = SCENARIOS["cold apply"]
    reference = lives_at(tmp_path / "reference", scenario, workers=4)
    scenario.run(reference)
    for k in range(1, reference.machine.effects + 1, 3):
        lives = lives_at(tmp_path / f"{k}", scenario, workers=4)
        lives.machine.die_at(k, "after")
        scenario.run(lives)
        lives.machine.revive()
        converge_again(lives, scenario, f"killed after effect {k} with four workers")
        assert lives.picture() == reference.picture(), k
        assert set(lives.starts().values()) == {1}, k


def test_the_store_says_what_was_about_to_be_done_when_it_died(tmp_path):
    from reconciler.engine.store import Store

    lives = lives_at(tmp_path / "lives", SCENARIOS["cold apply"])
    lives.machine.die_at(3, "before")
    assert lives.run(WEB) is None
    store = Store.open(str(lives.folder), write=False)
    assert store.journal()[-1].phase == "intend"
    store.close()


def test_no_secret_lies_in_the_state_folder(tmp_path):
    lives = lives_at(tmp_path / "lives", SCENARIOS["cold apply"])
    lives.run(WEB)
    for file in lives.folder.rglob("*"):
        if file.is_file():
            assert b"hunter2" not in file.read_bytes(), file
