"""Judge: whether a watch works on a service now, and what it makes of what came of that: what fails, or drifts again and again,
rests."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.core.ban import Ban
from reconciler.core.change import Change
from reconciler.core.common import FREEZESTOP
from reconciler.core.lazy import dataclass
from reconciler.core.observed import Present
from reconciler.core.outcome import End, Result
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim, Goal, Policy
from reconciler.engine.backoff import LONGEST, backoff, longer
from reconciler.engine.session import Session
from reconciler.engine.standing import State
from reconciler.engine.store import Failure
from reconciler.engine.target import Survey, Target
from reconciler.engine.tries import CALM, Tries, is_lost
from reconciler.engine.work import WATCH, Work

_LEFT: Final = "its spec is gone; what osvc made of it is left as it is → osvc plan --prune"


@dataclass(frozen=True, slots=True)
class _Mended:
    """A service whose drift was mended `count` times without a calm time between; not again before `until`."""

    wish: str
    count: int
    until: datetime


@dataclass(frozen=True, slots=True)
class _Lasting:
    """A service that failed with an error that lasts: until when it rests while what is seen of it (None: nothing yet) stays as it
    was then."""

    wish: str
    until: datetime
    seen: str | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is to become of a service.

    says: what is to be told of it; None: what was told last holds on. until: when it is to be looked at again by itself; None:
    only when something rings. again: it is to be looked at ever more seldom, for nobody knows when it can go on. do: it is worked
    on now, as this target, by this plan. spared: rid -> why it is left alone for now; None: as before. freeze: it is frozen now.
    """

    state: State
    says: str | None = None
    until: datetime | None = None
    again: bool = False
    do: tuple[Target, Plan] | None = None
    spared: dict[str, str] | None = None
    freeze: Ban | None = None


