"""overtaken: what has happened to a service between a plan and its run, which holds the lock now."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.core.ban import WHOLE, Sort
from reconciler.core.kind import ResourceKind
from reconciler.core.outcome import End, Result
from reconciler.core.policy import Aim
from reconciler.engine.bans import disabled_in
from reconciler.engine.claims import in_order
from reconciler.engine.errors import Refused
from reconciler.engine.store import Store
from reconciler.engine.target import Target

if TYPE_CHECKING:
    from reconciler.engine.work import Work


def overtaken(
    target: Target,
    work: "Work",
    open_ends: Collection[str],
    store: Store,
    kinds: Callable[[str], ResourceKind],
    now: datetime,
) -> Result | None:
    """What has happened since this run was planned, and forbids it: the goal is another, it was frozen or disabled, what it takes
    was not released, or what is to be undone was run over."""
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
    if open_ends:
        held = {name: store.ownership(name) for name in open_ends}
        try:
            in_order((target,), held, kinds, prune=work.policy.prune, selection=work.selection)
        except Refused as err:
            return Result(target.name, End.DEFERRED, message=str(err), remedy="osvc plan")
    return None
