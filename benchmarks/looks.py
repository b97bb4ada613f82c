"""Looks: the rows of looking at services that are up.

    python -m benchmarks.looks COUNT RUNS LITTER [--osvc PROGRAM]

Run in a place (benchmarks/place.py), as root; prints a row a line, as JSON, and progress on stderr. COUNT services of one container
each are up on one engine. All runs look at that same machine, in turn with what a person types to see the same: `docker ps`.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from benchmarks import engines
from benchmarks.cycles import Tally, print_rows, stage
from benchmarks.measure import Measure, clean
from benchmarks.place import Litter
from benchmarks.rows import Goal, Row
from benchmarks.sides import START_UP

SHAPE: Final = "looks"
WORKS: Final = ("status", "ls")
EACH: Final = 3
"""Such short processes are run more often than others."""
FLOOR_NAME: Final = "docker ps"
GOAL: Final = Goal(1.5)


def rows(count: int, runs: int, litter: Litter, osvc: Path) -> Iterator[Row]:
    """One row of each verb. The services are applied once, which is not timed; that all run is looked at before and after."""
    tally = Tally()
    docker = shutil.which("docker") or "docker"
    with Measure() as measure, stage("services", litter, osvc, "") as here:
        ours = here.sides["ours"]
        ours.write("cold", count)
        made = measure.each(ours.argvs("cold", count), ours.env)
        before = engines.look(here.socket)
        tally.note(made.fault or engines.wrong("no-op", before, before, ours.names(count)))
        for turn in range(1, runs * EACH + 1):
            tally.measured("", "floor", measure.run([docker, "-H", f"unix://{here.socket}", "ps"], {}))
            tally.measured(START_UP, "ours", measure.each(ours.argvs(START_UP, count), ours.env))
            for work in WORKS:
                tally.measured(work, "ours", measure.run([str(osvc), work], ours.env))
            if turn % EACH == 0:
                print(f"  {SHAPE} {count}: run {turn // EACH} of {runs}", file=sys.stderr, flush=True)
        tally.note(engines.wrong("no-op", before, engines.look(here.socket), ours.names(count)) or untrue(osvc, ours.env, count))
        engines.clear(here.socket)
    for work in WORKS:
        floor, start_up = tally.samples("", "floor", FLOOR_NAME), tally.samples(START_UP, "ours", "")
        yield Row(
            work, count, SHAPE, tally.samples(work, "ours", f"osvc {work}"), floor, None, start_up, GOAL, _faults(tally, work)
        )


def untrue(osvc: Path, env: Mapping[str, str], count: int) -> str:
    """Why what osvc shows is not so, or "": all of the services are up."""
    said = subprocess.run([str(osvc), "ls", "--json"], env=clean() | dict(env), capture_output=True, text=True, check=False)
    shown = json.loads(said.stdout or "{}").get("services", ())
    up = sum(one["overall"] == "up" for one in shown)
    return "" if up == len(shown) == count else f"osvc ls shows {len(shown)} services, {up} of them up: {said.stderr.strip()}"


def _faults(tally: Tally, work: str) -> tuple[str, ...]:
    """Of a verb, of what it is beside, and of the machine."""
    return tuple(dict.fromkeys((*tally.faults[""], *tally.faults[START_UP], *tally.faults[work])))


if __name__ == "__main__":
    print_rows("looks", rows)
