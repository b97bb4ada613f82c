"""Cycles: the rows of work on an engine.

    python -m benchmarks.cycles SHAPE COUNT RUNS LITTER [--osvc PROGRAM] [--compose BINARY] [--hasty]

Run in a place (benchmarks/place.py), as root; prints a row a line, as JSON, and progress on stderr. A run is one engine, and on it
one cycle of each side in turn: nothing there, cold, no-op, one changed, one killed, tear-down, nothing there. Each run begins with
another side, for what an engine does first takes it longer.
What an engine has is looked at before and after each piece of work; it is never timed.
"""

import argparse
import contextlib
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import engines
from benchmarks.measure import Done, Measure
from benchmarks.place import Litter
from benchmarks.rows import Goal, Row, Samples
from benchmarks.sides import START_UP, WORKS, Compose, Floor, Ours, Side
from tests.contract.engine_fixture import DEMO, PrivateEngine
from tests.integration.lab import Lab

OWN = Path(sys.executable).with_name("osvc")
"""The osvc of the project's own environment."""
SYSTEM_SOCKET = "/run/docker.sock"
"""Where a service without a data root looks for its engine; in a place, this is the place's own."""


def goal_of(work: str, shape: str, count: int) -> Goal | None:
    """What osvc should reach: beside the floor for all but a first start, which is measured against Compose as well."""
    goals = {
        "no-op": Goal(1.0, slack=0.1, ahead=shape == "services" and count > 1),
        "one changed": Goal(1.25),
        "tear-down": Goal(1.1),
    }
    if work == "cold" and shape == "containers" and count >= 50:
        return Goal(1.25, ahead=True)
    return goals.get(work)


@dataclass
class Stage:
    """One run's engine, and who takes part on it, in turn. log: the engine's own."""

    socket: str
    log: str
    sides: Mapping[str, Side]


class System(PrivateEngine):
    """An engine that stands where the system's would."""

    def __init__(self, **config: object) -> None:
        super().__init__(**config)
        self.socket = SYSTEM_SOCKET


@contextlib.contextmanager
def stage(shape: str, litter: Litter, osvc: Path, compose: str, *, debug: bool = False) -> Iterator[Stage]:
    """An engine with the image and nothing else. For `containers` osvc made it, as the engine of the service; for `services` it
    is the one that services without a data root share. A state folder of its own in both."""
    with contextlib.ExitStack() as stack:
        lab = Lab()
        stack.callback(lab.close)
        tag = f"osvc-{lab.node.tag('web')}"
        litter.add(str(lab.root), tag, f"{tag}-c")
        if shape == "containers":
            more = {"docker_daemon_args": "--debug"} if debug else {}
            ours = Ours(osvc, lab, shape, {"docker_data_dir": f"{lab.root}/d", **more})
            ours.write("tear-down", 0)
            lab.apply()
            socket, log = (f"{lab.node.service_dir('web')}/docker.{name}" for name in ("sock", "log"))
        else:
            system = System(debug=debug)
            litter.add(str(system.dir), system.name)
            stack.enter_context(system)
            ours, socket, log = Ours(osvc, lab, shape, {}), system.socket, system.log
        lab.docker.engine(socket).load(lab.archive(), DEMO, 60.0)
        sides: dict[str, Side] = {"floor": Floor(socket), "ours": ours}
        if compose:
            sides["peer"] = Compose(compose, socket, lab.root / "compose", shape)
        yield Stage(socket, log, sides)


@dataclass
class Tally:
    """What was measured so far: (work, who) -> runs, and work -> why it does not count."""

    done: dict[tuple[str, str], list[Done]] = field(default_factory=lambda: defaultdict(list))
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, work: str, who: str, done: Done) -> None:
        self.done[work, who].append(done)

    def measured(self, work: str, who: str, done: Done) -> None:
        """The same, with what was wrong in it."""
        self.add(work, who, done)
        if done.fault:
            self.faults[work].append(f"{who}: {done.fault}")

    def note(self, wrong: str) -> None:
        """What is wrong with the machine makes every row void."""
        if wrong:
            self.faults[""].append(wrong)

    def samples(self, work: str, who: str, what: str) -> Samples:
        found = self.done[work, who]
        return Samples(what, tuple(one.seconds for one in found), max((one.memory for one in found), default=0))


