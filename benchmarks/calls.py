"""Calls: how many requests an engine gets, by what it writes into its log when it runs with --debug.

    python -m benchmarks.calls SHAPE COUNT LITTER OSVC [COMPOSE]

Run in a place (benchmarks/place.py), as root; prints a record a line, as JSON. Never timed: the log takes time itself.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import engines
from benchmarks.cycles import stage
from benchmarks.measure import Measure
from benchmarks.place import Litter

_CALL = re.compile(r"Calling (?:GET|HEAD|POST|PUT|DELETE) /")
COUNTED = ("cold", "no-op", "tear-down")


@dataclass(frozen=True, slots=True)
class Count:
    """The requests of one piece of work. fault: why it does not count, or ""."""

    work: str
    n: int
    shape: str
    who: str
    calls: int
    fault: str = ""


def counted(log: str) -> int:
    return len(_CALL.findall(Path(log).read_text(errors="replace")))


def counts(shape: str, count: int, litter: Litter, osvc: Path, compose: str) -> Iterator[Count]:
    """What each side asks of an engine for the same work."""
    with Measure() as measure, stage(shape, litter, osvc, compose, debug=True) as here:
        for who, side in here.sides.items():
            names = side.names(count)
            for work in COUNTED:
                side.write(work, count)
                seen = engines.look(here.socket)
                before = counted(here.log)
                done = measure.each(side.argvs(work, count), side.env)
                calls = counted(here.log) - before
                fault = done.fault or engines.wrong(work, seen, engines.look(here.socket), names)
                yield Count(work, count, shape, who, calls, fault)
            engines.clear(here.socket)


def main() -> None:
    shape, count, litter, osvc, *compose = sys.argv[1:]
    for found in counts(shape, int(count), Litter(Path(litter)), Path(osvc), *(compose or [""])):
        print(json.dumps(asdict(found)), flush=True)


if __name__ == "__main__":
    main()
