"""Repairs: the rows of what a running `osvc watch` mends.

    python -m benchmarks.repairs COUNT RUNS LITTER [--osvc PROGRAM]

Run in a place (benchmarks/place.py), as root; prints a row a line, as JSON, and progress on stderr. COUNT is 1: of resources that
are harmed at a time. In each run everything of harms.py is done once, each under a watch of its own that has come to rest. Measured
is from the moment at which the machine tells of the harm (the engine's event, the kernel's call that has returned) until the watch
says that all is as it should be, which it does once it has looked. A run counts only if nothing but that one resource was touched,
every other container is the same process as before, and a plan is empty.

The floor is the repair's own calls and no more, for a thing beside it, in turn; the peer is docker's restart policy.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks import engines
from benchmarks.cycles import Stage, Tally, print_rows, stage
from benchmarks.floor import Line, body
from benchmarks.harms import CONTAINERS, ENGINE, FLOORS_ADDRESS, HARMS, Ground, Harm, disks, killed_by_pid, name_of
from benchmarks.hosts import run
from benchmarks.measure import Done
from benchmarks.place import Litter
from benchmarks.rows import Goal, Row
from benchmarks.sides import Ours
from tests.contract.engine_fixture import DEMO
from tests.integration.lab import Lab
from tests.integration.watching import Watching, watching

SHAPE: Final = "repair"
GOAL: Final = Goal(1.0, slack=0.15, late=0.5)
PEER: Final = "peer-killed"
PEER_NAME: Final = "restart: always"
LASTS: Final = 11.0
"""Seconds that a container has run before it is killed: see `Ours`; docker's policy waits ever longer for one that ran for less."""
REST: Final = 1.3
"""Seconds of silence after which a watch is at rest: it looks once more a second after anything."""


def rows(count: int, runs: int, litter: Litter, osvc: Path) -> Iterator[Row]:
    """One row of each harm."""
    tally = Tally()
    with stage("containers", litter, osvc, "") as here:
        lab = lab_of(here)
        with disks(lab) as (device, floors_device):
            ground = Ground(lab, osvc, here.socket, device, floors_device)
            _prepare(ground)
            for turn in range(1, runs + 1):
                ground.turn = turn
                for harm in HARMS:
                    for who in ("floor", "ours", "peer")[:: 1 if turn % 2 else -1]:
                        _turn(ground, harm, who, tally)
                print(f"  {SHAPE}: run {turn} of {runs}", file=sys.stderr, flush=True)
            run("umount", str(ground.floors_mount))
    for harm in HARMS:
        ours, floor = tally.samples(harm.name, "ours", "osvc watch"), tally.samples(harm.name, "floor", harm.calls)
        peer = tally.samples(harm.name, "peer", PEER_NAME) if (harm.name, "peer") in tally.done else None
        yield Row(harm.name, count, SHAPE, ours, floor, peer, goal=GOAL, faults=tuple(tally.faults[harm.name]))


def lab_of(here: Stage) -> Lab:
    ours = here.sides["ours"]
    assert isinstance(ours, Ours)
    return ours.lab


def _prepare(ground: Ground) -> None:
    """The service up, and the floor's and the peer's things beside it."""
    ground.write()
    done = ground.lab.osvc("apply", "--yes")
    assert done.returncode == 0
    line = Line(ground.socket)
    for name in (*(f"floor-{harm}" for harm in CONTAINERS), PEER):
        always = {"RestartPolicy": {"Name": "always"}} if name == PEER else {}
        wanted = body(DEMO)
        line.call("POST", f"/containers/create?name={name}", wanted | {"HostConfig": wanted["HostConfig"] | always})
        line.call("POST", f"/containers/{name}/start")
    run("ip", "address", "add", FLOORS_ADDRESS, "dev", "lo")
    time.sleep(LASTS)


def _turn(ground: Ground, harm: Harm, who: str, tally: Tally) -> None:
    """One side, once. What goes wrong is noted, and the service mended by `osvc apply`."""
    try:
        if who == "floor":
            seconds = harm.floor(ground)
        elif who == "ours":
            seconds = _repaired(ground, harm)
        elif harm.rid == "container#killed":
            seconds = ground.events.of("start", PEER, killed := killed_by_pid(ground, PEER)) - killed
        else:
            return
        tally.add(harm.name, who, Done(seconds, 0))
    except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as err:
        tally.faults[harm.name].append(f"run {ground.turn}: {who}: {err}")
        ground.lab.osvc("apply", "--yes", ok=tuple(range(256)))
        ground.listen()


def _repaired(ground: Ground, harm: Harm) -> float:
    """Do the harm under a watch: seconds until it said that it is mended. Raises AssertionError when that was not as it should."""
    with watching(ground.lab, program=[str(ground.osvc)], rest=REST) as watch:
        before, since = engines.look(ground.socket), len(watch.lines)
        told = harm.do(ground)
        touched = set(watch.repaired(since))
        assert touched == {harm.rid}, f"touched {', '.join(sorted(touched)) or 'nothing'} instead of {harm.rid}"
        ended = _ended(watch, since)
    if harm.name == ENGINE:
        ground.listen()
    others = {name for name in before if name != name_of(harm.rid.partition("#")[2])}
    after = engines.look(ground.socket)
    wrong = sorted(name for name in others if after.get(name) != before[name])
    assert not wrong, f"touched {', '.join(wrong)} as well"
    ground.lab.converged()
    return ended - told


def _ended(watch: Watching, since: int) -> float:
    """When it said so first."""
    return next(at for at, line in zip(watch.heard[since:], watch.lines[since:], strict=False) if line["event"] == "ended")


if __name__ == "__main__":
    print_rows("repairs", rows)