class Judge:
    """The memory of one watch, for its loop's thread. An edit of a service's spec (another wish) begins anew.

    Its time goes on as a monotonic clock does: a wall clock that is set makes nobody wait longer.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        clock = session.host.clock
        self._origin = clock.now() - timedelta(seconds=clock.monotonic())
        self._rests: dict[str, tuple[Failure, datetime]] = {}
        """Service -> the failure that the store knows, and until when it rests for that by the time of this watch."""
        self._lasting: dict[str, _Lasting] = {}
        self._tries = Tries()
        self._settled: dict[str, str] = {}
        self._mended: dict[str, _Mended] = {}
        self._felled: dict[str, Ban] = {}
        """Service that is brought down by its monitor_action -> the freeze that it gets once it is down."""

    @property
    def now(self) -> datetime:
        return self._origin + timedelta(seconds=self._session.host.clock.monotonic())

    def keep(self, names: Collection[str]) -> None:
        """There are these services, and no others."""
        memories: tuple[dict[str, Any], ...] = (self._rests, self._lasting, self._settled, self._mended, self._felled)
        for memory in memories:
            for name in memory.keys() - set(names):
                del memory[name]
        self._tries.keep(names)

    def rule(self, survey: Survey, policy: Policy) -> Ruling:
        """Whether a service is worked on now, by what was just seen of it. Raises EngineError."""
        now, target, plan = self.now, survey.target, survey.plan
        wish, failure = self.wish(target), self._session.store.failure(target.name)
        lasts = self._still(survey, wish)
        spared = self._tries.spared(plan, wish, now)
        lost = self._tries.lost_for_good(plan)
        if lost:
            return self._fell(survey, policy, lost)
        until = self._tries.until(plan, wish, now) if spared else None
        spared |= self._held(plan, wish, failure)
        if spared:
            target = replace(target, spared=spared)
            plan = self._session.replan(survey, target, policy)
        freeze = self._freeze_of(target)
        ruling = self._ruled(target, plan, wish, failure, now)
        if ruling.do is not None and plan.disruptive and not self.may_disrupt and freeze is None:
            ruling = self._meanwhile(survey, target, plan, policy)
        if lasts is not None and ruling.do is not None:
            ruling = Ruling(
                State.WAITING, "it fails for a reason that lasts; tried ever more seldom, or once something changes", lasts
            )
        state = ruling.state
        if target.frozen is not None:
            state, ends = State.FROZEN, target.frozen.until
            until = _sooner(until, now + (ends - self._session.host.clock.now()) if ends is not None else None)
        elif spared and ruling.do is None:
            state = State.DEGRADED
        down = ruling.do is None and state in (State.KEPT, State.OPEN)
        return replace(ruling, state=state, until=_sooner(ruling.until, until), spared=spared, freeze=freeze if down else None)

    def _ruled(self, target: Target, plan: Plan, wish: str, failure: Failure | None, now: datetime) -> Ruling:
        """Whatever it interrupts. failure: as the store has it."""
        name = target.name
        moves = _moves(plan)
        if not moves and self._settled.get(name) == wish:
            if target.service is None:
                return Ruling(State.OPEN, _LEFT)
            says = "; ".join(f"{change.rid}: {change.reason}" for change in plan.open)
            return Ruling(State.OPEN if plan.open else State.KEPT, says, again=bool(plan.open))
        rest = self._rest(name, wish, failure)
        if rest is not None and now < rest:
            return Ruling(State.WAITING, until=rest)
        mended = self._mended.get(name)
        if mended is not None and mended.wish == wish and now < mended.until:
            says = f"drifts again and again; mended {mended.count} times, and next after a pause"
            return Ruling(State.WAITING, says, mended.until)
        return Ruling(State.WORKING, do=(target, plan))

    def _fell(self, survey: Survey, policy: Policy, lost: Mapping[str, str]) -> Ruling:
        """It is stopped, as somebody would who types it, whatever the window; unless anybody was at it since the look."""
        name, run = survey.target.name, survey.run
        why = "; ".join(f"{rid} is lost: {reason}" for rid, reason in lost.items())
        freeze = self._felled[name] = Ban(WATCH, self._session.host.clock.now(), f"{FREEZESTOP}: {why}")
        target = replace(survey.target, goal=_stop(freeze), kept=True, remembered=False, after=run[0] if run is not None else "")
        plan = self._session.replan(survey, target, policy)
        says = f"stopped, and frozen once it is down, by its monitor_action: {why} → osvc thaw {name}, then osvc start {name}"
        return Ruling(State.WORKING, says, do=(target, plan))

    def _freeze_of(self, target: Target) -> Ban | None:
        """The freeze that a service gets once it is down; None where it gets none, or has it, or somebody wants something else."""
        freeze = self._felled.get(target.name)
        if freeze is not None and (target.was != _stop(freeze) or target.frozen is not None):
            del self._felled[target.name]
            return None
        return freeze

    @property
    def may_disrupt(self) -> bool:
        """Whether something may be interrupted at this moment."""
        disrupt = self._session.config.disrupt
        return disrupt if isinstance(disrupt, bool) else disrupt.open(self._session.host.clock.now())

    def _meanwhile(self, survey: Survey, target: Target, plan: Plan, policy: Policy) -> Ruling:
        """It interrupts something, and this is not the time: that waits, and the rest is done."""
        disrupt, wall, hand = self._session.config.disrupt, self._session.host.clock.now(), f"osvc apply -s {target.name}"
        opens = None if isinstance(disrupt, bool) else disrupt.next(wall)
        window = f"the window that begins {opens:%a %Y-%m-%d %H:%M}" if opens is not None else ""
        steps = ", ".join(f"{step.rid} {step.action.says()}" for step in plan.disruptive)
        when = f"in {window}, or by {hand}" if window else f"do it with {hand}, or set disrupt: true"
        says, until = f"not done, for it interrupts something: {steps}; {when}", self.now + (opens - wall) if opens else None
        before = target.spared
        while plan.disruptive:
            waiting = _interrupted(plan).difference(target.spared) or _interrupting(plan).difference(target.spared)
            if not waiting:
                return Ruling(State.OPEN, says, until)
            why = f"it interrupts something, and waits for {window or hand}"
            target = replace(target, spared={**target.spared, **dict.fromkeys(waiting, why)})
            plan = self._session.replan(survey, target, policy)
        if _moves(plan):
            return Ruling(State.WORKING, says, until, do=(target, plan))
        others = [change for change in plan.open if change.rid in before or change.rid not in target.spared]
        told = "; ".join([says, *(f"{change.rid}: {change.reason}" for change in others)])
        return Ruling(State.OPEN, told, until, again=bool(others))

    def heed(self, target: Target, plan: Plan, result: Result) -> Ruling:
        """What came of working on a service by this plan. Raises EngineError."""
        name, now, wish = target.name, self.now, self.wish(target)
        self._lasting.pop(name, None)
        self._tries.count(plan, wish, [result], now)
        if result.end is End.CONVERGED:
            self._count(name, wish, result, now)
            self._settled[name] = wish
            if target.service is None and not _moves(plan):
                return Ruling(State.OPEN, _LEFT)
            return Ruling(State.KEPT, "", now)
        if result.end in (End.DEFERRED, End.REFUSED):
            self._count(name, wish, result, now)
            self._settled[name] = wish
            return Ruling(State.OPEN, result.message if not target.spared else None, again=True)
        if result.end is End.LOCKED:
            return Ruling(State.LOCKED, again=True)
        rest = self._rest(name, wish, self._session.store.failure(name))
        if rest is None:
            return Ruling(State.OPEN, again=True)
        if result.failures and all(outcome.lasting for outcome in result.failures):
            self._lasting[name] = _Lasting(wish, rest + longer(self._rests[name][0].count))
            return Ruling(State.WAITING, until=now)
        return Ruling(State.WAITING, until=rest)

    def _rest(self, name: str, wish: str, failure: Failure | None) -> datetime | None:
        """Until when a service rests that failed, whoever ran it; None where it did not, or not for this wish. By the store's word,
        whose clock may have been set since: never longer than a rest lasts."""
        if failure is None or failure.digest != wish:
            self._rests.pop(name, None)
            return None
        if name not in self._rests or self._rests[name][0] != failure:
            left = max(timedelta(), min(failure.until - self._session.host.clock.now(), LONGEST))
            self._rests[name] = failure, self.now + left
        return self._rests[name][1]

    def _still(self, survey: Survey, wish: str) -> datetime | None:
        """Until when a service rests whose error lasts; None where it has none, or where something else is seen of it than then."""
        name = survey.target.name
        lasting = self._lasting.get(name)
        if lasting is None or lasting.wish != wish or self.now >= lasting.until:
            return None
        seen = repr(sorted(survey.observed.items()))
        if lasting.seen is None:
            self._lasting[name] = replace(lasting, seen=seen)
        return lasting.until if lasting.seen in (None, seen) else None

    def _held(self, plan: Plan, wish: str, failure: Failure | None) -> dict[str, str]:
        """rid -> why what was taken back stays as it is: as long as that is up."""
        if failure is None or failure.digest != wish:
            return {}
        up = [change for change in plan.changes if change.rid in failure.held and self._is_up(change)]
        why = f"not tried again until its spec changes, or: osvc apply -s {plan.service}"
        return {change.rid: f"to {change.verdict.value} it failed, and was taken back; {why}" for change in up}

    def _is_up(self, change: Change) -> bool:
        kind, seen = self._session.kinds(change.type), change.seen
        known = isinstance(seen, Present) and isinstance(seen.state, kind.state)
        return isinstance(seen, Present) and known and kind.is_up(seen.state)

    def _count(self, name: str, wish: str, result: Result, now: datetime) -> None:
        """Drift that comes back is mended at growing intervals: the first two times at once, then as a failure would be."""
        if not result.touched or self._settled.get(name) != wish:
            return
        last = self._mended.get(name)
        again = last is not None and last.wish == wish and now < last.until + CALM
        number = last.count + 1 if last is not None and again else 1
        self._mended[name] = _Mended(wish, number, now + (backoff(number - 2) if number > 2 else timedelta()))

    def wish(self, target: Target) -> str:
        return Work(target.name, target.service, target.goal).digest(self._session.store.codec)


def _moves(plan: Plan) -> bool:
    return bool(plan.certain or plan.adopted or plan.released)


def _interrupted(plan: Plan) -> set[str]:
    """What a plan interrupts, and what else it moves that goes down with that; but for what died by itself, and only comes up."""
    down = {step.rid for step in plan.disruptive}
    lanes, moved = dict(plan.lanes), {step.rid for step in plan.steps}
    beside = {rid for root in down for rid in lanes.get(root, ()) if rid in moved and not is_lost(plan.change(rid))}
    return down | beside


def _interrupting(plan: Plan) -> set[str]:
    """What a plan interrupts something for."""
    down = {step.rid for step in plan.disruptive}
    return {rid for rid, lane in plan.lanes if down.intersection(lane)}


def _stop(freeze: Ban) -> Goal:
    return Goal(Aim.DOWN, freeze.by, freeze.at, freeze.reason)


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)
