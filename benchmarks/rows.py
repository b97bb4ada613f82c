"""Rows: what was measured, whether it counts, and whether it is good enough. Data only; no clock and no machine.

A source of rows is a function of the number of runs that yields them: `benchmarks.pure.rows` and the groups of
`benchmarks.cycles`. All of them join one table.
"""

import math
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Samples:
    """One contestant. what: as the table names it. seconds: of each run. memory: the most of any run, in bytes; 0: unknown."""

    what: str
    seconds: tuple[float, ...]
    memory: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def late(self) -> float:
        """The 95th percentile: no more than one run in twenty took longer."""
        return sorted(self.seconds)[math.ceil(0.95 * len(self.seconds)) - 1]

    @classmethod
    def from_record(cls, record: Mapping[str, Any] | None) -> "Samples | None":
        return None if record is None else cls(record["what"], tuple(record["seconds"]), record["memory"])


@dataclass(frozen=True, slots=True)
class Goal:
    """What ours may take: `ratio` times the floor, and `slack` seconds; the start-up as well when the row has one.

    ahead: it must take less than the peer, too. late: seconds beyond the floor's median within which 19 of 20 runs must end; 0: no
    such goal.
    """

    ratio: float
    slack: float = 0.0
    ahead: bool = False
    late: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. All contestants ran in turn, in the same minutes.

    name: what was done ("cold"). n: to how many. shape: of what ("containers", "services", "specs"). start_up: `osvc validate`
    of the same folder, where the goal grants it. faults: why the row does not count; empty when it does.
    """

    name: str
    n: int
    shape: str
    ours: Samples
    floor: Samples
    peer: Samples | None = None
    start_up: Samples | None = None
    goal: Goal | None = None
    faults: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.name}/{self.shape}/{self.n}"

    @property
    def counts(self) -> bool:
        """Whether exit codes, running sets and touched ids were right, in every run of everybody."""
        sides = (self.ours, self.floor, self.peer, self.start_up)
        return not self.faults and all(side.seconds for side in sides if side is not None)

    @property
    def ratio(self) -> float:
        """Ours as a multiple of the floor, of the medians."""
        return self.ours.median / self.floor.median

    @property
    def allowed(self) -> float | None:
        """The most that ours may take, in seconds; None without a goal."""
        if self.goal is None:
            return None
        most = self.goal.ratio * self.floor.median + self.goal.slack + (self.start_up.median if self.start_up else 0.0)
        return min(most, self.peer.median) if self.goal.ahead and self.peer else most

    @property
    def latest(self) -> float | None:
        """The most that the 95th percentile may be, in seconds; None where nobody asks for it."""
        return self.floor.median + self.goal.late if self.goal is not None and self.goal.late else None

    @property
    def verdict(self) -> str:
        """void, reached, missed, or "" where there is no goal."""
        if not self.counts:
            return "void"
        if self.allowed is None:
            return ""
        in_time = self.latest is None or self.ours.late <= self.latest
        return "reached" if self.ours.median <= self.allowed and in_time else "missed"

    def record(self) -> dict[str, Any]:
        """As JSON keeps it: every number, and the verdict."""
        return {**asdict(self), "verdict": self.verdict}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Row":
        """The row again; `record()` gives what this takes."""
        ours, floor = Samples.from_record(record["ours"]), Samples.from_record(record["floor"])
        assert ours is not None and floor is not None
        return cls(
            name=record["name"],
            n=record["n"],
            shape=record["shape"],
            ours=ours,
            floor=floor,
            peer=Samples.from_record(record["peer"]),
            start_up=Samples.from_record(record["start_up"]),
            goal=Goal(**record["goal"]) if record["goal"] else None,
            faults=tuple(record["faults"]),
        )
