"""overtaken: what has happened to a service between a plan and its run, which holds the lock now."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from reconciler.core.ban import WHOLE, Sort
from reconciler.core.change import Change
from reconciler.core.kind import ResourceKind
from reconciler.core.observed import Present
from reconciler.core.outcome import End, Result
from reconciler.core.ownership import Ownership
from reconciler.core.policy import Aim, Selection
from reconciler.engine.bans import disabled_in
from reconciler.engine.claims import in_order
from reconciler.engine.errors import Refused
from reconciler.engine.store import Store
from reconciler.engine.target import Target

if TYPE_CHECKING:
    from reconciler.engine.work import Work


OpenEnds: TypeAlias = Mapping[str, Collection[str] | None]
"""The services that were worked on before, and may hold on to what another takes -> by which rids; None by any."""


def open_ends(
    first: Iterable[str], before: Sequence[Result], selection: Selection, kinds: Callable[[str], ResourceKind]
) -> OpenEnds:
    """Of the services that are worked on first: those that did not get to their goal, and what a selection left standing of those
    that did. before: what came of them."""
    plans = {result.service: result.plan for result in before if result.end is End.CONVERGED}
    found: dict[str, Collection[str] | None] = {}
    for name in first:
        plan = plans.get(name)
        if name not in plans:
            found[name] = None
        elif plan is not None and not selection.everything:
            found[name] = {change.rid for change in plan.changes if _is_up(change, kinds(change.type))}
    return found


def overtaken(
    target: Target,
    work: "Work",
    ends: OpenEnds,
    store: Store,
    kinds: Callable[[str], ResourceKind],
    now: datetime,
) -> Result | None:
    """What has happened since this run was planned, and forbids it: the goal is another, it was frozen or disabled, what it takes
    was not released (ends), or what is to be undone was run over."""
    last = store.last_run(target.name)
    if target.after and (last is None or last[0] != target.after):
        message = f"another run of it came between{f', {last[0]}' if last else ''}; left alone"
        return Result(target.name, End.REFUSED, message=message, remedy=f"osvc history {target.name}")
    goal = store.goal(target.name, target.was)
    if target.remembered and goal.aim is not target.was.aim:
        by = f" by {goal.by}" if goal.by else ""
        what = "stopped" if goal.aim is Aim.DOWN else "started"
        return Result(target.name, End.REFUSED, message=f"it was {what}{by} meanwhile; left alone", remedy="osvc plan")
    bans = store.bans(now).get(target.name, {})
    frozen = bans.get((Sort.FROZEN, WHOLE)) if target.remembered else None
    if frozen is not None:
        since = target.frozen is None
        message = f"it was frozen by {frozen.by} meanwhile; left alone" if since else f"it is frozen by {frozen.by}; left alone"
        return Result(target.name, End.REFUSED, message=message, remedy=f"osvc thaw {target.name}")
    service = target.service
    if service is not None and service.banned(disabled_in(bans)) != service:
        message = "something of it was disabled meanwhile; left alone"
        return Result(target.name, End.REFUSED, message=message, remedy=f"osvc plan -s {target.name}")
    if ends:
        held = {name: _by(store.ownership(name), rids) for name, rids in ends.items()}
        seen = {} if work.glance is None else {target.name: work.glance.observed}
        try:
            in_order((target,), held, kinds, prune=work.policy.prune, selection=work.selection, seen=seen)
        except Refused as err:
            return Result(target.name, End.DEFERRED, message=str(err), remedy="osvc plan")
    return None


def _is_up(change: Change, kind: ResourceKind) -> bool:
    return isinstance(change.seen, Present) and kind.is_up(change.seen.state)


def _by(ownership: Ownership, rids: Collection[str] | None) -> Ownership:
    """What is owned of these."""
    if rids is None:
        return ownership
    return replace(ownership, owned={rid: one for rid, one in ownership.owned.items() if rid in rids})