def cycle(socket: str, side: Side, who: str, count: int, measure: Measure, tally: Tally, run: int) -> None:
    """Every piece of work of one side, once. What goes wrong is noted; what comes after it, on an engine that hangs say, cannot
    count either."""
    names = side.names(count)
    trouble = ""
    for work in WORKS:
        if trouble:
            tally.faults[work].append(f"run {run}: {who}: after {trouble}")
            continue
        try:
            side.write(work, count)
            if work == "one killed":
                engines.kill(socket, names[-1], side.lasts)
            before = engines.look(socket)
            done = measure.each(side.argvs(work, count), side.env)
            fault = done.fault or engines.wrong(work, before, engines.look(socket), names)
            tally.add(work, who, done)
        except OSError as err:
            fault = f"the engine hangs, or has ended: {err}"
        if fault:
            trouble = f"{work} went wrong"
            tally.faults[work].append(f"run {run}: {who}: {fault}")
    with contextlib.suppress(OSError):
        engines.clear(socket)


def rows(shape: str, count: int, sides: Mapping[str, Side], tally: Tally) -> Iterator[Row]:
    """The rows of a group, from its tally."""
    for work in WORKS:
        ours, floor, peer = (
            tally.samples(work, who, sides[who].what(work)) if who in sides else None for who in ("ours", "floor", "peer")
        )
        assert ours and floor
        start_up = tally.samples(START_UP, "ours", "") if work in ("no-op", "one changed", "tear-down") else None
        yield Row(work, count, shape, ours, floor, peer, start_up, goal_of(work, shape, count), tuple(tally.faults[work]))


def group(shape: str, count: int, runs: int, litter: Litter, osvc: Path, compose: str, *, hasty: bool = False) -> list[Row]:
    """All rows of one shape and size. hasty: do not wait until a container has run for long before it is killed."""
    tally, sides = Tally(), dict[str, Side]()
    for run in range(1, runs + 1):
        with Measure() as measure, stage(shape, litter, osvc, compose) as here:
            sides = dict(here.sides)
            warm_up(here, measure)
            for who, side in in_turn(sides, run):
                side.lasts = 0.0 if hasty else side.lasts
                cycle(here.socket, side, who, count, measure, tally, run)
        print(f"  {shape} {count}: run {run} of {runs}", file=sys.stderr, flush=True)
    return list(rows(shape, count, sides, tally))


def in_turn(sides: Mapping[str, Side], run: int) -> list[tuple[str, Side]]:
    """The sides in their order in a run: the first one goes last in the next."""
    found = [*sides.items()]
    first = run % len(found)
    return [*found[first:], *found[:first]]


def warm_up(here: Stage, measure: Measure) -> None:
    """One container, made and removed: the first one of an engine takes longer, and would be the floor's."""
    floor = here.sides["floor"]
    measure.each(floor.argvs("cold", 1), floor.env)
    engines.clear(here.socket)


def print_rows(name: str, rows: Callable[[int, int, Litter, Path], Iterator[Row]]) -> None:
    """What a group of rows is as a program: COUNT RUNS LITTER [--osvc PROGRAM]; prints a row a line, as JSON."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("count", type=int)
    parser.add_argument("runs", type=int)
    parser.add_argument("litter", type=Path)
    parser.add_argument("--osvc", type=Path, default=OWN)
    options = parser.parse_args()
    for row in rows(options.count, options.runs, Litter(options.litter), options.osvc):
        print(json.dumps(row.record()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cycles")
    parser.add_argument("shape", choices=("containers", "services"))
    parser.add_argument("count", type=int)
    parser.add_argument("runs", type=int)
    parser.add_argument("litter", type=Path)
    parser.add_argument("--osvc", type=Path, default=OWN)
    parser.add_argument("--compose", default="")
    parser.add_argument("--hasty", action="store_true")
    options = parser.parse_args()
    litter = Litter(options.litter)
    for row in group(options.shape, options.count, options.runs, litter, options.osvc, options.compose, hasty=options.hasty):
        print(json.dumps(row.record()), flush=True)


if __name__ == "__main__":
    main()
