"""watch: keep services at their goals: at the start, and whenever something rings: the machine, a spec, a time (rounds.py).

Level-triggered: why it looks never matters, only what it sees. One thread; a run of a service has its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.core.bells import Bell
from reconciler.core.observed import Present
from reconciler.core.outcome import End, Event, Noticed, OnEvent, Result, silent
from reconciler.core.plan import Plan
from reconciler.core.policy import Policy
from reconciler.engine import log
from reconciler.engine.backoff import backoff
from reconciler.engine.config import Config
from reconciler.engine.errors import ConfigError, EngineError, Refused
from reconciler.engine.rounds import SETTLING, Call, Rounds
from reconciler.engine.session import Session
from reconciler.engine.specs import Specs
from reconciler.engine.standing import Looks, Standing, State
from reconciler.engine.target import Survey, Target
from reconciler.engine.tries import CALM, Tries, is_lost
from reconciler.engine.work import Work
from reconciler.host.manager import Manager

_EVERYTHING = Call(everything=True)
_OF_NOBODY = ("", "specs", "prune", "bells", "configuration")
"""What is told, and is of no one service."""
_SOON = 10.0
"""Seconds until everything is looked at again that could not be: the state folder, say, did not let itself be read."""


@dataclass(frozen=True, slots=True)
class _Mended:
    """A service whose drift was mended `count` times without a calm time between; not again before `until`."""

    wish: str
    count: int
    until: datetime


class Watch:
    """Watches specs for one open session.

    paths: files and folders; () is the node's specs folder. configure: reads the configuration again (SIGHUP). manager: who is told
    that it has begun, and lives.
    """

    def __init__(
        self,
        session: Session,
        paths: Sequence[str] = (),
        *,
        on_event: OnEvent = silent,
        configure: Callable[[], Config] | None = None,
        manager: Manager | None = None,
    ) -> None:
        self.session = session
        self.paths = tuple(paths) or (session.config.specs,)
        self.on_event = on_event
        self._configure = configure or (lambda: session.config)
        self._manager = manager or Manager({})
        self._specs = Specs(self.paths, session.load)
        self._rounds = Rounds(
            session.host.doorbells(),
            session.host.clock,
            session.stop,
            files=(*self.paths, session.config.state_dir),
            interval=lambda: self.session.config.interval,
        )
        self._known: dict[str, Target] = {}
        self._locked: set[str] = set()
        self._open: dict[str, int] = {}
        """Service -> how many looks in a row found it neither at its goal nor to be worked on."""
        self._settled: dict[str, str] = {}
        self._mended: dict[str, _Mended] = {}
        self._tries = Tries()
        self._told: dict[tuple[str, str], str] = {}
        self._policy = Policy()
        self._states: dict[str, State] = {}
        self._until: dict[str, datetime] = {}
        self._degraded: dict[str, dict[str, str]] = {}
        self._deaf: dict[str, str] = {}
        self._looks = Looks()

    def standing(self) -> Standing:
        """How it stands now; in any thread."""
        return Standing(
            dict(self._states),
            dict(self._until),
            dict(self._degraded),
            dict(self._deaf),
            self._specs.wrong,
            self._looks,
        )

    def run(self) -> int:
        """Watch until the session is asked to stop; the number of the signal that asked. A run at hand ends by its own rules."""
        stop = self.session.stop
        stop.wakes.append(self._rounds.wake)
        try:
            self.look()
            self._manager.ready()
            while not stop.asked:
                call = self._rounds.next(self._manager.beat)
                if stop.reread.is_set():
                    self._reread()
                elif call is not None:
                    self.look(call)
                self._manager.alive()
        finally:
            self._manager.stopping()
            self.close()
        return stop.number

    def close(self) -> None:
        """Listen no more."""
        if self._rounds.wake in self.session.stop.wakes:
            self.session.stop.wakes.remove(self._rounds.wake)
        self._rounds.close()

    @property
    def edited(self) -> bool:
        """Whether a spec file was added, changed or removed since it was read last."""
        return self._specs.edited

    def look(self, call: Call = _EVERYTHING) -> tuple[Result, ...]:
        """Read what changed, see once what is called for, and work on the services that need it; their results.

        What cannot be done now is told once and tried again later: nothing on the machine ends a watch.
        """
        began = self.session.host.clock.monotonic()
        try:
            self._rounds.looked(call.names, everything=call.everything)
            self._rounds.hang({})
            if call.everything or call.files.intersection(self.paths):
                self._read()
            targets = self._called(call)
            self._hang({target.name: [*self._rounds.hung(target.name), *self._expected(target)] for target in targets})
            surveys = self._surveys(targets)
        except EngineError as err:
            self._tell("", str(err))
            self._rounds.later("", _SOON)
            return ()
        finally:
            self._looks = self._looks.plus(self.session.host.clock.monotonic() - began)
        self._tell("", "")
        self._hang({name: self._seen(survey.plan) for name, survey in surveys.items()})
        results: list[Result] = []
        named = {target.name: target for target in targets}
        for name, survey in surveys.items():
            if self.session.stop.asked:
                break
            self._tell_frozen(named[name])
            self._states[name] = State.KEPT
            self._tell_lost(survey.plan)
            target, plan = self._spared(named[name], survey.plan)
            if self._due(target, plan):
                results.extend(self._work(target, plan, survey))
            if target.frozen is not None:
                self._states[name] = State.FROZEN
            elif target.spared:
                self._states[name] = State.DEGRADED
        return tuple(results)

    @property
    def policy(self) -> Policy:
        return Policy(prune=self.session.config.prune)

    # specs, and what is called for

    def _read(self) -> None:
        fresh = self._specs.read()
        if fresh is not None:
            self._tell("specs", "\n".join(str(error) for error in fresh.errors))

    def _reread(self) -> None:
        """Read the configuration again, and look at everything. What the open session stands on stays as it is."""
        self.session.stop.reread.clear()
        self._manager.reloading()
        old = self.session.config
        try:
            fresh = self._configure()
        except ConfigError as err:
            self._tell("configuration", f"the configuration is wrong, and stays as it was: {err}")
        else:
            stays = replace(old, interval=fresh.interval, prune=fresh.prune, disrupt=fresh.disrupt, lock_wait=fresh.lock_wait)
            self._tell(
                "configuration", "" if stays == fresh else "what else changed in the configuration holds once watch is begun anew"
            )
            self.session.config = stays
        self.look()
        self._manager.ready()

    def _called(self, call: Call) -> tuple[Target, ...]:
        """The services that are meant: those that were called for by name, and those whose spec, goal or anything else that persons
        say of them is another than it was. Everything where one is gone: what pruning may lose is judged of all together."""
        targets = self.session.targets(self._specs.loaded)
        last, self._known = self._known, {target.name: target for target in targets}
        gone = any(name not in self._known or self._known[name].gone > target.gone for name, target in last.items())
        if call.everything or gone:
            self._keep()
            return targets
        names = {*call.names, *(target.name for target in targets if target != last.get(target.name))}
        if self.session.config.state_dir in call.files:
            names |= self._locked
        return tuple(target for target in targets if target.name in names and not target.gone)

    def _keep(self) -> None:
        """There are these services, and no others."""
        self._rounds.keep(self._known)
        for known in (self._states, self._until, self._degraded):
            for name in known.keys() - self._known.keys():
                del known[name]
        for name in self._known.keys() - self._states.keys():
            self._states[name] = State.NEW

    # bells

    def _hang(self, bells: Mapping[str, Sequence[Bell]]) -> None:
        self._rounds.hang(bells)
        self._deaf = {f"{bell.source.value} {bell.key}".rstrip(): why for bell, why in self._rounds.deaf().items()}
        deaf = "; ".join(sorted(f"{bell}: {why}" for bell, why in self._deaf.items()))
        self._tell("bells", f"cannot listen to {deaf}; looked at now and then all the same" if deaf else "")

    def _expected(self, target: Target) -> list[Bell]:
        """Before anybody looked."""
        resources = target.service.resources.values() if target.service is not None else ()
        return [bell for resource in resources for bell in self.session.kinds(resource.type).bells(resource.desired, None)]

    def _seen(self, plan: Plan) -> list[Bell]:
        found: list[Bell] = []
        for change in plan.changes:
            kind, seen = self.session.kinds(change.type), change.observed
            state = seen.state if isinstance(seen, Present) and isinstance(seen.state, kind.state) else None
            found += kind.bells(change.desired, state)
        return found

    # services

    def _surveys(self, targets: Sequence[Target]) -> dict[str, Survey]:
        """What is seen and planned of each service, from one observation of all; of each alone when that is refused."""
        if not targets:
            return {}
        try:
            surveys = self.session.survey(targets, policy=self.policy)
            self._tell("prune", "")
            self._policy = self.policy
            return {survey.target.name: survey for survey in surveys}
        except Refused as err:
            self._tell("prune", str(err))
        self._policy = Policy()
        found: dict[str, Survey] = {}
        for target in targets:
            try:
                found[target.name] = self.session.survey((target,))[0]
            except Refused as err:
                self._tell(target.name, str(err))
                self._again(target.name)
        return found

    def _tell_frozen(self, target: Target) -> None:
        """What is left alone because it is frozen is told once."""
        ban = target.frozen
        why = f" ({ban.reason})" if ban is not None and ban.reason else ""
        text = f"frozen by {ban.by}{why}; left alone → osvc thaw {target.name}" if ban is not None else ""
        self._tell(target.name, text, topic="frozen")

    def _tell_lost(self, plan: Plan) -> None:
        """What is monitored and is not up any more is told by name, whatever comes of it."""
        lost = [f"{change.rid} is lost: {change.reason}" for change in plan.changes if change.common.monitor and is_lost(change)]
        self._tell(plan.service, f"monitored: {'; '.join(lost)}" if lost else "", topic="monitor")

    def _spared(self, target: Target, plan: Plan) -> tuple[Target, Plan]:
        """The service, and its plan, without what is not tried again for now."""
        spared = self._tries.spared(plan, self._wish(target), self.session.host.clock.now())
        if not spared:
            self._degraded.pop(target.name, None)
            return target, plan
        self._degraded[target.name] = spared
        self._wait(target.name, self._tries.until(plan, self._wish(target), self.session.host.clock.now()))
        target = replace(target, spared=spared)
        return target, self.session.plans((target,), policy=self._policy, prune_all=True)[0]

    def _due(self, target: Target, plan: Plan) -> bool:
        """Whether there is something to do for a service that may be done now."""
        name, wish = target.name, self._wish(target)
        moves = bool(plan.certain or plan.adopted or plan.released)
        if not moves and self._settled.get(name) == wish:
            self._tell(name, "; ".join(f"{change.rid}: {change.reason}" for change in plan.open))
            if plan.open:
                self._states[name] = State.OPEN
                self._again(name)
            else:
                self._open.pop(name, None)
            return False
        failure = self.session.store.failure(name)
        now = self.session.host.clock.now()
        self._until.pop(name, None)
        if failure is not None and failure.digest == wish and now < failure.until:
            self._rest(name, failure.until)
            return False
        mended = self._mended.get(name)
        if mended is not None and mended.wish == wish and now < mended.until:
            self._tell(name, f"drifts again and again; mended {mended.count} times, and next after a pause")
            self._rest(name, mended.until)
            return False
        if plan.disruptive and not self.session.config.disrupt:
            steps = ", ".join(f"{step.rid} {step.action.says()}" for step in plan.disruptive)
            self._tell(name, f"not done, for it interrupts something: {steps}; do it with osvc apply, or set disrupt: true")
            self._states[name] = State.OPEN
            return False
        return True

    def _work(self, target: Target, plan: Plan, survey: Survey) -> tuple[Result, ...]:
        """survey: what was seen this moment, from which the run may begin unless the plan is of another wish."""
        seen = (survey,) if target is survey.target else ()
        shown = None if self.session.config.disrupt else {target.name: plan}
        name, wish = target.name, self._wish(target)
        self._states[name] = State.WORKING
        try:
            results = self.session.converge(
                (target,),
                shown,
                surveys=seen,
                policy=self._policy,
                prune_all=True,
                verb="watch",
                lock_wait=0.0,
                on_event=self._pass_on,
            )
        except EngineError as err:
            self._states[name] = State.OPEN
            self._tell(name, str(err))
            self._again(name)
            return ()
        self._tries.count(plan, wish, results, self.session.host.clock.now())
        self._locked.discard(name)
        for result in results:
            if result.end is End.CONVERGED:
                self._count(target, result)
                self._states[name], self._settled[name] = State.KEPT, wish
                self._tell(name, "")
                self._rounds.later(name, SETTLING)
                continue
            if result.end in (End.DEFERRED, End.REFUSED):
                self._states[name], self._settled[name] = State.OPEN, wish
                self._tell(name, result.message)
            elif result.end is End.LOCKED:
                self._states[name] = State.LOCKED
                self._locked.add(name)
            failure = self.session.store.failure(name)
            if failure is not None and failure.digest == wish:
                self._rest(name, failure.until)
            else:
                self._again(name)
        return results

    def _pass_on(self, event: Event) -> None:
        """Tell an event of a run, which is a sign of life as well."""
        self._manager.alive()
        self.on_event(event)

    def _rest(self, name: str, until: datetime) -> None:
        """Leave a service alone until then."""
        self._states[name], self._until[name] = State.WAITING, until
        self._wait(name, until)

    def _wait(self, name: str, until: datetime | None) -> None:
        """Look at a service again then."""
        if until is not None:
            self._rounds.later(name, (until - self.session.host.clock.now()).total_seconds())

    def _again(self, name: str) -> None:
        """Look again at a service of which nobody knows when it can go on: ever more seldom."""
        self._open[name] = self._open.get(name, 0) + 1
        self._rounds.later(name, backoff(self._open[name]).total_seconds())

    def _count(self, target: Target, result: Result) -> None:
        """Drift that comes back is mended at growing intervals: the first two times at once, then as a failure would be."""
        name, wish, now = target.name, self._wish(target), self.session.host.clock.now()
        if not result.touched or self._settled.get(name) != wish:
            return
        last = self._mended.get(name)
        again = last is not None and last.wish == wish and now < last.until + CALM
        number = last.count + 1 if last is not None and again else 1
        self._mended[name] = _Mended(wish, number, now + (backoff(number - 2) if number > 2 else timedelta()))

    def _wish(self, target: Target) -> str:
        return Work(target.name, target.service, target.goal).digest(self.session.store.codec)

    def _tell(self, about: str, text: str, *, topic: str = "") -> None:
        """Say something new; the same again is not said, until something else was true. topic: beside what else is told of it."""
        if self._told.get((about, topic), "") == text:
            return
        self._told[about, topic] = text
        if text:
            event = Noticed("" if about in _OF_NOBODY else about, text)
            log.tell(event)
            self.on_event(event)
