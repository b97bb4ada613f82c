"""Policy, Selection and Goal: what a run may do, on what, and to which end."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from reconciler.core.ban import Ban, Sort
from reconciler.core.ids import group_of
from reconciler.core.lazy import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """The permissions of a run.

    prune: remove what osvc owns and no spec names any more.
    rollback: undo the lane of a failed step.
    force: permissions named one by one ("adopt", "provision", "force"); an objection names the one that lifts it.
    """

    prune: bool = False
    rollback: bool = True
    force: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Selection:
    """Which resources a verb was asked for, by any of these; none is all.

    rids: rids ("container#1", shell patterns allowed), or what these begin with ("fs"), or types.
    tags: each a set of tags that a resource has to have all.
    subsets: names of subsets.
    types: no others than these, whatever else is asked for; () is all.
    standby: what is on standby is meant as well, where it would be left up.
    """

    rids: tuple[str, ...] = ()
    tags: tuple[frozenset[str], ...] = ()
    subsets: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    standby: bool = False

    @property
    def everything(self) -> bool:
        return not (self.rids or self.tags or self.subsets or self.types)

    def takes(self, rid: str, type_name: str, tags: Collection[str] = (), subset: str = "") -> bool:
        if self.types and type_name not in self.types:
            return False
        if not (self.rids or self.tags or self.subsets):
            return True
        named = any(fnmatchcase(rid, want) or want in (type_name, group_of(rid)) for want in self.rids)
        return named or any(want.issubset(tags) for want in self.tags) or bool(subset and subset in self.subsets)


class Aim(Enum):
    """NONE: nothing is wanted of the service here; it is left as it is."""

    UP = "up"
    DOWN = "down"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Goal:
    """What the operator wants of a service; kept in the store, survives a reboot. Aim.NONE is never kept: it is what follows from
    the service's nodes while the operator wants nothing, or from its being frozen: then somebody said so at some moment,
    and perhaps until another."""

    aim: Aim = Aim.UP
    by: str = ""
    at: datetime | None = None
    reason: str = ""
    until: datetime | None = None

    @classmethod
    def frozen_by(cls, ban: Ban) -> "Goal":
        """That of a service which is left alone, what is on standby as well, because a person said so."""
        return cls(Aim.NONE, ban.by, ban.at, ban.reason, ban.until)

    @property
    def frozen(self) -> bool:
        return self.ban is not None

    @property
    def ban(self) -> Ban | None:
        """The freeze that it follows from; None where it follows from something else."""
        return Ban(self.by, self.at, self.reason, until=self.until) if self.aim is Aim.NONE and self.at is not None else None

    @property
    def alone(self) -> str:
        """Why a service is left alone, as a clause."""
        return Sort.FROZEN.value if self.frozen else self.reason

    def record(self) -> dict[str, str | None]:
        """As plain data."""
        at, until = (moment.isoformat() if moment else None for moment in (self.at, self.until))
        return {"aim": self.aim.value, "by": self.by, "at": at, "reason": self.reason, "until": until}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Goal":
        """The goal of such data. Raises KeyError, ValueError, TypeError."""
        at, until = (datetime.fromisoformat(record[key]) if record.get(key) else None for key in ("at", "until"))
        return cls(Aim(record["aim"]), record.get("by", ""), at, record.get("reason", ""), until)


UP = Goal()
