"""The row of `osvc --help`, beside an interpreter that does nothing."""

from collections.abc import Iterator

from benchmarks.measure import Measure
from benchmarks.rows import Goal, Row, Samples
from benchmarks.tools import INSTALLED, OSVC

EACH = 3
"""Such short processes are run more often than others."""


def rows(runs: int) -> Iterator[Row]:
    """One row. Both are whole processes of the same virtual environment."""
    floor, ours = [], []
    with Measure() as measure:
        for _ in range(runs * EACH):
            floor.append(measure.run([str(INSTALLED / "python"), "-c", "pass"], {}))
            ours.append(measure.run([str(OSVC), "--help"], {}))
    sides = [
        Samples(what, tuple(one.seconds for one in done), max(one.memory for one in done))
        for what, done in (("osvc --help", ours), ("a bare interpreter", floor))
    ]
    faults = dict.fromkeys(one.fault for one in (*ours, *floor) if one.fault)
    yield Row("help", 1, "process", *sides, goal=Goal(3.0), faults=tuple(faults))
