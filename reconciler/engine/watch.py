"""watch: keep services at their goals: at the start, and whenever something rings: the machine, a spec, a time (rounds.py).

Level-triggered: why it looks never matters, only what it sees. One thread looks and judges (judge.py); what is to be done is done
by a few workers beside it, each at one service, so that none waits for another.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import tzset

from reconciler.core.bells import Bell
from reconciler.core.lazy import dataclass
from reconciler.core.outcome import End, Event, OnEvent, Result, silent
from reconciler.core.plan import Plan
from reconciler.core.policy import Policy
from reconciler.core.status import status_of
from reconciler.engine import log
from reconciler.engine.aftermath import SOON, Aftermath
from reconciler.engine.bells import expected, seen
from reconciler.engine.bugs import Bugs
from reconciler.engine.config import Config
from reconciler.engine.crew import Crew
from reconciler.engine.errors import EngineError, StoreError
from reconciler.engine.judge import Judge, Ruling
from reconciler.engine.locks import folder_of
from reconciler.engine.look import bugs_in, each, look, struck, while_struck
from reconciler.engine.news import News
from reconciler.engine.reader import Reader
from reconciler.engine.rounds import SETTLING, Call, Rounds
from reconciler.engine.session import Session
from reconciler.engine.specs import Specs
from reconciler.engine.standing import Ledger, Seen, Standing, State
from reconciler.engine.sweep import Sweep
from reconciler.engine.target import Survey, Target
from reconciler.engine.turns import Turns
from reconciler.engine.work import WATCH
from reconciler.engine.workers import Workers
from reconciler.host.errors import HostError
from reconciler.host.manager import Manager

_EVERYTHING = Call(everything=True)
_BEAT = 30.0
"""Seconds between two turns of the loop, at most: the agent's health goes by them."""
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class _Work:
    """What a worker did: a service, by which plan, and what came of it; a bug as well."""

    target: Target
    plan: Plan
    came: Result | Exception


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
            files=(*self.paths, session.config.state_dir, folder_of(session.config.run_dir)),
            interval=lambda: self.session.config.interval,
            patient=lambda: self.policy.prune,
        )
        self._judge = Judge(session)
        self._workers: Workers[_Work] = Workers(session.crew, self._rounds.wake)
        self._crew = Crew()
        self._ledger = Ledger()
        self._bugs = Bugs("watch")
        self._known: dict[str, Target] = {}
        self._unclear: frozenset[str] = frozenset()
        """Services of which a bug keeps from being known what is wanted of them now."""
        self._missed: set[str] = set()
        """Services that were called for while they were in work."""
        self._owing = True
        """The manager waits to be told that it is ready: it begins, or reads its configuration again."""
        self._starting: set[str] | None = None
        """Services that were to be worked on after the look which that waits for; at the beginning they are to be done, too. None
        before that look succeeded, and afterwards."""
        self._news = News(self._hear)
        self._reader = Reader(session, self._specs, self._rounds, self._ledger, self._news, self._bugs)
        self._aftermath = Aftermath(session, self._judge, self._rounds, self._ledger, self._news)
        self._expired = session.host.clock.monotonic()
        self._policy = Policy()
        self._sweep = Sweep(session.host.clock, WATCH)
        self._unpruned = ""
        """Why nothing is pruned although that was asked for. A look at a few prunes nothing until one at everything is not refused:
        piece by piece the same would go."""

    def standing(self) -> Standing:
        """How it stands now; in any thread."""
        return self._ledger.picture()

    @property
    def busy(self) -> int:
        """How many services are worked on just now; in any thread."""
        return self._workers.busy

    @property
    def bugs(self) -> int:
        """How many internal errors there were; in any thread."""
        return self._bugs.count

    def run(self) -> int:
        """Watch until the session is asked to stop; the number of the signal that asked. Runs at hand end by their own rules."""
        stop = self.session.stop
        stop.wakes.append(self._rounds.wake)
        try:
            self._go()
        finally:
            self._manager.stopping()
            self._rounds.rest(lambda: not self._workers.busy, min(self._manager.beat, SOON))
            with suppress(StoreError):
                self.session.store.forget_remarks()
            self.close()
        self._take()
        return stop.number

    def _go(self) -> None:
        self._beat()
        with suppress(StoreError):
            self.session.store.forget_remarks()
        Turns(self.session.host.clock, self.session.stop, self._beat).run(self._turn, self._struck)

    def _turn(self, anew: bool) -> None:
        """anew: it looks at everything, and waits for no call. The configuration comes first: a signal to read it ends every pause
        until that is done."""
        if self.session.stop.reread.is_set():
            self._owing, self._starting, anew = True, None, True
            self.session.stop.reread.clear()
            self._manager.reloading()
            self._reader.configuration(self._configure)
        self._workers.begin()
        if self._starting is not None and (self._ledger.begun or self._starting.isdisjoint(self._workers.pending)):
            self._manager.ready()
            self._owing, self._starting, self._ledger.begun = False, None, True
        self._beat()
        call = _EVERYTHING if anew else self._rounds.next(min(self._manager.beat, _BEAT), lambda: self._workers.ready)
        if call is not None and self._owing and self._starting is None:
            self._starting = {*self._workers.pending} if self._see(_EVERYTHING) else None
        elif call is not None:
            self._see(call)
        self._take()
        self._expire()

    def _beat(self) -> None:
        """It goes on."""
        self._ledger.turned = self.session.host.clock.monotonic()
        self._manager.alive()

    def _struck(self, err: Exception) -> None:
        """A turn has a bug: nothing is to be begun by what was seen before."""
        self._ledger.bug = type(err).__name__
        self._manager.says(f"internal error ({self._ledger.bug}); everything is looked at again after a pause")
        self._workers.recall(self._workers.pending)
        self._starting = None
        says = self._bugs.says(err)
        try:
            self._news.tell("bug", says)
        except Exception as deaf:  # whoever listens has one as well
            self._bugs.says(deaf)

    def _expire(self) -> None:
        """Once a day, as whoever opens a session to write does."""
        now = self.session.host.clock.monotonic()
        if now < self._expired + _DAY:
            return
        self._expired = now
        try:
            self.session.expire()
        except StoreError as err:
            self._news.tell("", str(err))

    def close(self) -> None:
        """Listen no more."""
        if self._rounds.wake in self.session.stop.wakes:
            self.session.stop.wakes.remove(self._rounds.wake)
        self._workers.close()
        self._rounds.close()

    @property
    def edited(self) -> bool:
        """Whether a spec file was added, changed or removed since it was read last."""
        return self._specs.edited

    def look(self, call: Call = _EVERYTHING) -> tuple[Result, ...]:
        """One look, and the runs that it makes for, to their ends; their results."""
        self._see(call)
        results: list[Result] = []
        while not self._workers.idle:
            self._workers.begin()
            self._workers.wait()
            results += self._take()
        return tuple(results)

    def _see(self, call: Call) -> bool:
        """Read what changed, see once what is called for, and give to the workers what needs it. Whether it could be seen: else
        nothing is to be begun by what was seen before.

        What cannot be done now is told once and tried again later: nothing on the machine ends a watch.
        """
        clock, out = self.session.host.clock, dict[str, Exception]()
        began = clock.monotonic()
        try:
            self._rounds.looked(call.names, everything=call.everything)
            self._rounds.hang({})
            if call.everything:
                tzset()
            if call.everything or call.files.intersection(self.paths):
                self._reader.specs(call, idle=self._workers.idle)
            targets = self._called(call, out)
            self._news.rang(call, [target.name for target in targets])
            surveys = self._surveys(targets, out, everything=call.everything)
        except EngineError as err:
            self._news.tell("", str(err))
            self._rounds.later("", SOON)
            self._workers.recall(self._workers.pending)
            self._starting = None
            return False
        finally:
            self._ledger.looks = self._ledger.looks.plus(clock.monotonic() - began)
        self._news.tell("", "")
        if call.everything and self._ledger.bug:
            self._ledger.bug = ""
            self._manager.says("")
            self._news.tell("bug", "")
        for survey in surveys.values():
            if not self.session.stop.asked:
                self._give(survey)
        return True

    def _give(self, survey: Survey) -> None:
        """Judge a service, and give it to the workers if something is to be done."""
        target = survey.target
        self._workers.recall([target.name])
        try:
            self._note(survey)
            ruling = self._judge.rule(survey, self._policy)
        except Exception as err:
            ruling = self._later(err)
        self._aftermath.obey(target.name, ruling)
        if ruling.do is not None:
            self._rounds.stir()
            self._workers.give(target.name, survey.before, partial(self._work, *ruling.do, self._policy, survey))

    def _note(self, survey: Survey) -> None:
        """What was seen, for whoever asks, and what of it is told whatever comes of it."""
        kinds = {change.type: self.session.kinds(change.type) for change in survey.plan.changes}
        self._ledger.seen[survey.target.name] = Seen.of(status_of(survey.plan, kinds, self.session.host.clock.now()))
        self._news.frozen(survey.target)
        self._news.lost(survey.plan)

    @property
    def policy(self) -> Policy:
        return Policy(prune=self.session.config.prune)

    # what is called for

    def _called(self, call: Call, out: dict[str, Exception]) -> tuple[Target, ...]:
        """The services that are meant, but for those that go `out` for a bug: what was called for by name, and of what the spec,
        the goal or anything else that persons say is another than it was. Everything where one is gone, and where one that is
        pruned was called for: what pruning may lose is judged of all together."""
        bugs: dict[str, Exception] = {}
        targets = self.session.targets(self._specs.loaded, struck=bugs)
        last, self._known = self._known, {target.name: target for target in targets}
        self._known |= {name: last[name] for name in bugs if name in last}
        before, self._unclear = self._unclear, frozenset(bugs)
        out |= {name: err for name, err in bugs.items() if call.everything or name in call.names or name not in before}
        gone = any(name not in self._known or self._known[name].gone > target.gone for name, target in last.items())
        pruned = self.policy.prune and any(target.gone for target in targets if target.name in call.names)
        if call.everything or gone or pruned:
            self._keep()
            return self._free(targets)
        names = {*call.names, *(target.name for target in targets if target != last.get(target.name))}
        if call.files.difference(self.paths):
            locked = (name for name, state in self._ledger.states.items() if state is State.LOCKED)
            names |= {name for name in locked if not self.session.holder(name)}
        return self._free([target for target in targets if target.name in names and not target.gone])

    def _free(self, targets: Sequence[Target]) -> tuple[Target, ...]:
        """Those that are not in work; the others are looked at when they are done."""
        working = self._workers.working
        self._missed |= working.intersection(target.name for target in targets)
        return tuple(target for target in targets if target.name not in working)

    def _keep(self) -> None:
        """There are these services, and no others."""
        names = self._known.keys() | self._unclear
        self._workers.recall(self._ledger.states.keys() - names)
        for memory in (self._news, self._aftermath, self._judge, self._rounds, self._ledger):
            memory.keep(names)

    # bells

    def _hang(self, bells: Mapping[str, Callable[[], Sequence[Bell]]], out: dict[str, Exception]) -> None:
        """Of whoever has a bug there what hangs stays."""
        self._rounds.hang(each(bells, out))
        self._ledger.deaf = {f"{bell.source.value} {bell.key}".rstrip(): why for bell, why in self._rounds.deaf().items()}
        deaf = "; ".join(sorted(f"{bell}: {why}" for bell, why in self._ledger.deaf.items()))
        self._news.tell("bells", f"cannot listen to {deaf}; looked at now and then all the same" if deaf else "")

    # services

    def _surveys(self, targets: Sequence[Target], out: dict[str, Exception], *, everything: bool) -> Mapping[str, Survey]:
        """What is seen and planned of each service, with its bells hung, but of those that are `out`, or go there. A bug that has
        all of them go comes out."""
        kinds = self.session.kinds
        self._hang({target.name: partial(self._expected, target) for target in targets}, out)
        targets = [target for target in targets if target.name not in out]
        whole = self._known.keys() <= {target.name for target in targets}
        found = look(self.session, targets, self.policy if whole or not self._unpruned else Policy(), self._sweep)
        out |= found.out
        self._hang({name: partial(seen, survey.plan, kinds) for name, survey in found.surveys.items()}, out)
        unpruned = found.unpruned
        if found.policy.prune and (bugs := bugs_in(out) | self._unclear):
            unpruned = while_struck(bugs)
            found = look(self.session, [target for target in targets if target.name not in out], Policy(), self._sweep)
            out |= found.out
        if everything and (bug := struck(out, self._known.keys() | self._unclear)) is not None:
            raise bug
        self._policy = found.policy
        self._workers.recall(out)
        for name, err in out.items():
            self._aftermath.obey(name, self._later(err))
        if unpruned or (whole and found.surveys):  # who looks at a few knows nothing of it
            self._unpruned = unpruned
            self._news.tell("prune", unpruned)
        return {name: survey for name, survey in found.surveys.items() if name not in out}

    def _expected(self, target: Target) -> list[Bell]:
        """What is to be listened to for a service before it is looked at: what was, too."""
        return [*self._rounds.hung(target.name), *expected(target.service, self.session.kinds)]

    def _work(self, target: Target, plan: Plan, policy: Policy, survey: Survey) -> _Work:
        """In a worker's thread. survey: what was seen a moment ago; the run may begin from it unless another wish was planned."""
        shown = None if self._judge.may_disrupt else {target.name: plan}
        unsettled = [other for other in survey.before if self._ledger.states.get(other) is not State.KEPT]
        try:
            if target.kept and self.session.store.last_run(target.name) != survey.run:
                return _Work(target, plan, Result(target.name, End.REFUSED, message="another run of it came between; left alone"))
            (result,) = self.session.converge(
                (target,),
                shown,
                surveys=(survey,) if target is survey.target else (),
                policy=policy,
                prune_all=True,
                verb=WATCH,
                lock_wait=0.0,
                on_event=self.on_event,
                first={target.name: unsettled},
                crew=self._crew,
            )
        except Exception as err:
            return _Work(target, plan, err)
        return _Work(target, plan, result)

    def _take(self) -> list[Result]:
        """See to what the workers have done; the results."""
        results: list[Result] = []
        for name, work in self._workers.taken():
            if isinstance(work.came, Result):
                results.append(work.came)
            self._aftermath.obey(name, self._heeded(work))
            if name in self._missed:
                self._missed.discard(name)
                self._rounds.later(name, SETTLING)
            if self._starting is not None:
                self._starting.discard(name)
        if not self._workers.working:
            self._crew = Crew()
        return results

    def _heeded(self, work: _Work) -> Ruling:
        """What becomes of a service, by what came of working on it."""
        if isinstance(work.came, Exception):
            return self._later(work.came)
        try:
            return self._judge.heed(work.target, work.plan, work.came)
        except Exception as err:
            return self._later(err)

    def _later(self, err: Exception) -> Ruling:
        """What keeps one service from its goal ends no watch; not even a bug does."""
        says = str(err) if isinstance(err, (EngineError, HostError)) else self._bugs.says(err)
        return Ruling(State.OPEN, says, again=True)

    def _hear(self, event: Event) -> None:
        with self._crew.voice:
            log.tell(event)
            self.on_event(event)
