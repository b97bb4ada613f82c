"""Judge: whether a watch works on a service now, and what it makes of what came of that: what fails, or drifts again and again,
rests."""

from dataclasses import field, replace
from datetime import datetime, timedelta

from reconciler.core.lazy import dataclass
from reconciler.core.outcome import End, Result
from reconciler.core.plan import Plan
from reconciler.core.policy import Policy
from reconciler.engine.backoff import backoff
from reconciler.engine.session import Session
from reconciler.engine.standing import State
from reconciler.engine.target import Target
from reconciler.engine.tries import CALM, Tries
from reconciler.engine.work import Work


@dataclass(frozen=True, slots=True)
class _Mended:
    """A service whose drift was mended `count` times without a calm time between; not again before `until`."""

    wish: str
    count: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is to become of a service.

    says: what is to be told of it; None: what was told last holds on. until: when it is to be looked at again by itself; None:
    only when something rings. again: it is to be looked at ever more seldom, for nobody knows when it can go on. do: it is worked
    on now, as this target, by this plan.
    """

    state: State
    says: str | None = None
    until: datetime | None = None
    again: bool = False
    do: tuple[Target, Plan] | None = None
    spared: dict[str, str] = field(default_factory=dict)


class Judge:
    """The memory of one watch, for its loop's thread. An edit of a service's spec (another wish) begins anew."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tries = Tries()
        self._settled: dict[str, str] = {}
        self._mended: dict[str, _Mended] = {}

    def rule(self, target: Target, plan: Plan, policy: Policy) -> Ruling:
        """Whether a service is worked on now. plan: of what was just seen of it."""
        now, wish = self._session.host.clock.now(), self.wish(target)
        spared = self._tries.spared(plan, wish, now)
        until = self._tries.until(plan, wish, now) if spared else None
        if spared:
            target = replace(target, spared=spared)
            plan = self._session.plans((target,), policy=policy, prune_all=True)[0]
        ruling = self._ruled(target, plan, wish, now)
        state = ruling.state
        if target.frozen is not None:
            state = State.FROZEN
        elif spared and ruling.do is None:
            state = State.DEGRADED
        return replace(ruling, state=state, until=_sooner(ruling.until, until), spared=spared)

    def _ruled(self, target: Target, plan: Plan, wish: str, now: datetime) -> Ruling:
        name = target.name
        moves = bool(plan.certain or plan.adopted or plan.released)
        if not moves and self._settled.get(name) == wish:
            says = "; ".join(f"{change.rid}: {change.reason}" for change in plan.open)
            return Ruling(State.OPEN if plan.open else State.KEPT, says, again=bool(plan.open))
        failure = self._session.store.failure(name)
        if failure is not None and failure.digest == wish and now < failure.until:
            return Ruling(State.WAITING, until=failure.until)
        mended = self._mended.get(name)
        if mended is not None and mended.wish == wish and now < mended.until:
            says = f"drifts again and again; mended {mended.count} times, and next after a pause"
            return Ruling(State.WAITING, says, mended.until)
        if plan.disruptive and not self._session.config.disrupt:
            steps = ", ".join(f"{step.rid} {step.action.says()}" for step in plan.disruptive)
            says = f"not done, for it interrupts something: {steps}; do it with osvc apply, or set disrupt: true"
            return Ruling(State.OPEN, says)
        return Ruling(State.WORKING, do=(target, plan))

    def heed(self, target: Target, plan: Plan, result: Result) -> Ruling:
        """What came of working on a service by this plan."""
        name, now, wish = target.name, self._session.host.clock.now(), self.wish(target)
        self._tries.count(plan, wish, [result], now)
        if result.end is End.CONVERGED:
            self._count(name, wish, result, now)
            self._settled[name] = wish
            return Ruling(State.KEPT, "", now)
        if result.end in (End.DEFERRED, End.REFUSED):
            self._settled[name] = wish
            return Ruling(State.OPEN, result.message, again=True)
        if result.end is End.LOCKED:
            return Ruling(State.LOCKED, again=True)
        failure = self._session.store.failure(name)
        if failure is not None and failure.digest == wish:
            return Ruling(State.WAITING, until=failure.until)
        return Ruling(State.OPEN, again=True)

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


def _sooner(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)
