"""Standing: how a watch stands with each service, and how it fares itself. For metrics, and for whoever asks an agent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


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
class Standing:
    """A picture of one moment: it never changes, and may be read in any thread.

    states: service -> how it stands. until: service -> when it is tried again, of those that wait. degraded: service -> what of it
    is left alone for now, rid -> why. deaf: what cannot be listened to, and why. invalid: the files of specs that are wrong now, of
    which the last valid state goes on.
    """

    states: Mapping[str, State] = field(default_factory=dict)
    until: Mapping[str, datetime] = field(default_factory=dict)
    degraded: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    deaf: Mapping[str, str] = field(default_factory=dict)
    invalid: tuple[str, ...] = ()
    looks: Looks = Looks()
