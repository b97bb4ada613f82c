"""execute: walk a plan's steps. It takes no decisions but the ones that a failure forces (architecture, section 7)."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from reconciler.core.action import Action, Effect, Slot
from reconciler.core.change import Verdict
from reconciler.core.fetched import Fetched
from reconciler.core.kind import ResourceKind
from reconciler.core.lazy import dataclass
from reconciler.core.model import Model
from reconciler.core.observed import Absent, Observed, Present, Seen, Unknown
from reconciler.core.outcome import (
    CommandBegan,
    CommandEnded,
    Event,
    Outcome,
    Said,
    Status,
    StepBegan,
    StepEnded,
    StepMoved,
    StepSaid,
    cannot,
)
from reconciler.core.plan import Plan, Step
from reconciler.core.policy import Aim
from reconciler.core.trigger import Trigger
from reconciler.core.veil import Veil
from reconciler.engine.errors import Locked, StoreError
from reconciler.engine.locks import NODE
from reconciler.engine.means import Means
from reconciler.engine.observe import observe_one, type_of
from reconciler.engine.overheard import overheard
from reconciler.engine.retry import attempt, pause
from reconciler.engine.triggers import run_trigger
from reconciler.host.errors import LASTING, Cancelled, HostError, Permanent
from reconciler.resources.driver import Wanted

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

LOOK_AGAIN = (0.05, 0.15, 0.4)
"""Seconds between two looks for an effect that does not show; after the last one it counts as missing. Measured: an engine of
version 26 lists a container as running for some 20 ms after it has answered that it is stopped."""
_FRESH = 10.0
"""Seconds for which an observation is good enough for a step that interrupts nothing, and does not do again what is done."""
_AGAIN = frozenset({Verdict.RESTART, Verdict.REPLACE})


@dataclass(frozen=True, slots=True)
class Run:
    """What the steps of one run share. wanted: rid -> how to look at it. order: numbers completions over all rounds.

    veil: gives what keeps the run's secrets out of every text that comes back from the machine.
    """

    id: str
    service: str
    means: Means
    wanted: Mapping[str, Wanted]
    order: "count[int]"
    veil: Callable[[], Veil] = lambda: Veil(())
    lock_wait: float = 120.0

    def tell(self, event: Event) -> None:
        self.means.tell(event)

    def journal(self, step: Step, phase: str, seconds: float | None = None, message: str = "") -> None:
        at = self.means.host.clock.now()
        self.means.store.write_journal(self.id, self.service, step.n, step.rid, step.action.op, phase, at, seconds, message)

    def tell_journal(self, step: Step, phase: str, seconds: float | None = None, message: str = "") -> None:
        """The same of what has happened already: that it cannot be written down does not change it, and the next step's
        intention, which has to be, will find out."""
        with suppress(StoreError):
            self.journal(step, phase, seconds, message)

    def claim(self, action: Action) -> None:
        """Remember what is about to be brought from outside, before it is."""
        if action.brings is not None:
            self.means.store.fetch(Fetched(*action.brings, "", self.service), self.means.host.clock.now())

    def note_what_came(self, outcome: Outcome) -> None:
        """Remember what was brought: what is there now, and was not just before. While that cannot be seen, the claim stays."""
        action, before, after = outcome.step.action, outcome.before, outcome.after
        if action.brings is None or not isinstance(after, (Present, Absent)):
            return
        claim = Fetched(*action.brings, "", self.service)
        came = action.came(after)
        with suppress(StoreError):  # then the claim stays
            if came and isinstance(before, (Present, Absent)) and came != action.came(before):
                self.means.store.fetch(replace(claim, id=came), self.means.host.clock.now())
            else:
                self.means.store.forget_fetched([claim])

    def look(self, rid: str) -> Observed:
        return observe_one(self.wanted[rid], self.means.host, kinds=self.means.kinds, drivers=self.means.drivers)

    def look_for(self, rid: str, shown: Callable[[Observed], bool]) -> Observed:
        """Look until this shows, a few times: the machine may need a moment. What was seen last."""
        seen = self.look(rid)
        for wait in LOOK_AGAIN:
            if shown(seen):
                break
            self.means.host.clock.sleep(wait)
            seen = self.look(rid)
        return seen

    def perform(self, step: Step, action: Action, *, ended: Callable[[], bool]) -> None:
        """Do one action, retried. Raises HostError, without secrets in what it says."""
        type_name = type_of(self.wanted[step.rid])
        driver = self.means.drivers(type_name)

        def tell(text: str) -> None:
            self.tell(StepSaid(self.service, self.id, step, self.veil().text(text)))

        def say(said: Said) -> None:
            if isinstance(said, str):
                tell(said)
                return
            if ended():
                raise Cancelled("the run was asked to stop")
            self.tell(StepMoved(self.service, self.id, step, said))

        host = overheard(self.means.host, self.veil, *self._retold(step))
        with self.shared(action, ended):
            try:
                if isinstance(action, Trigger):  # which tells by itself what it said
                    run_trigger(action, self.means.host, tell)
                    return
                attempt(
                    lambda: driver.perform(self.wanted[step.rid].id, action, host, say),
                    self.means.host.clock,
                    ended=ended,
                    on_retry=say,
                )
            except HostError as err:
                veil = self.veil()
                raise type(err)(veil.text(str(err)), veil.text(err.output)) from None

    def _retold(self, step: Step) -> tuple[Callable[[str], None], Callable[[str], None]]:
        """What becomes of a command of a step that begins, and of what it said."""
        return (
            lambda command: self.tell(CommandBegan(self.service, self.id, step, command)),
            lambda output: self.tell(CommandEnded(self.service, self.id, step, output)),
        )

    @contextmanager
    def shared(self, action: Action, ended: Callable[[], bool]) -> Iterator[None]:
        """The node's lock, for an action on what the services share. ended: whether to give up waiting for it."""
        if not action.shared:
            yield
            return
        with self.means.crew.node, ExitStack() as stack:
            try:
                stack.enter_context(self.means.locks.hold(NODE, wait=self.lock_wait, on_event=self.tell, asked=ended))
            except Locked as err:
                raise Permanent(f"what the services of this node share is locked by {err.holder}") from None
            yield


