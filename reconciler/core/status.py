"""Status: what one word says of a resource and of a service, and how words add up.

The merge table is the reference's (opensvc-behaviour, 3.1): commutative and associative, `n/a` and `undef` neutral,
`warn` absorbing, up beside down is warn. `unknown` is ours: it is never taken for down.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from enum import Enum
from functools import reduce
from typing import Final

from reconciler.core.ban import Ban
from reconciler.core.change import Change, Verdict
from reconciler.core.common import NO_STATUS, PLAIN, Common
from reconciler.core.kind import Remark, ResourceKind
from reconciler.core.lazy import dataclass
from reconciler.core.observed import Present, Unknown
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim
from reconciler.core.veil import veiled


class Status(Enum):
    """The value is the word that people read."""

    UP = "up"
    DOWN = "down"
    WARN = "warn"
    NA = "n/a"
    UNDEF = "undef"
    UNKNOWN = "unknown"
    STDBY_UP = "stdby up"
    STDBY_DOWN = "stdby down"
    UP_AND_STDBY_UP = "up and stdby up"
    """Only on the way to a sum, as the next."""
    DOWN_AND_STDBY_UP = "down and stdby up"

    @property
    def final(self) -> "Status":
        """As a sum is told."""
        return _FINAL.get(self, self)


_FINAL: Final = {Status.UP_AND_STDBY_UP: Status.UP, Status.DOWN_AND_STDBY_UP: Status.STDBY_UP}
TOLD: Final = tuple(status for status in Status if status.final is status)
"""The words that are ever shown."""

_UP, _DOWN, _OVER, _UNDER = Status.UP, Status.DOWN, Status.STDBY_UP, Status.STDBY_DOWN
_ACTIVE, _PASSIVE, _UNKNOWN = Status.UP_AND_STDBY_UP, Status.DOWN_AND_STDBY_UP, Status.UNKNOWN
_SUMS: Final[Mapping[frozenset[Status], Status]] = {
    frozenset((_UP, _OVER)): _ACTIVE,
    frozenset((_UP, _ACTIVE)): _ACTIVE,
    frozenset((_OVER, _ACTIVE)): _ACTIVE,
    frozenset((_DOWN, _OVER)): _PASSIVE,
    frozenset((_DOWN, _PASSIVE)): _PASSIVE,
    frozenset((_OVER, _PASSIVE)): _PASSIVE,
    frozenset((_DOWN, _UNDER)): _UNDER,
    frozenset((_DOWN, _UNKNOWN)): _UNKNOWN,
    frozenset((_UNDER, _UNKNOWN)): _UNKNOWN,
}
"""Of two that differ, and of which none is neutral; every other two are warn."""


def merge(one: Status, other: Status) -> Status:
    """What two statuses come to together, on the way to a sum."""
    if one is other:
        return one
    pair = frozenset((one, other))
    if Status.WARN in pair:
        return Status.WARN
    for neutral in (Status.UNDEF, Status.NA):
        if neutral in pair:
            return next(iter(pair - {neutral}))
    return _SUMS.get(pair, Status.WARN)


def merge_all(statuses: Iterable[Status]) -> Status:
    """The sum of statuses, as it is told."""
    return reduce(merge, statuses, Status.NA).final


class State(Enum):
    """How it stands with a service as a whole: what is wanted of it, unless something else has to be known first.

    The value is the word that people read.
    """

    STARTED = "started"
    STOPPED = "stopped"
    ELSEWHERE = "elsewhere"
    """It is for other nodes."""
    FROZEN = "frozen"
    """It is left alone, whatever is wanted of it, until somebody thaws it."""
    FAILED = "failed"
    """The last run failed."""
    DEGRADED = "degraded"
    """The watch that is at work has given something of it up for now."""
    GONE = "gone"
    """Its spec is not there any more."""
    BUSY = "busy"
    """A run works on it just now."""


WANTED: Final = {Aim.UP: State.STARTED, Aim.DOWN: State.STOPPED, Aim.NONE: State.ELSEWHERE}
"""What follows from the goal alone."""


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """One line of `osvc status`.

    label: what it is. reason: why it is not simply up, or how it differs; "" when there is nothing to tell.
    drifted: it is not as its spec says. remedy: what to do next, or "". failing: it fails again and again (Remark).
    words: the last that it said itself, where somebody asked. common: what its spec says of it, whatever its type. ban: who
    disabled it beside that.
    since, health, restarts: of one that is up, where that is known (Remark).
    """

    rid: str
    type: str
    status: Status
    label: str
    reason: str = ""
    drifted: bool = False
    owned: bool = True
    remedy: str = ""
    failing: bool = False
    words: tuple[str, ...] = ()
    common: Common = PLAIN
    since: datetime | None = None
    health: str = ""
    restarts: int = 0
    ban: Ban | None = None


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """The status of one service. frozen: who froze it.

    avail: the resources together that it cannot do without. overall: all together, and warn where something drifted.
    """

    service: str
    avail: Status
    overall: Status
    plan: Plan
    resources: tuple[ResourceStatus, ...]
    frozen: Ban | None = None

    @property
    def counted(self) -> tuple[ResourceStatus, ...]:
        """The resources that count: not those that are disabled, or rest in a stopped service."""
        return tuple(line for line in self.resources if line.status not in (Status.NA, Status.UNDEF))

    @property
    def up(self) -> int:
        """How many of those are up."""
        return sum(line.status in (Status.UP, Status.STDBY_UP) for line in self.counted)

    @property
    def drifted(self) -> int:
        """How many resources are not as their spec says."""
        return sum(line.drifted for line in self.resources)


def status_of(
    plan: Plan, kinds: Mapping[str, ResourceKind], now: datetime | None = None, frozen: Ban | None = None
) -> ServiceStatus:
    """The status that a plan implies: a plan for the service's own goal, frozen or not, nothing selected, pruning off.

    kinds: resource type name -> its pure half, for every type in the plan. now: when it was observed, where that is to be told.
    frozen: who froze the service: what an apply would do is then no remedy.
    """
    lines = tuple(_line(change, kinds, plan, now, frozen) for change in plan.changes)
    avail = merge_all(line.status for line in lines if not line.common.dispensable)
    overall = merge_all(line.status for line in lines)
    drifted = any(line.drifted for line in lines) and overall in (Status.UP, Status.STDBY_UP)
    return ServiceStatus(plan.service, avail, Status.WARN if drifted else overall, plan, lines, frozen)


def _line(
    change: Change, kinds: Mapping[str, ResourceKind], plan: Plan, now: datetime | None, frozen: Ban | None
) -> ResourceStatus:
    line = _marked(_resource(change, kinds, plan, now), change, plan)
    if frozen is not None and line.remedy == _apply(plan):
        line = replace(line, remedy="")
    return replace(line, common=change.common, ban=change.ban)


def _marked(line: ResourceStatus, change: Change, plan: Plan) -> ResourceStatus:
    """A line with what its spec makes of it: what does not count, and what stands by."""
    common = change.common
    if not common.counts:
        reason = "disabled" if common.disable else f"{line.status.value}, and tagged {NO_STATUS}"
        return replace(line, status=Status.NA, reason=reason, drifted=False, remedy="", failing=False)
    stands = common.standby or (plan.goal.aim is not Aim.UP and change.aim is Aim.UP)
    return replace(line, status=_STANDS.get(line.status, line.status)) if stands and not common.idle else line


_STANDS: Final = {Status.UP: Status.STDBY_UP, Status.DOWN: Status.STDBY_DOWN}


def _resource(change: Change, kinds: Mapping[str, ResourceKind], plan: Plan, now: datetime | None) -> ResourceStatus:
    kind = kinds[change.type]
    label = kind.label(change.desired, change.seen.state if isinstance(change.seen, Present) else None)
    if not kind.manages(change.desired) and change.verdict is Verdict.KEEP:
        return ResourceStatus(change.rid, change.type, Status.NA, label, change.reason, owned=False)
    if _rests(change, kind, plan):
        return ResourceStatus(change.rid, change.type, Status.NA, label)
    if isinstance(change.observed, Unknown) and not _down_by_evidence(change, plan, kinds):
        return ResourceStatus(change.rid, change.type, Status.UNKNOWN, label, change.observed.reason, remedy=_remedy(change, plan))
    present = isinstance(change.observed, Present)
    up = isinstance(change.seen, Present) and kind.is_up(change.seen.state)
    quiet = change.verdict in (Verdict.KEEP, Verdict.ADOPT, Verdict.STOP, Verdict.RELEASE)
    why = change.observed.reason if isinstance(change.observed, Unknown) else change.reason
    reason = "" if quiet and (up or not change.remedy) else why
    if change.verdict is Verdict.KEEP and change.remedy:
        reason = change.reason
    drifted = not quiet and not _stops(change, plan) and (up or present)
    state = change.seen.state if isinstance(change.seen, Present) else None
    remark = (kind.remark(change.desired, state, now) if up and state is not None else None) or _NOTHING
    if remark.text:
        told = veiled(remark.text, change.desired, state)
        reason = "; ".join(filter(None, (told, "" if change.verdict is Verdict.KEEP else reason)))
    return ResourceStatus(
        change.rid,
        change.type,
        Status.WARN if remark.failing else Status.UP if up else Status.DOWN,
        label,
        reason,
        drifted=drifted,
        remedy=_remedy(change, plan) or remark.remedy,
        failing=remark.failing,
        since=remark.since,
        health=remark.health,
        restarts=remark.restarts,
    )


_NOTHING: Final = Remark()


def _stops(change: Change, plan: Plan) -> bool:
    """Whether a resource goes down with its service."""
    return plan.goal.aim is Aim.DOWN and change.aim is Aim.DOWN


def _rests(change: Change, kind: ResourceKind, plan: Plan) -> bool:
    """Whether a resource stays as it is in a stopped service, and does not count: it is there, and keeps nothing in use."""
    if not _stops(change, plan) or change.verdict is not Verdict.KEEP or not isinstance(change.seen, Present):
        return False
    return kind.is_up(change.seen.state) and not kind.holds(change.seen.state)


def _down_by_evidence(change: Change, plan: Plan, kinds: Mapping[str, ResourceKind]) -> bool:
    """Whether a resource that cannot be asked is down by all evidence (the files of an engine that does not run, its processes,
    what was last seen of it), as the plan takes it. What is behind another's engine is not: others may have it there."""
    seen, behind = change.seen, change.observed.behind if isinstance(change.observed, Unknown) else None
    if not change.provisional or seen is None:
        return False
    if any(other.rid == behind and not kinds[other.type].manages(other.desired) for other in plan.changes):
        return False
    return not (isinstance(seen, Present) and kinds[change.type].is_up(seen.state))


def _remedy(change: Change, plan: Plan) -> str:
    if change.remedy:
        return change.remedy
    if change.verdict in (Verdict.KEEP, Verdict.ADOPT, Verdict.RELEASE):
        return ""
    return f"osvc stop {plan.service}" if _stops(change, plan) else _apply(plan)


def _apply(plan: Plan) -> str:
    return f"osvc apply -s {plan.service}"
