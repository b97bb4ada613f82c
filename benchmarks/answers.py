"""Answers: the rows of verbs that a running `osvc agent` answers.

    python -m benchmarks.answers COUNT RUNS LITTER [--osvc PROGRAM] [--compose BINARY]

Run in a place (benchmarks/place.py), as root; prints a row a line, as JSON, and progress on stderr. One service of COUNT containers
is up on its engine, and as it should be; Compose has as many on another one. All runs are of that same machine, in turn: a bare
interpreter, each verb, and what Compose does when there is nothing to do. A run counts only if it was the agent who answered.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks import engines
from benchmarks.cycles import OWN, System, Tally, stage
from benchmarks.measure import Done, Measure
from benchmarks.place import Litter
from benchmarks.repairs import lab_of
from benchmarks.rows import Goal, Row
from benchmarks.sides import Compose
from tests.integration.lab import Lab

SHAPE: Final = "agent"
WORKS: Final = ("status", "plan")
EACH: Final = 3
"""Such short processes are run more often than others."""
GOAL: Final = Goal(0.0, slack=0.1, ahead=True)
FLOOR_NAME: Final = "a bare interpreter"
THIN: Final = 24 << 20
"""Bytes that a client does not come to; a verb that is done by its own process has far more."""
PATIENCE: Final = 30.0


def rows(count: int, runs: int, litter: Litter, osvc: Path, compose: str) -> Iterator[Row]:
    """One row of each verb."""
    tally = Tally()
    with Measure() as measure, stage("containers", litter, osvc, "") as here, contextlib.ExitStack() as stack:
        ours, lab = here.sides["ours"], lab_of(here)
        ours.write("cold", count)
        tally.note(measure.each(ours.argvs("cold", count), ours.env).fault)
        peer = stack.enter_context(_composed(lab, litter, measure, tally, compose, count)) if compose else None
        before = engines.look(here.socket)
        stack.enter_context(agent(lab, osvc))
        interpreter = [str(osvc.with_name("python")), "-c", "pass"]
        for turn in range(1, runs * EACH + 1):
            tally.measured("", "floor", measure.run(interpreter, {}))
            for work in WORKS:
                tally.measured(work, "ours", answered(measure.run([str(osvc), work], ours.env)))
            if peer is not None:
                tally.measured("", "peer", measure.each(peer.argvs("no-op", count), peer.env))
            if turn % EACH == 0:
                print(f"  {SHAPE} {count}: run {turn // EACH} of {runs}", file=sys.stderr, flush=True)
        tally.note(engines.wrong("no-op", before, engines.look(here.socket), ours.names(count)))
    for work in WORKS:
        floor, mine = tally.samples("", "floor", FLOOR_NAME), tally.samples(work, "ours", f"osvc {work}")
        beside = tally.samples("", "peer", "docker-compose up -d") if compose else None
        faults = tuple(dict.fromkeys((*tally.faults[""], *tally.faults[work])))
        yield Row(work, count, SHAPE, mine, floor, beside, goal=GOAL, faults=faults)


@contextlib.contextmanager
def agent(lab: Lab, osvc: Path) -> Iterator[int]:
    """An agent that answers, and has come to rest: its pid. Raises AssertionError when it does not."""
    words = [str(osvc), "agent", "--quiet"]
    child = subprocess.Popen(words, env=lab.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with Measure() as measure:
            deadline = time.monotonic() + PATIENCE
            while answered(measure.run([str(osvc), "ls"], lab.env)).fault:
                assert time.monotonic() < deadline and child.poll() is None, "the agent does not answer"
        time.sleep(2.0)
        yield child.pid
    finally:
        child.terminate()
        child.wait(PATIENCE)


def answered(done: Done) -> Done:
    """The same, at fault where the agent did not answer."""
    return Done(done.seconds, done.memory, done.fault or ("" if done.memory < THIN else "the agent did not answer"))


@contextlib.contextmanager
def _composed(lab: Lab, litter: Litter, measure: Measure, tally: Tally, binary: str, count: int) -> Iterator[Compose]:
    """Compose with as many containers, which run, on an engine of its own."""
    with System() as system:
        litter.add(str(system.dir), system.name)
        lab.docker.engine(system.socket).load(lab.archive(), "osvc/demo:1", 60.0)
        peer = Compose(binary, system.socket, lab.root / "compose", "containers")
        peer.write("cold", count)
        tally.note(measure.each(peer.argvs("cold", count), peer.env).fault)
        yield peer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers")
    parser.add_argument("count", type=int)
    parser.add_argument("runs", type=int)
    parser.add_argument("litter", type=Path)
    parser.add_argument("--osvc", type=Path, default=OWN)
    parser.add_argument("--compose", default="")
    options = parser.parse_args()
    for row in rows(options.count, options.runs, Litter(options.litter), options.osvc, options.compose):
        print(json.dumps(row.record()), flush=True)


if __name__ == "__main__":
    main()