def settled(kind: ResourceKind, desired: Model, observed: Observed) -> Seen | None:
    """An observation with every default filled in, as actions compare it. Of an unknown resource what is assumed counts; None
    where nothing is."""
    seen = observed.assume if isinstance(observed, Unknown) else observed
    if isinstance(seen, Present):
        state = kind.settle(desired, seen.state, seen.around)[1]
        return seen if state is None else Present(state, seen.around)
    return seen


def execute(
    plan: Plan,
    run: Run,
    known: Mapping[str, Observed],
    *,
    only: Collection[int],
    seen_at: float = float("-inf"),
    failed: bool = False,
) -> tuple[Outcome, ...]:
    """Do these steps of the plan; an outcome each, in the order of completion.

    only: the numbers of the steps to do; the others keep their place in the order, but nothing is done for them.
    known: rid -> the observation that the plan was made on. seen_at: when, on the host's monotonic clock. failed: something failed
    before in this run.
    A HostError is an outcome; any other exception is a bug and comes out when the steps at hand have ended.
    """
    return _Walk(plan, run, dict(known), seen_at, frozenset(only), failed).go()


class _Walk:
    def __init__(
        self, plan: Plan, run: Run, known: dict[str, Observed], seen_at: float, only: frozenset[int], failed: bool
    ) -> None:
        self.plan = plan
        self.run = run
        self.known = known
        self.seen_at = dict.fromkeys(known, seen_at)
        self.only = only
        self.failed = failed
        self.ended: dict[int, Status | None] = {}
        self.outcomes: list[Outcome] = []
        self.bug: BaseException | None = None
        self.waits = {step.n: {*step.after, *step.needs} for step in plan.steps}
        self.behind: dict[int, list[int]] = {step.n: [] for step in plan.steps}
        for n, earlier in self.waits.items():
            for other in earlier:
                self.behind[other].append(n)
        self.ready = [n for n, earlier in self.waits.items() if not earlier]
        """The steps that wait for nothing any more, as a heap: the plan's order."""

    def go(self) -> tuple[Outcome, ...]:
        from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

        running: dict[Future[Outcome], Step] = {}
        with ThreadPoolExecutor(self.run.means.workers, "step") as pool:
            while True:
                self._launch(running, pool)
                if not running:
                    break
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=lambda future: running[future].n):
                    self._take(running.pop(future), future)
        if self.bug is not None:
            raise self.bug
        return tuple(self.outcomes)

    def _launch(self, running: "dict[Future[Outcome], Step]", pool: "ThreadPoolExecutor") -> None:
        """Start what is ready, in the order of the plan and as far as there are workers; settle what will not be tried."""
        while self.ready and self.bug is None:
            step = self.plan.steps[heappop(self.ready) - 1]
            verdict = self._judge(step)
            if step.n not in self.only:
                self._settle(step.n, None)
            elif verdict is not None:
                self._end(Outcome(step, verdict[0], message=verdict[1]))
            elif len(running) < self.run.means.workers:
                running[pool.submit(self._do, step)] = step
            else:
                heappush(self.ready, step.n)
                return

    def _settle(self, n: int, status: Status | None) -> None:
        """Note what became of a step; what waited for it alone is ready now."""
        self.ended[n] = status
        for later in self.behind[n]:
            self.waits[later].discard(n)
            if not self.waits[later]:
                heappush(self.ready, later)

    def _judge(self, step: Step) -> tuple[Status, str] | None:
        """Why a ready step is not to be tried; None when it is."""
        if step.n not in self.only:
            return (Status.SKIPPED, "")
        lost = [n for n in step.needs if self.ended[n] in (Status.FAILED, Status.SKIPPED, Status.CANCELLED)]
        if lost:
            return (Status.SKIPPED, f"step {lost[0]} was not done")
        if self.run.means.stop.asked:
            return (Status.CANCELLED, "the run was asked to stop")
        if self.failed and step.action.costs >= Effect.DISRUPTIVE:
            return (Status.CANCELLED, "another step failed, and nothing more is interrupted")
        return None

    def _take(self, step: Step, future: "Future[Outcome]") -> None:
        error = future.exception()
        if error is not None:
            self.bug = self.bug or error
            self._settle(step.n, Status.FAILED)
            return
        outcome = future.result()
        if outcome.after is not None:
            self.known[step.rid] = outcome.after
            self.seen_at[step.rid] = self.run.means.host.clock.monotonic()
            if isinstance(outcome.after, (Present, Absent)):
                with suppress(StoreError):
                    self.run.means.store.remember(self.run.service, {step.rid: outcome.after})
        if outcome.status is Status.DONE:
            self._outdate(step)
        if outcome.status is Status.FAILED and not (self.plan.spares(step.rid) or self._bears(step)):
            self.failed = True
        self._end(outcome)

    def _bears(self, step: Step) -> bool:
        return step.action.bearable and self.plan.goal.aim is Aim.DOWN

    def _outdate(self, step: Step) -> None:
        """What comes up again on something that came anew stands on other ground than it was last seen on."""
        for n in self.behind[step.n]:
            rid = self.plan.steps[n - 1].rid
            if rid != step.rid and self.plan.change(rid).verdict in _AGAIN:
                self.seen_at[rid] = float("-inf")

    def _end(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self.run.tell(StepEnded(self.run.service, self.run.id, outcome))
        self._settle(outcome.step.n, outcome.status)

    # in a worker thread

    def _do(self, step: Step) -> Outcome:
        run, clock = self.run, self.run.means.host.clock
        if run.means.lease.epoch(run.service) is None:
            return Outcome(step, Status.CANCELLED, message="this node has lost the lease of the service")
        if run.means.stop.asked:
            return Outcome(step, Status.CANCELLED, message="the run was asked to stop")
        began, start = clock.now(), clock.monotonic()
        run.tell(StepBegan(run.service, run.id, step))
        before = self._before(step)
        if not step.action.blind and isinstance(before, (Present, Absent)) and self._shown(step, before):
            return Outcome(step, Status.ALREADY, before, before, began, clock.monotonic() - start)
        outcome = Outcome(step, Status.DONE, before, None, began)
        try:
            run.journal(step, "intend", message=step.action.command() or step.action.says())
            run.claim(step.action)
        except StoreError as err:
            message = cannot(step.action.says(), str(err))
            return replace(outcome, status=Status.FAILED, message=message, after=before, order=next(run.order))
        outcome = self._tried(outcome)
        run.note_what_came(outcome)
        seconds = clock.monotonic() - start
        run.tell_journal(step, outcome.status.value, seconds, outcome.message)
        return replace(outcome, seconds=seconds, order=next(run.order))

    def _tried(self, begun: Outcome) -> Outcome:
        """Do it; where it is to come up and does not, again, as often as its spec says. A trigger runs once for a
        start, whatever it says."""
        step, stop = begun.step, self.run.means.stop
        common = self.plan.change(step.rid).common
        again = (common.restart or 0) if step.slot is Slot.UP and not isinstance(step.action, Trigger) else 0
        outcome = self._done(begun)
        for number in range(1, again + 1):
            if outcome.status is not Status.FAILED or stop.asked:
                break
            wait = f" in {common.restart_delay:g} s" if common.restart_delay else ""
            text = f"{outcome.message}; again{wait} (restart {number} of {again})"
            self.run.tell(StepSaid(self.run.service, self.run.id, step, text))
            pause(self.run.means.host.clock, common.restart_delay, lambda: stop.asked)
            outcome = outcome if stop.asked else self._done(begun)
        return outcome

    def _done(self, begun: Outcome) -> Outcome:
        """Do it once."""
        run, step = self.run, begun.step
        try:
            run.perform(step, step.action, ended=lambda: run.means.stop.asked)
        except Cancelled as err:
            return replace(begun, status=Status.CANCELLED, message=str(err), after=run.look(step.rid))
        except HostError as err:
            message, lasting = cannot(step.action.says(), str(err)), isinstance(err, LASTING)
            failed = replace(begun, status=Status.FAILED, message=message, output=err.output, lasting=lasting)
            return replace(failed, after=run.look(step.rid))
        return self._verified(begun)

    def _before(self, step: Step) -> Observed:
        age = self.run.means.host.clock.monotonic() - self.seen_at.get(step.rid, float("-inf"))
        if step.action.costs is Effect.SAFE and age < _FRESH and step.action.brings is None:
            return self.known[step.rid]
        return self.run.look(step.rid)

    def _verified(self, outcome: Outcome) -> Outcome:
        """A step whose effect cannot be seen has failed."""
        if outcome.step.action.blind:
            return replace(outcome, after=self.run.look(outcome.step.rid))
        after = self.run.look_for(outcome.step.rid, lambda seen: self._shown(outcome.step, seen))
        if self._shown(outcome.step, after):
            return replace(outcome, after=after)
        why = "it ran without an error, but its effect cannot be seen"
        if not isinstance(after, (Present, Absent)):
            why += f" ({after.reason})"
        return replace(outcome, after=after, status=Status.FAILED, message=cannot(outcome.step.action.says(), why))

    def _shown(self, step: Step, observed: Observed) -> bool:
        change = self.plan.change(step.rid)
        seen = settled(self.run.means.kinds(change.type), change.desired, observed)
        return seen is not None and step.action.shown(seen)
