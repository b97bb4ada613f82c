"""Faults: what is done to a world behind osvc's back, drawn by lot. Only the lot decides what is done: a seed repeats it."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from benchmarks import engines
from benchmarks.floor import Line
from tests.integration.watching import Watching
from tests.soak.world import CONTAINERS, Service, World

AT_ONCE = 2
"""Times that a service may be harmed between two edits: what drifts again and again a watch lets rest, for minutes at last."""
HUNG = 3.0
PAUSE = 0.3
"""Seconds between two faults of a burst, at most: some are one burst to the watch, and some are not."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault. weight: how often it is drawn. do: does it to one container of a service, if it is one of containers.
    private: only to services with an engine of their own. edits: it is an edit, after which nothing counts as drift again. still:
    only while the watch does nothing: a containerd that is killed in the middle of a start leaves a folder behind, for which the
    next one never starts that container again, and which only a person can take away from an engine that is not osvc's."""

    name: str
    weight: int
    do: Callable[[World, Service, str], object]
    private: bool = False
    edits: bool = False
    still: bool = False


def _call(method: str, url: str) -> Callable[[World, Service, str], object]:
    """A call to the service's engine; NAME stands for the container."""
    return lambda world, service, rid: Line(service.socket, 30.0).call(method, url.replace("NAME", service.container(rid)))


def _killed(world: World, service: Service, rid: str) -> None:
    if pid := engines.look(service.socket)[service.container(rid)].pid:
        os.kill(pid, signal.SIGKILL)


def _command(*words: str) -> Callable[[World, Service, str], object]:
    def do(world: World, service: Service, rid: str) -> None:
        given = [word.replace("MOUNT", service.mount).replace("ADDRESS", service.address) for word in words]
        subprocess.run(given, capture_output=True, check=True, timeout=20)

    return do


def _daemon(kind: str, number: int) -> Callable[[World, Service, str], object]:
    """A signal to a service's own dockerd or containerd."""

    def do(world: World, service: Service, rid: str) -> None:
        os.kill(_pid(world, service, kind), number)

    return do


def _pid(world: World, service: Service, kind: str) -> int:
    folder = world.lab.node.service_dir(service.name)
    return next(pid for pid, words in world.lab.processes().items() if Path(words[0]).name == kind and folder in " ".join(words))


def _hung(world: World, service: Service, rid: str) -> None:
    pid = _pid(world, service, "dockerd")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(HUNG)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def _system(world: World, service: Service, rid: str) -> None:
    """The engine that many share is killed, and is there again: nobody's but the administrator's."""
    world.system.kill_daemon()
    world.system.start()


def _edited(world: World, service: Service, rid: str) -> None:
    service.edits += 1
    service.write()


def _broken(world: World, service: Service, rid: str) -> None:
    """An edit that is half done for a while."""
    service.file.write_text("resources: {fs#1: [")
    time.sleep(0.5)
    _edited(world, service, rid)


def _away(world: World, service: Service, rid: str) -> None:
    """The spec is moved out of the folder, and back."""
    aside = world.lab.root / service.file.name
    service.file.rename(aside)
    time.sleep(0.5)
    aside.rename(service.file)


def _by_hand(*verbs: str) -> Callable[[World, Service, str], object]:
    """An operator beside the watch. Where the watch is at work on the service, the operator waits, and tries again."""

    def do(world: World, service: Service, rid: str) -> None:
        for verb in verbs:
            for _ in range(3):
                if world.lab.osvc(verb, service.name, ok=tuple(range(256)), timeout=120).returncode == 0:
                    break

    return do


FAULTS = (
    Fault("container killed", 6, _killed),
    Fault("container stopped", 3, _call("POST", "/containers/NAME/stop?t=1")),
    Fault("container removed", 4, _call("DELETE", "/containers/NAME?force=1")),
    Fault("container paused", 3, _call("POST", "/containers/NAME/pause")),
    Fault("container renamed", 2, _call("POST", "/containers/NAME/rename?name=NAME-stolen")),
    Fault("address removed", 4, _command("ip", "address", "del", "ADDRESS/32", "dev", "lo")),
    Fault("unmounted", 3, _command("umount", "MOUNT")),
    Fault("unmounted lazily", 2, _command("umount", "-l", "MOUNT")),
    Fault("mounted over", 1, _command("mount", "-o", "remount,size=7m", "MOUNT")),
    Fault("dockerd killed", 3, _daemon("dockerd", signal.SIGKILL), private=True),
    Fault("containerd killed", 2, _daemon("containerd", signal.SIGKILL), private=True),
    Fault("dockerd hung", 1, _hung, private=True),
    Fault("shared engine killed", 1, _system, still=True),
    Fault("spec edited", 4, _edited, edits=True),
    Fault("spec broken, then edited", 2, _broken, edits=True),
    Fault("spec away, and back", 1, _away),
    Fault("stopped and started by hand", 1, _by_hand("stop", "start")),
    Fault("restarted by hand", 1, _by_hand("restart")),
)


@dataclass(frozen=True)
class Draw:
    """One fault that was drawn: to whom, to which container, and after how many seconds."""

    fault: Fault
    service: str
    rid: str
    after: float

    def __str__(self) -> str:
        return f"{self.service}: {self.fault.name}"


def bursts(world: World, dice: random.Random) -> Iterator[list[Draw]]:
    """Bursts of faults without an end. Of one burst no service is harmed twice."""
    harmed = {service.name: 0 for service in world.services}
    while True:
        drawn: list[Draw] = []
        for service in dice.sample(world.services, dice.randint(1, max(1, len(world.services) // 3))):
            tired = harmed[service.name] >= AT_ONCE
            fitting = [fault for fault in FAULTS if (service.private or not fault.private) and (fault.edits or not tired)]
            fault = dice.choices(fitting, [one.weight for one in fitting])[0]
            harmed[service.name] = 0 if fault.edits else harmed[service.name] + 1
            drawn.append(Draw(fault, service.name, dice.choice(CONTAINERS), dice.uniform(0.0, PAUSE)))
        yield drawn


def strike(world: World, watch: Watching, draw: Draw) -> bool:
    """Do it. Whether it could be done: what an earlier fault has taken away cannot be harmed again."""
    time.sleep(draw.after)
    if draw.fault.still:
        watch.quiet()
    try:
        draw.fault.do(world, world.named(draw.service), draw.rid)
    except (OSError, HTTPException, RuntimeError, KeyError, StopIteration, subprocess.CalledProcessError):
        return False
    return True
