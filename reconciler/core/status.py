"""Status: what one word says of a resource and of a service, and how words add up.

The merge table is the reference's (opensvc-behaviour, 3.1): commutative and associative, `n/a` and `undef` neutral,
`warn` absorbing, up beside down is warn. `unknown` is ours: it is never taken for down.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import reduce

from reconciler.core.change import Change, Verdict
from reconciler.core.kind import ResourceKind
from reconciler.core.observed import Present, Unknown
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim
from reconciler.core.veil import veiled


class Status(Enum):
    """The value is the word that people read; the name's order is the reference's code."""

    UP = "up"
    DOWN = "down"
    WARN = "warn"
    NA = "n/a"
    UNDEF = "undef"
    UNKNOWN = "unknown"


def merge(one: Status, other: Status) -> Status:
    """What two statuses come to together."""
    if one is other:
        return one
    pair = {one, other}
    if Status.WARN in pair:
        return Status.WARN
    if Status.UNDEF in pair:
        return (pair - {Status.UNDEF}).pop()
    if Status.NA in pair:
        return (pair - {Status.NA}).pop()
    return Status.UNKNOWN if pair == {Status.DOWN, Status.UNKNOWN} else Status.WARN


def merge_all(statuses: Iterable[Status]) -> Status:
    return reduce(merge, statuses, Status.NA)


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """One line of `osvc status`.

    label: what it is. reason: why it is not simply up, or how it differs; "" when there is nothing to tell.
    drifted: it is not as its spec says. remedy: what to do next, or "". failing: it fails again and again (Remark).
    words: the last that it said itself, where somebody asked.
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


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """The status of one service. avail: its resources together; overall: that, and warn where something drifted."""

    service: str
    avail: Status
    overall: Status
    plan: Plan
    resources: tuple[ResourceStatus, ...]


def status_of(plan: Plan, kinds: Mapping[str, ResourceKind], now: datetime | None = None) -> ServiceStatus:
    """The status that a plan implies: a plan for the service's own goal, nothing selected, pruning off.

    kinds: resource type name -> its pure half, for every type in the plan. now: when it was observed, where that is to be told.
    """
    lines = tuple(_resource(change, kinds[change.type], plan, now) for change in plan.changes)
    avail = merge_all(line.status for line in lines)
    drifted = any(line.drifted for line in lines) and avail is Status.UP
    return ServiceStatus(plan.service, avail, Status.WARN if drifted else avail, plan, lines)


def _resource(change: Change, kind: ResourceKind, plan: Plan, now: datetime | None) -> ResourceStatus:
    label = kind.label(change.desired, change.seen.state if isinstance(change.seen, Present) else None)
    if not kind.manages(change.desired) and change.verdict is Verdict.KEEP:
        return ResourceStatus(change.rid, change.type, Status.NA, label, change.reason, owned=False)
    if _rests(change, kind, plan):
        return ResourceStatus(change.rid, change.type, Status.NA, label)
    if isinstance(change.observed, Unknown) and not _down_with_its_service(change, kind, plan):
        return ResourceStatus(change.rid, change.type, Status.UNKNOWN, label, change.observed.reason, remedy=_remedy(change, plan))
    present = isinstance(change.observed, Present)
    up = isinstance(change.seen, Present) and kind.is_up(change.seen.state)
    quiet = change.verdict in (Verdict.KEEP, Verdict.ADOPT, Verdict.STOP, Verdict.RELEASE)
    reason = "" if quiet and (up or not change.remedy) else change.reason
    if change.verdict is Verdict.KEEP and change.remedy:
        reason = change.reason
    drifted = not quiet and plan.goal.aim is Aim.UP and (up or present)
    state = change.seen.state if isinstance(change.seen, Present) else None
    remark = kind.remark(change.desired, state, now) if up and state is not None else None
    if remark is not None:
        told = veiled(remark.text, change.desired, state)
        reason = "; ".join(filter(None, (told, "" if change.verdict is Verdict.KEEP else reason)))
    failing = remark is not None and remark.failing
    return ResourceStatus(
        change.rid,
        change.type,
        Status.WARN if failing else Status.UP if up else Status.DOWN,
        label,
        reason,
        drifted=drifted,
        remedy=_remedy(change, plan) or (remark.remedy if remark else ""),
        failing=failing,
    )


def _rests(change: Change, kind: ResourceKind, plan: Plan) -> bool:
    """Whether a resource stays as it is in a stopped service, and does not count: it is there, and keeps nothing in use."""
    if plan.goal.aim is not Aim.DOWN or change.verdict is not Verdict.KEEP or not isinstance(change.seen, Present):
        return False
    return kind.is_up(change.seen.state) and not kind.holds(change.seen.state)


def _down_with_its_service(change: Change, kind: ResourceKind, plan: Plan) -> bool:
    """Whether a resource that cannot be seen is down by all evidence, in a service that is not wanted up: so the plan takes it."""
    evidence = change.verdict is Verdict.KEEP and change.provisional and change.seen is not None
    return evidence and plan.goal.aim is not Aim.UP and not (isinstance(change.seen, Present) and kind.is_up(change.seen.state))


def _remedy(change: Change, plan: Plan) -> str:
    if change.remedy:
        return change.remedy
    if change.verdict in (Verdict.KEEP, Verdict.ADOPT, Verdict.RELEASE):
        return ""
    return f"osvc stop {plan.service}" if plan.goal.aim is Aim.DOWN else f"osvc apply -s {plan.service}"
