"""undo: lead back what a failed run did, by lane, in reverse, until a barrier (architecture, section 7)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.action import Barrier, Effect
from reconciler.core.observed import Present, Seen
from reconciler.core.outcome import Outcome, Status, Undid, UndoBegan
from reconciler.core.plan import Plan
from reconciler.engine.execute import Run, settled
from reconciler.host.errors import HostError


@dataclass(frozen=True, slots=True)
class Undone:
    """outcomes: the run's, those that were led back as UNDONE. complete: nothing that should be led back was left.

    message: why it is not complete, as a clause.
    """

    outcomes: tuple[Outcome, ...]
    complete: bool
    message: str = ""


def lanes_of(plans: Iterable[Plan]) -> dict[str, frozenset[str]]:
    """rid -> what goes down with it, over all the plans of a run."""
    lanes: dict[str, frozenset[str]] = {}
    for plan in plans:
        for rid, lane in plan.lanes:
            lanes[rid] = lanes.get(rid, frozenset({rid})) | set(lane)
    return lanes


def lane_of(outcomes: Sequence[Outcome], lanes: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The rids to lead back: the lanes of what failed, and of what was left half done because of that, or because the run
    was cut short."""
    failed = {outcome.step.rid for outcome in outcomes if outcome.status is Status.FAILED}
    done = {outcome.step.rid for outcome in outcomes if outcome.happened}
    left = {outcome.step.rid for outcome in outcomes if outcome.status in (Status.CANCELLED, Status.SKIPPED)}
    return frozenset(rid for root in failed | (left & done) for rid in lanes.get(root, frozenset({root})))


def undo(run: Run, plans: Sequence[Plan], outcomes: Sequence[Outcome], lane: Collection[str]) -> Undone:
    """Lead the steps of these rids back, the last completed first.

    outcomes: the whole run's, over its rounds. A step that only repaired drift is never led back. The steps that failed
    come first, tolerantly: they may have had half of their effect. Stops at a barrier, at a second signal, and at
    the first action that cannot be done. Nothing raises HostError.
    """
    work = [
        outcome
        for outcome in sorted(outcomes, key=lambda outcome: outcome.order, reverse=True)
        if outcome.status in (Status.FAILED, Status.DONE) and outcome.step.rid in lane and not outcome.step.repair
    ]
    work.sort(key=lambda outcome: outcome.status is Status.DONE)
    kept = next((outcome for outcome in outcomes if outcome.step.rid in lane and _stays_down(outcome)), None)
    spared = "" if kept is None else f"{kept.step.rid}: {kept.step.action.says()} mended drift, and is not undone"
    if not work:
        return Undone(tuple(outcomes), not spared, spared)
    run.tell(UndoBegan(run.service, run.id, work[0].step.rid, tuple(sorted(lane))))
    back = {id(outcome): outcome for outcome in outcomes}
    complete, message = not spared, spared
    for outcome in work:
        if not run.means.stop.undoing:
            complete, message = False, "undoing was stopped by a signal"
            break
        result = _lead_back(run, plans, outcome)
        if isinstance(result, Barrier):
            complete, message = False, f"{outcome.step.rid}: {outcome.step.action.says()} cannot be undone"
            break
        if result:
            complete, message = False, result
            break
        if outcome.status is Status.DONE:
            back[id(outcome)] = replace(outcome, status=Status.UNDONE)
    return Undone(tuple(back[id(outcome)] for outcome in outcomes), complete, message)


def _stays_down(outcome: Outcome) -> bool:
    """Whether a step interrupted something to mend drift: what it took down is not brought back."""
    return outcome.happened and outcome.step.repair and outcome.step.action.costs >= Effect.DISRUPTIVE


def _lead_back(run: Run, plans: Sequence[Plan], outcome: Outcome) -> str | Barrier:
    """Undo one step: "" when it is undone, a clause when it could not be, BARRIER when it must not be."""
    step = outcome.step
    before = _settled(run, plans, outcome)
    if before is None:
        return f"{step.rid}: it is not known how it was before"
    now = _look(run, plans, outcome)
    if now is not None and _same(now, before):
        return ""
    actions = step.action.undo(before)
    if isinstance(actions, Barrier):
        return actions
    for action in actions:
        now = _look(run, plans, outcome)
        if now is not None and not action.blind and action.shown(now):
            continue
        try:
            run.perform(step, action, ended=lambda: not run.means.stop.undoing)
        except HostError as err:
            run.tell(Undid(run.service, run.id, step, action, str(err)))
            run.journal(step, "failed", message=f"undo: cannot {action.says()}: {err}")
            return f"{step.rid}: cannot {action.says()}: {err}"
        run.tell(Undid(run.service, run.id, step, action))
    if actions:
        run.journal(step, "undone")
    return ""


def _settled(run: Run, plans: Sequence[Plan], outcome: Outcome) -> Seen | None:
    if outcome.before is None:
        return None
    change = _plan_of(plans, outcome).change(outcome.step.rid)
    return settled(run.means.kinds(change.type), change.desired, outcome.before)


def _look(run: Run, plans: Sequence[Plan], outcome: Outcome) -> Seen | None:
    change = _plan_of(plans, outcome).change(outcome.step.rid)
    return settled(run.means.kinds(change.type), change.desired, run.look(outcome.step.rid))


def _plan_of(plans: Sequence[Plan], outcome: Outcome) -> Plan:
    """The plan that this step stands in."""
    return next(plan for plan in plans if any(step is outcome.step for step in plan.steps))


def _same(now: Seen, before: Seen) -> bool:
    """Whether the resource is again as it was; its surroundings (an image that was pulled) may differ."""
    if isinstance(now, Present) and isinstance(before, Present):
        return now.state == before.state
    return type(now) is type(before)
