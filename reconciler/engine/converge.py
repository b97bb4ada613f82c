"""converge: bring one service to its goal, in rounds: observe, plan, do, until there is nothing left to do.

There is one lifecycle engine: apply, start, stop, restart, prune, watch and the partial verbs all come through here.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import count
from secrets import token_hex

from reconciler.core.action import Slot
from reconciler.core.change import Verdict
from reconciler.core.model import Model
from reconciler.core.observed import Observed
from reconciler.core.outcome import Began, End, Ended, Left, Outcome, Result, Status
from reconciler.core.plan import Plan, uncovered
from reconciler.core.policy import Aim
from reconciler.core.standing import standing
from reconciler.core.veil import Veil, secrets_of
from reconciler.engine.back import without_secrets
from reconciler.engine.backoff import backoff
from reconciler.engine.course import Course
from reconciler.engine.errors import EngineError, StoreError
from reconciler.engine.execute import Run, execute
from reconciler.engine.log import prepare
from reconciler.engine.means import Means
from reconciler.engine.observe import wanted_of
from reconciler.engine.owning import Owning
from reconciler.engine.phases import phases
from reconciler.engine.sight import Sight, Sights
from reconciler.engine.undo import lane_of, lanes_of, undo
from reconciler.engine.work import Work

ROUNDS = 5
_REMEMBERED = frozenset({End.ROLLED_BACK, End.FAILED, End.STUCK})
"""The ends that watch backs off from, and that always leave a case file."""
_CUT_SHORT = frozenset({End.REFUSED, End.DEFERRED})
"""The ends that leave a case file where something had been done before."""


def converge(work: Work, means: Means) -> Result:
    """Work on one service until it is at its goal. The caller holds its lock.

    What goes wrong on the machine, or in writing it down, is in the Result; bugs come out as exceptions.
    """
    return _Convergence(work, means).go()


class _Convergence:
    def __init__(self, work: Work, means: Means) -> None:
        self.work = work
        self.means = means
        self.owning = Owning(means.store, work.name, work.service, work.selection, means.host.clock, work.yielded)
        self.stands = standing(work.service, work.goal, work.selection, means.kinds)
        self.restarts = work.restarts
        self.given_up: set[str] = set()
        self.left: list[Left] = []
        self.id = f"{means.host.clock.now():%Y%m%dT%H%M%S}-{token_hex(3)}"
        self.order = count(1)
        self.course = Course(dict(work.spared), work.restarts)
        self.sights = Sights(work, means, self.owning, self.stands, self.course)
        self.opened = False

    def go(self) -> Result:
        start = self.means.host.clock.monotonic()
        work, store = self.work, self.means.store
        try:
            if work.service is not None and not work.gone:
                store.keep(work.service, self.means.host.clock.now())
            result = self._rounds()
        except StoreError as err:
            left = any(outcome.happened for outcome in self.course.outcomes)
            result = replace(self._result(End.FAILED, str(err), "osvc plan"), undone=not left)
        except Exception as err:
            import traceback

            what = str(err) if isinstance(err, EngineError) else f"internal error: {type(err).__name__}"
            path = self._leave("crashed", what, "".join(traceback.format_exception(err)))
            if path:
                err.add_note(f"case file: {path}")
            raise
        result = replace(
            result,
            left=(*self.left, *result.left),
            run=self.id,
            plan=self.course.plans[-1] if self.course.plans else None,
            outcomes=tuple(self.course.outcomes),
            rounds=len(self.course.plans),
            seconds=self.means.host.clock.monotonic() - start,
        )
        with suppress(StoreError):  # what cannot be written down now is seen by the next run
            self._file(result)
        if result.end in _REMEMBERED or result.failures or (result.end in _CUT_SHORT and self.course.outcomes):
            result = replace(result, casefile=self._leave(result.end.value, result.message))
        self.means.tell(Ended(work.name, self.id, result))
        return result

    def _file(self, result: Result) -> None:
        """Write down what the run has seen and come to."""
        work, store = self.work, self.means.store
        store.remember(work.name, self.sights.latest)
        left = {left.step.rid for left in result.left}
        if result.end in (End.ROLLED_BACK, End.STOPPED) or (left and result.end is End.FAILED):
            self.owning.give_back(self.sights.first_owned, self.course.outcomes, self.sights.latest, left)
        elif self._led_back(self.given_up) and self._may_undo:
            back = self._led_back(self.given_up)
            given_up = [outcome for outcome in self.course.outcomes if outcome.step.rid in back]
            self.owning.give_back(self.sights.first_owned, given_up, self.sights.latest, left)
        self._file_failure(result)
        if self.opened:
            store.end_run(self.id, result.end.value, result.message or self.course.plans[0].grounds, self.means.host.clock.now())
        if work.service is None and work.policy.prune and not store.ownership(work.name).owned:
            store.drop(work.name)

    # rounds

    def _rounds(self) -> Result:
        succeeded: set[str] = set()
        while len(self.course.plans) < ROUNDS:
            if self.means.stop.asked:
                return self._result(End.STOPPED, "the run was asked to stop")
            turns = self.means.crew.turns
            sight = self.sights.next()
            with ExitStack() as stack:
                if any(step.action.takes for step in sight.plan.certain):
                    stack.enter_context(self.means.crew.turn())
                    if self.means.crew.turns != turns:
                        sight = self.sights.looked()
                end = self._round(sight, succeeded)
            if end is not None:
                return end
        return self._result(End.STUCK, f"still changing after {ROUNDS} rounds: {self.course.plans[-1].differing}", "osvc plan")

    def _round(self, sight: Sight, succeeded: set[str]) -> Result | None:
        """Do what is planned. What the run came to; None when it has to look again."""
        ownership, seen, plan = sight
        if not plan.certain and (plan.adopted or plan.released):
            self.owning.claim(plan, ownership)
            ownership = self.owning.now()
            plan = self.sights.plan(ownership, seen)
        self.course.plans.append(plan)
        self.restarts = self.course.restarts()
        self.sights.owned, self.sights.seen = ownership, seen
        refusal = self._check(plan, succeeded)
        if refusal is not None:
            return refusal
        if not plan.certain:
            self.owning.settle(plan, ownership, {outcome.step.rid for outcome in self.course.outcomes})
            return self._conclude(plan)
        self.owning.claim(plan, ownership)
        self.means.tell(Began(self.work.name, self.id, len(self.course.plans), plan))
        failure = self._do(plan, seen)
        succeeded.add(plan.digest)
        return failure

    def _check(self, plan: Plan, succeeded: set[str]) -> Result | None:
        """Whether this plan may be done."""
        shown = self.work.shown
        if shown is not None and self.work.exact and len(self.course.plans) == 1 and plan.digest != shown.digest:
            return self._result(
                End.REFUSED,
                "the plan that was saved is not what would be done now",
                "make and look at a new plan: osvc plan -o FILE",
            )
        marked = without_secrets(plan) if self.work.undoes else ()
        if marked:
            what = f"{', '.join(marked)}: secrets of then are not kept, and its spec has others now"
            return self._result(End.REFUSED, what, f"put the spec back as it was, and: osvc apply -s {self.work.name}")
        new = uncovered(shown.steps, plan) if shown is not None else ()
        if new:
            what = ", ".join(f"{step.rid} {step.action.says()}" for step in new)
            result = self._result(End.REFUSED, f"this appeared that was not shown before: {what}", "osvc plan")
            return replace(result, uncovered=new)
        if plan.certain and plan.digest in succeeded:
            return self._result(End.STUCK, f"the same plan again after it succeeded: {plan.differing}", "osvc plan")
        return None

    def _conclude(self, plan: Plan) -> Result:
        """Nothing more can be done."""
        for verdict, end in ((Verdict.REFUSE, End.REFUSED), (Verdict.DEFER, End.DEFERRED)):
            change = next((change for change in plan.lacking if change.verdict is verdict), None)
            if change is not None:
                return self._result(end, f"{change.rid}: {change.reason}", change.remedy)
        hidden = next((step.rid for step in plan.steps if not plan.change(step.rid).common.dispensable), None)
        if hidden is not None:
            change = plan.change(hidden)
            return self._result(End.DEFERRED, f"{change.rid} cannot be seen: {change.basis}", "osvc status")
        return self._result(End.CONVERGED)

    # steps

    def _do(self, plan: Plan, seen: Mapping[str, Observed]) -> Result | None:
        """Do the plan's certain steps; the commits last, and only when nothing is provisional any more. None when all went well."""
        self._open()
        self.owning.keep_before(self.id, plan, self.sights.first_owned)
        run = self._run(plan)
        main, commits = phases(plan)
        for phase, known in ((main, seen), (commits, {})):  # by the time of the commits what was seen is old
            only = {n for n in phase if plan.steps[n - 1].rid not in self.given_up}
            if not only:
                continue
            outcomes = execute(plan, run, known, only=only, seen_at=self.sights.at)
            self.course.outcomes += outcomes
            self.owning.keep_storage(outcomes)
            fresh = {outcome.step.rid: outcome.after for outcome in outcomes if outcome.after is not None}
            self.sights.note(fresh)
            if any(outcome.status in (Status.FAILED, Status.CANCELLED) for outcome in outcomes):
                if not self._does_without(plan, outcomes):
                    return self._fail(run)
                self._give_up(run, outcomes)
        return None

    def _does_without(self, plan: Plan, outcomes: Sequence[Outcome]) -> bool:
        """Whether nothing failed but what the service does without, and nothing else was left out because of that."""
        if self.means.stop.asked or any(outcome.status is Status.CANCELLED for outcome in outcomes):
            return False
        lost = (outcome for outcome in outcomes if outcome.status in (Status.FAILED, Status.SKIPPED))
        return all(plan.spares(outcome.step.rid) for outcome in lost)

    def _give_up(self, run: Run, outcomes: Sequence[Outcome]) -> None:
        """Lead back what failed and may, and what went down with it; it is not tried again in this run."""
        lane = lane_of(outcomes, lanes_of(self.course.plans))
        failures = {outcome.step.rid: outcome.message for outcome in outcomes if outcome.status is Status.FAILED}
        self.course.spared |= {rid: f"optional, and failed: {message}" for rid, message in failures.items()}
        self.given_up |= lane
        lane = self._led_back(lane)
        if not lane or not self._may_undo:
            return
        undone = undo(run, self.course.plans, self.course.outcomes, lane)
        self.course.outcomes = list(undone.outcomes)
        self.left += undone.left
        self.sights.note({rid: run.look(rid) for rid in lane})

    def _led_back(self, lane: Collection[str]) -> frozenset[str]:
        """Those of a lane that a failure leads back: a stop is not undone, but what stands by in a stopped service is."""
        return frozenset(lane).intersection(self.stands) if self.work.goal.aim is Aim.DOWN else frozenset(lane)

    @property
    def _may_undo(self) -> bool:
        return self.work.policy.rollback and (self.work.service is None or self.work.service.rollback)

    def _run(self, plan: Plan) -> Run:
        ownership = self.owning.now()
        work = self.work
        wanted = {item.id.rid: item for item in wanted_of(work.name, work.service, ownership, work.goal.aim, self.stands)}
        return Run(self.id, work.name, self.means, wanted, self.order, self._veil)

    def _fail(self, run: Run) -> Result:
        """Something failed, or the run was cut short: lead back what the rules say, and tell."""
        stop, work = self.means.stop, self.work
        failures = [outcome for outcome in self.course.outcomes if outcome.status is Status.FAILED]
        cut = next(outcome for outcome in self.course.outcomes if outcome.status in (Status.FAILED, Status.CANCELLED))
        first = failures[0] if failures else cut
        message = f"{first.step.rid}: {first.message}" if failures else first.message
        end = End.FAILED if failures else End.STOPPED
        lane = lane_of(self.course.outcomes, lanes_of(self.course.plans))
        if work.whole_undo:
            lane = frozenset(outcome.step.rid for outcome in self.course.outcomes)
        lane = self._led_back(lane)
        if (work.goal.aim is Aim.DOWN and not lane) or not (failures or stop.asked):
            return replace(self._result(end, message, "osvc plan"), undone=False)
        if not self._may_undo:
            return replace(self._result(end, message, "osvc plan"), undone=False, held=True)
        undone = undo(run, self.course.plans, self.course.outcomes, lane)
        self.course.outcomes = list(undone.outcomes)
        if stop.undoing:
            self.sights.note({rid: run.look(rid) for rid in lane})
        if failures and not stop.asked:
            self._finish_beside(run, lane)
        if undone.left:
            message = f"{message}; undoing: {undone.left[0].says()}"
            return replace(self._result(end, message, "osvc plan"), undone=False, left=undone.left)
        return self._result(End.ROLLED_BACK if failures else End.STOPPED, message)

    def _finish_beside(self, run: Run, lane: frozenset[str]) -> None:
        """Commit what went well beside a failure: 49 good replacements do not leave 49 old containers behind."""
        plan = self.course.plans[-1]
        spoilt = lane | {
            outcome.step.rid for outcome in self.course.outcomes if outcome.status not in (Status.DONE, Status.ALREADY)
        }
        commits = frozenset(step.n for step in plan.certain if step.slot is Slot.COMMIT and step.rid not in spoilt)
        if commits and plan.whole:
            self.course.outcomes += execute(plan, run, {}, only=commits)

    def _open(self) -> None:
        if self.opened:
            return
        prepare()
        self.means.crew.runs.add(self.id)
        work, store, now = self.work, self.means.store, self.means.host.clock.now()
        was = work.was if work.was is not None and work.was.aim is not store.goal(work.name, work.was).aim else None
        if was is not None and was.aim is Aim.NONE:
            was = replace(was, aim=Aim.DOWN)
        store.begin_run(self.id, work.name, work.verb, now, self.means.by, goal=was, undoes=work.undoes)
        self.opened = True

    # the end

    def _file_failure(self, result: Result) -> None:
        store = self.means.store
        if result.end in _REMEMBERED:
            digest, now = self.work.digest(store.codec), self.means.host.clock.now()
            store.fail(self.work.name, digest, now, backoff, result.message, result.taken_back)
        elif result.end is End.CONVERGED:
            store.clear_failure(self.work.name)
        elif result.end in _CUT_SHORT and not result.failures and self.course.plans and not self.course.plans[-1].certain:
            store.calm_failure(self.work.name)  # all went well but for what is left alone

    def _veil(self) -> Veil:
        """Made when something has to be told only: most runs have nothing to hide."""
        return Veil(secrets_of(self._known()))

    def _known(self) -> Iterator[Model]:
        """Every model that this run knows, and whose secrets the machine may repeat."""
        from reconciler.engine.casefile import models_known

        return models_known(self.work.service, self.sights.owned, (*self.sights.seen.values(), *self.sights.latest.values()))

    def _leave(self, end: str, message: str, crash: str = "") -> str:
        """Leave a case file of the round in which the run ended. Its path, or "" when there is none."""
        if not self.course.plans:
            return ""
        from reconciler.engine.leaving import Round, leave

        last = Round(
            self.id,
            len(self.course.plans),
            self.course.plans[-1],
            self.sights.seen,
            self.sights.owned,
            self.course.spared,
            self.restarts,
            tuple(self.course.outcomes),
        )
        return leave(last, self.work, self.means, end, message, self._known(), crash)

    def _result(self, end: End, message: str = "", remedy: str = "") -> Result:
        return Result(self.work.name, end, message=message, remedy=remedy)
