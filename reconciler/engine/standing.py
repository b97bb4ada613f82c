"""Standing: how a watch stands with each service, and how it fares itself. For metrics, and for whoever asks an agent."""

from collections.abc import Collection, Mapping
from dataclasses import field
from datetime import datetime
from enum import Enum

from reconciler.core.lazy import dataclass
from reconciler.core.policy import Aim
from reconciler.core.status import ServiceStatus, Status


class State(Enum):
    """How a watch stands with one service. The value is the word that people read."""

    NEW = "new"
    """Not looked at yet."""
    KEPT = "kept"
    """At its goal, as far as the last look saw."""
    WORKING = "working"
    """A run is at work on it, or is about to be."""
    WAITING = "waiting"
    """It failed, or drifts again and again, and is left alone until its time has come."""
    DEGRADED = "degraded"
    """Something of it has used up its restarts."""
    OPEN = "open"
    """Something is left to do that needs a permission, a person, or something that cannot be seen."""
    FROZEN = "frozen"
    LOCKED = "locked"
    """Another run holds it."""


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks at the machine so far. seconds: how long all of them took; last: the last one; longest: the longest one."""

    count: int = 0
    seconds: float = 0.0
    last: float = 0.0
    longest: float = 0.0

    def plus(self, seconds: float) -> "Looks":
        return Looks(self.count + 1, self.seconds + seconds, seconds, max(self.longest, seconds))


@dataclass(frozen=True, slots=True)
class Seen:
    """What the last look saw of a service. aim: what is wanted of it. resources: rid -> (type, status)."""

    aim: Aim
    status: Status
    resources: Mapping[str, tuple[str, Status]]

    @classmethod
    def of(cls, status: ServiceStatus) -> "Seen":
        lines = {line.rid: (line.type, line.status) for line in status.resources}
        return cls(status.plan.goal.aim, status.overall, lines)


@dataclass(frozen=True, slots=True)
class Standing:
    """A picture of one moment: it never changes, and may be read in any thread.

    states: service -> how it stands. until: service -> when it is tried again, of those that wait. degraded: service -> what of it
    is left alone for now, rid -> why. deaf: what cannot be listened to, and why. invalid: the files of specs that are wrong now, of
    which the last valid state goes on. seen: service -> what the last look saw. begun: the first look is done, with what it made
    for. turned: when the loop turned last, by the monotonic clock. bug: its kind, while one keeps it from looking at everything.
    """

    states: Mapping[str, State] = field(default_factory=dict)
    until: Mapping[str, datetime] = field(default_factory=dict)
    degraded: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    deaf: Mapping[str, str] = field(default_factory=dict)
    invalid: tuple[str, ...] = ()
    looks: Looks = Looks()
    seen: Mapping[str, Seen] = field(default_factory=dict)
    begun: bool = False
    turned: float = 0.0
    bug: str = ""


class Ledger:
    """What a watch writes down of it, in its one thread; `picture` may be asked for in any."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self.until: dict[str, datetime] = {}
        self.degraded: dict[str, Mapping[str, str]] = {}
        self.deaf: Mapping[str, str] = {}
        self.invalid: tuple[str, ...] = ()
        self.looks = Looks()
        self.seen: dict[str, Seen] = {}
        self.begun = False
        self.turned = 0.0
        self.bug = ""

    def note(self, name: str, state: State, until: datetime | None = None) -> None:
        """How a service stands now. until: when it is tried again."""
        self.states[name] = state
        if until is not None and state in (State.WAITING, State.DEGRADED):
            self.until[name] = until
        else:
            self.until.pop(name, None)

    def keep(self, names: Collection[str]) -> None:
        """There are these services, and no others."""
        for known in (self.states, self.until, self.degraded, self.seen):
            for name in known.keys() - set(names):
                del known[name]
        for name in set(names) - self.states.keys():
            self.states[name] = State.NEW

    def picture(self) -> Standing:
        return Standing(
            dict(self.states),
            dict(self.until),
            dict(self.degraded),
            self.deaf,
            self.invalid,
            self.looks,
            dict(self.seen),
            self.begun,
            self.turned,
            self.bug,
        )
