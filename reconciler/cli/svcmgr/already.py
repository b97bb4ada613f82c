"""already: which resources a plan finds as they shall be, in the words of the reference: for the log of svcmgr."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.change import Change, Verdict, takes
from reconciler.core.observed import Present
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim, Selection
from reconciler.core.providers import Providers, match
from reconciler.core.standing import reached
from reconciler.report.svc_words import already_down, already_up
from reconciler.resources.registry import kind_of

_LEFT = (Verdict.KEEP, Verdict.ADOPT)


def already(plan: Plan, selection: Selection) -> Iterator[tuple[str, str]]:
    """(rid, text), in the order in which they would be brought up or taken down. Of what is to come up, what it needs as well."""
    rises, meant = plan.goal.aim is Aim.UP, _meant(plan, selection)
    for change in plan.changes if rises else reversed(plan.changes):
        if change.verdict not in _LEFT or change.common.idle or change.rid not in meant:
            continue
        label = kind_of(change.type).label(change.desired, change.seen.state if isinstance(change.seen, Present) else None)
        text = ""
        if rises and _is_up(change):
            text = already_up(change, label)
        elif not rises and not _is_up(change):
            text = already_down(change, label)
        if text:
            yield change.rid, text


def _meant(plan: Plan, selection: Selection) -> frozenset[str]:
    changes = plan.changes
    taken = [change.rid for change in changes if takes(selection, change)]
    if selection.everything or plan.goal.aim is not Aim.UP:
        return frozenset(taken)
    providers = Providers((fact, change.rid) for change in changes for fact in kind_of(change.type).provides(change.desired))
    needs = {change.rid: match(kind_of(change.type).needs(change.desired), providers, change.rid) for change in changes}
    return reached(taken, needs)


def _is_up(change: Change) -> bool:
    seen = change.seen
    return isinstance(seen, Present) and kind_of(change.type).is_up(seen.state)
