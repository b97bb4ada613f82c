"""undo: lead back what a failed run did, by lane, in reverse (architecture, section 7).

What cannot be led back (a barrier, a failure while undoing, a signal) stays as it is, and with it what it rests on: the steps
that it needed. Everything else is led back all the same.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.core.action import Action, Barrier, Effect
from reconciler.core.lazy import dataclass
from reconciler.core.observed import Observed, Present, Seen
from reconciler.core.outcome import Left, Outcome, Status, Undid, UndoBegan, cannot
from reconciler.core.plan import Plan, Step
from reconciler.engine.execute import Run, settled
from reconciler.host.errors import HostError, Permanent

_SIGNAL = "undoing was stopped by a signal"


@dataclass(frozen=True, slots=True)
class Undone:
    """outcomes: the run's, those that were led back as UNDONE. left: what was not, though it should be, the latest first."""

    outcomes: tuple[Outcome, ...]
    left: tuple[Left, ...] = ()


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
    come first, tolerantly: they may have had half of their effect. What the undoing of one step needs to be led back before
    it, and was not, is left as well, with the reason; after a signal all that remains is. Nothing raises HostError.
    """
    work = [
        outcome
        for outcome in sorted(outcomes, key=lambda outcome: outcome.order, reverse=True)
        if outcome.status in (Status.FAILED, Status.DONE) and outcome.step.rid in lane and not outcome.step.repair
    ]
    work.sort(key=lambda outcome: outcome.status is Status.DONE)
    undoing = _Undoing(run, plans)
    undoing.left += [
        Left(outcome.step, "it mended drift") for outcome in outcomes if outcome.step.rid in lane and _stays_down(outcome)
    ]
    if work and run.means.stop.undoing:
        run.tell(UndoBegan(run.service, run.id, work[0].step.rid, tuple(sorted(lane))))
    done = {id(outcome) for outcome in work if undoing.lead_back(outcome) and outcome.status is Status.DONE}
    became = (replace(outcome, status=Status.UNDONE) if id(outcome) in done else outcome for outcome in outcomes)
    return Undone(tuple(became), tuple(undoing.left))


def _stays_down(outcome: Outcome) -> bool:
    """Whether a step interrupted something to mend drift: what it took down is not brought back."""
    return outcome.happened and outcome.step.repair and outcome.step.action.costs >= Effect.DISRUPTIVE


class _Undoing:
    """left: what stays as it is, as it is found. kept: plan and step number -> the step that stays, and rests on it."""

    def __init__(self, run: Run, plans: Sequence[Plan]) -> None:
        self.run = run
        self.plans = plans
        self.lanes = lanes_of(plans)
        self.left: list[Left] = []
        self.kept: dict[tuple[int, int], Step] = {}

    def lead_back(self, outcome: Outcome) -> bool:
        """Undo one step, unless something that stays rests on it. Whether nothing of it is left."""
        before = self._settled(outcome, outcome.before)
        actions = () if before is None else outcome.step.action.undo(before)
        why = self._hindrance(outcome, before, actions)
        if why and self._unmade(outcome, before):
            return True
        todo = [] if isinstance(actions, Barrier) else list(actions)
        why = why or self._perform(outcome, todo)
        if not why:
            return True
        self.left.append(Left(outcome.step, why, tuple(action.command() for action in todo)))
        self._keep(outcome)
        return False

    def _hindrance(self, outcome: Outcome, before: Seen | None, actions: "tuple[Action, ...] | Barrier") -> str:
        """Why this step is not even tried to be led back; "" when nothing hinders."""
        rests = self.kept.get((self._round(outcome), outcome.step.n))
        if not self.run.means.stop.undoing:
            return _SIGNAL
        if rests is not None:
            return f"{rests.rid} {rests.action.says()} rests on it, and stays"
        if isinstance(actions, Barrier):
            return "it cannot be"
        return "it is not known how it was before" if before is None else ""

    def _unmade(self, outcome: Outcome, before: Seen | None) -> bool:
        """Whether a step failed without any effect."""
        after = self._settled(outcome, outcome.after)
        return outcome.status is Status.FAILED and before is not None and after is not None and _same(after, before)

    def _perform(self, outcome: Outcome, todo: list[Action]) -> str:
        """Do these actions, taking each away once it is done. Why one is not, or ""."""
        run, step = self.run, outcome.step
        acted: list[str] = []
        while todo:
            action, now = todo[0], self._settled(outcome, run.look(step.rid))
            if now is None or action.blind or not action.shown(now):
                if not run.means.stop.undoing:
                    return _SIGNAL
                clock = run.means.host.clock
                began = clock.monotonic()
                try:
                    self._act(outcome, action)
                except HostError as err:
                    run.tell(Undid(run.service, run.id, step, action, str(err), clock.monotonic() - began))
                    message = cannot(action.says(), str(err))
                    run.tell_journal(step, "failed", message=f"undo: {message}")
                    return message
                run.tell(Undid(run.service, run.id, step, action, seconds=clock.monotonic() - began))
                acted.append(action.command() or action.says())
            del todo[0]
        if acted:
            run.tell_journal(step, "undone", message="\n".join(acted))
        return ""

    def _act(self, outcome: Outcome, action: Action) -> None:
        """Raises HostError, also when its effect cannot be seen."""
        self.run.perform(outcome.step, action, ended=lambda: not self.run.means.stop.undoing)

        def shown(observed: Observed) -> bool:
            seen = self._settled(outcome, observed)
            return seen is not None and action.shown(seen)

        if not action.blind and not shown(self.run.look_for(outcome.step.rid, shown)):
            raise Permanent("it ran without an error, but its effect cannot be seen")

    def _keep(self, outcome: Outcome) -> None:
        """What stays keeps what it needed: the steps of its own plan by their edges, those of earlier rounds by the lanes."""
        number = self._round(outcome)
        plan, todo = self.plans[number], [outcome.step]
        while todo:
            for step in plan.steps:
                if step.n in todo[0].needs and (number, step.n) not in self.kept:
                    self.kept[number, step.n] = outcome.step
                    todo.append(step)
            del todo[0]
        for earlier, before in enumerate(self.plans[:number]):
            for step in before.steps:
                if outcome.step.rid in self.lanes.get(step.rid, ()):
                    self.kept.setdefault((earlier, step.n), outcome.step)

    def _round(self, outcome: Outcome) -> int:
        """Which of the plans this step stands in."""
        return next(n for n, plan in enumerate(self.plans) if any(step is outcome.step for step in plan.steps))

    def _settled(self, outcome: Outcome, observed: Observed | None) -> Seen | None:
        if observed is None:
            return None
        change = self.plans[self._round(outcome)].change(outcome.step.rid)
        return settled(self.run.means.kinds(change.type), change.desired, observed)


def _same(now: Seen, before: Seen) -> bool:
    """Whether the resource is as it was; its surroundings (an image that was pulled) may differ."""
    if isinstance(now, Present) and isinstance(before, Present):
        return now.state == before.state
    return type(now) is type(before)
