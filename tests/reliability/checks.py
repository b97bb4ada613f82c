"""Checks: what has to be true after every case, whatever was struck. Each answers with complaints; none is good."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from reconciler.core.tags import RID, SERVICE, STORE
from reconciler.resources.container.forms import SUCCESSOR
from tests.integration.striking import processes
from tests.reliability.matrix import Stand
from tests.reliability.stage import CONTAINERS, SERVICES, Stage
from tools.machine_record import differences

_PATIENCE = 20.0
"""Seconds that the machine has to show what was done."""


def wanted(stand: Stand) -> dict[str, tuple[str, ...]]:
    """service -> the containers that it has."""
    if stand is Stand.PRUNED:
        return {"web": CONTAINERS["web"][:1]}
    return CONTAINERS


def complaints(stage: Stage, stand: Stand) -> list[str]:
    """Everything that is wrong with a stage whose services should be in this state."""
    looks = (foreign, runs_once, machine, *((engines, owned) if stand is not Stand.NOTHING else ()))
    return [text for look in looks for text in look(stage, stand)]


def foreign(stage: Stage, stand: Stand) -> list[str]:
    """Nothing foreign was touched."""
    now = stage.foreign.picture()
    return [
        f"something foreign was touched: {what} was {was}, is {now[what]}" for what, was in stage.alien.items() if now[what] != was
    ]


def machine(stage: Stage, stand: Stand) -> list[str]:
    """Nothing of the machine's is gone; and where the services are down, nothing of theirs is left.

    The kernel takes back loop devices and control groups a moment after their end.
    """
    until = time.monotonic() + _PATIENCE
    while (said := _machine(stage, stand)) and time.monotonic() < until:
        time.sleep(0.1)
    return said


def _machine(stage: Stage, stand: Stand) -> list[str]:
    found = differences(stage.bare, stage.record())
    left = [line for line in found if ": - " in line or stand in (Stand.DOWN, Stand.NOTHING)]
    said = [f"the machine's record differs: {line}" for line in left]
    for service in SERVICES:
        up = stand is Stand.UP or (stand is Stand.PRUNED and service == "web")
        said += _processes(stage, service, up=up)
        disk = stage.ground.disk(service)
        if disk.is_mount() is not up:
            said.append(f"{disk} is {'not ' if up else ''}mounted")
        if not disk.is_mount() and disk.exists() and any(disk.iterdir()):
            said.append(f"something was written below {disk} while its filesystem was not mounted: {sorted(disk.iterdir())}")
    return said


def _processes(stage: Stage, service: str, *, up: bool) -> list[str]:
    found = {"dockerd": stage.ground.daemons(service), "containerd": stage.ground.containerds(service)}
    return [f"{service} has {len(pids)} processes {name}, not {int(up)}" for name, pids in found.items() if len(pids) != int(up)]


def runs_once(stage: Stage, stand: Stand) -> list[str]:
    """On the machine, not in the engines' words: the one process of each container is there once, or not at all."""
    counted = Counter(argv[1] for _, _, argv in processes() if argv[0] == "sleep" and len(argv) > 1)
    up = (
        set() if stand in (Stand.DOWN, Stand.NOTHING) else {f"{name}.{rid}" for name, rids in wanted(stand).items() for rid in rids}
    )
    return [
        f"{name} runs {counted[str(number)]} times, not {int(name in up)}"
        for name, number in stage.sleeps.items()
        if counted[str(number)] != int(name in up)
    ]


def engines(stage: Stage, stand: Stand) -> list[str]:
    """The containers of each engine that runs: those of its service by name, image and labels, and what a person started."""
    if stand is Stand.DOWN:
        return []
    said: list[str] = []
    uuid = stage.ownership("web").store
    for service, rids in wanted(stand).items():
        found = stage.lab.containers(service)
        if service == "web" and stage.by_hand not in {str(one["Id"]) for one in found.values()}:
            said.append("the container that a person started in the engine of web is gone")
        ours = {name: one for name, one in found.items() if one["Id"] != stage.by_hand}
        ours = {name: one for name, one in ours.items() if not (stage.bad and _dead_successor(name, one))}
        names = {f"{service}.{rid.replace('#', '.')}": rid for rid in rids}
        if set(ours) != set(names):
            said.append(f"the engine of {service} has {sorted(ours)}, not {sorted(names)}")
        for name, one in ours.items():
            labels = one["Config"]["Labels"]
            have = (labels.get(SERVICE), labels.get(RID), labels.get(STORE))
            if have != (service, names.get(name), uuid):
                said.append(f"{name} carries the labels {have}, not {(service, names.get(name), uuid)}")
            if name == f"{service}.container.1" and one["Config"]["Image"] != f"osvc/demo:{stage.revision}":
                said.append(f"{name} was made from {one['Config']['Image']}, not revision {stage.revision}")
    return said


def _dead_successor(name: str, one: Mapping[str, Any]) -> bool:
    """A new version that failed, and was about to be removed: the next replacement that succeeds takes it along."""
    return SUCCESSOR in name and one["State"]["Status"] in ("exited", "created")


def owned(stage: Stage, stand: Stand) -> list[str]:
    """The store's words: each service owns what is there, and nothing else."""
    said: list[str] = []
    for service in SERVICES:
        rids = wanted(stand).get(service, ())
        expected = {"fs#1", "dockerd", *rids} if rids else set()
        have = stage.ownership(service).owned
        if set(have) != expected:
            said.append(f"the store says that {service} owns {sorted(have)}, not {sorted(expected)}")
        if stand is not Stand.DOWN:
            said += [f"the store does not know how {service} {rid} was applied" for rid, one in have.items() if one.applied is None]
    return said
