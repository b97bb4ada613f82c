"""Session: everything a verb may ask of the engine. The CLI and the watch are thin over it.

A verb does: `Session.open` → `load` → `targets` → `survey` or `plans` → (consent) → `converge`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING

from reconciler.core.kind import ResourceKind
from reconciler.core.node import Node
from reconciler.core.observed import Observed, Present, Snapshot
from reconciler.core.order import Cycle
from reconciler.core.outcome import End, OnEvent, Result, silent
from reconciler.core.ownership import Ownership
from reconciler.core.plan import Plan
from reconciler.core.planner import make_plan
from reconciler.core.policy import Aim, Goal, Policy, Selection
from reconciler.core.service import Service
from reconciler.core.standing import standing
from reconciler.core.veil import Veil, secrets_of
from reconciler.engine.claims import in_order, yielded
from reconciler.engine.config import Config
from reconciler.engine.crew import SIZE
from reconciler.engine.errors import Locked, Refused
from reconciler.engine.locks import Locks
from reconciler.engine.observe import observe, wanted_of
from reconciler.engine.overtaken import OpenEnds, open_ends, overtaken
from reconciler.engine.signals import Stop
from reconciler.engine.store import Store
from reconciler.engine.sweep import Sweep
from reconciler.engine.target import Survey, Target
from reconciler.engine.targets import chosen
from reconciler.engine.warm import WARM
from reconciler.host.ports import Host
from reconciler.resources.driver import Driver, Wanted
from reconciler.resources.registry import driver_of, kind_of
from reconciler.spec.load import Loaded, load

if TYPE_CHECKING:
    from reconciler.engine.crew import Crew
    from reconciler.engine.means import Means
    from reconciler.engine.work import Work

_ALL = Selection()
_PLAIN = Policy()
_WORDS = 3
"""Lines of what a resource said itself that are shown."""


class Session:
    """The node's configuration, its host and its store, opened for one verb (or for a watch).

    kinds, drivers: the registry's, unless a test brings its own. by: who asks, for the history. crew: how many services
    are worked on at once.
    """

    def __init__(
        self,
        config: Config,
        host: Host,
        store: Store,
        stop: Stop | None = None,
        *,
        kinds: Callable[[str], ResourceKind] = kind_of,
        drivers: Callable[[str], Driver] = driver_of,
        by: str = "",
        crew: int = SIZE,
    ) -> None:
        self.config = config
        self.node: Node = config.place
        self.host = host
        self.store = store
        self.stop = stop or Stop()
        self.kinds = kinds
        self.drivers = drivers
        self.by = by
        self.crew = crew
        self.logs = False

    @classmethod
    def open(
        cls,
        config: Config,
        *,
        write: bool,
        stop: Stop | None = None,
        host: Host | None = None,
        after: "Session | None" = None,
        by: str = "",
    ) -> "Session":
        """Open the store (made when `write`) and the host.

        write: False for plan, status, snapshot: nothing is made or changed, and a read-only state folder will do.
        host: the Linux host unless given. after: a session of this verb that ended; its host serves again, and what it read of
        the store. by: who asks, for the history. Raises StoreError.
        """
        after = after or (None if write else WARM.last(config))
        store = Store.open(config.state_dir, write=write, after=after.store if after else None)
        stop = stop or Stop()
        host = host or (after.host if after else None)
        if host is None:
            from reconciler.host.linux.host import linux_host

            host = linux_host(config.place, store.uuid, stop.hurry)
        else:
            host = replace(host, store=store.uuid)
        session = cls(config, host, store, stop, by=by)
        if write and not store.read_only:
            from reconciler.engine.log import log_to

            log_to(config.state_dir if config.log else "")
            session.logs = config.log
            session.expire()
        return session

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the store, and have the log written."""
        try:
            self.store.close()
        finally:
            if self.logs:
                from reconciler.engine.log import finish

                finish()
        WARM.ended(self)

    def expire(self) -> None:
        """Forget what is older than `retention`: runs, with their journal, and case files. Raises StoreError."""
        from reconciler.engine import cases

        oldest = self.host.clock.now() - timedelta(days=self.config.retention)
        self.store.expire(oldest)
        cases.expire(self.config.state_dir, oldest.timestamp())

    def load(self, paths: Sequence[str] = ()) -> Loaded:
        """Read specs from files and folders; () is the node's specs folder. Errors are in the answer."""
        return load(tuple(paths) or (self.config.specs,), self.node)

    def targets(
        self,
        loaded: Loaded,
        globs: Sequence[str] = (),
        *,
        aim: Aim | None = None,
        stored: bool = True,
        does: str = "",
        struck: dict[str, Exception] | None = None,
    ) -> tuple[Target, ...]:
        """The services to work on: see engine/targets.py. Raises Unselected and Refused."""
        return chosen(self.store, self.host.clock.now(), loaded, globs, aim=aim, stored=stored, does=does, struck=struck)

    def observe(self, targets: Sequence[Target], selection: Selection = _ALL) -> Snapshot:
        """See every resource of these services, wanted or owned, in bulk. selection: what a verb was asked for."""
        return self._observe(targets, selection, self._ownerships(targets))

    def _observe(self, targets: Sequence[Target], selection: Selection, owned: Mapping[str, Ownership]) -> Snapshot:
        wanted: list[Wanted] = []
        for target in targets:
            stands = standing(target.service, target.goal, selection, self.kinds)
            wanted += wanted_of(target.name, target.service, owned[target.name], target.goal.aim, stands)
        return observe(wanted, self.host, kinds=self.kinds, drivers=self.drivers)

    def plans(
        self,
        targets: Sequence[Target],
        *,
        selection: Selection = _ALL,
        policy: Policy = _PLAIN,
        prune_all: bool = False,
        snapshot: Snapshot | None = None,
    ) -> tuple[Plan, ...]:
        """One plan a target, in the order in which they will be worked (who releases a claim goes first).

        snapshot: a recorded one instead of a fresh observation. Raises Refused: a swap of claims in both directions, or
        pruning that would lose more than half of what is owned, or all of an empty folder, without `prune_all`.
        """
        surveys = self.survey(targets, selection=selection, policy=policy, prune_all=prune_all, snapshot=snapshot)
        return tuple(survey.plan for survey in surveys)

    def survey(
        self,
        targets: Sequence[Target],
        *,
        selection: Selection = _ALL,
        policy: Policy = _PLAIN,
        prune_all: bool = False,
        snapshot: Snapshot | None = None,
        sweep: Sweep | None = None,
    ) -> tuple[Survey, ...]:
        """As `plans`, with what each plan was made from: for status, `plan --json` and a recorded snapshot.

        sweep: what was pruned before counts with what would go now.
        """
        named = {target.name: target for target in targets}
        owned = self._ownerships(targets)
        at = self.host.clock.monotonic() if snapshot is None else float("-inf")
        runs, newest = self.store.last_runs(named), self.store.newest_run()
        seen = self._observe(targets, selection, owned) if snapshot is None else snapshot
        order = self._in_order(targets, policy, selection, owned, {name: seen.of(name) for name in named})
        surveys = tuple(
            replace(
                self._survey(target, owned[target.name], seen, selection, policy),
                at=at,
                run=runs.get(target.name),
                newest=newest,
                before=order[target.name],
            )
            for target in (named[name] for name in order)
        )
        if policy.prune and not prune_all:
            (sweep or Sweep(self.host.clock)).check(self.store, {survey.target.name: survey.plan for survey in surveys}, targets)
        return surveys

    def replan(self, survey: Survey, target: Target, policy: Policy) -> Plan:
        """The plan of a service that was just seen, as another target. Seen again where it is to go down now, for that is looked
        at where it was applied. Raises Refused."""
        name, seen = target.name, survey.observed
        if target.goal.aim is not survey.target.goal.aim:
            seen = self._observe((target,), _ALL, {name: survey.ownership}).of(name)
        return self._planned(target, survey.ownership, seen, _ALL, policy)

    def words(self, survey: Survey, rid: str) -> tuple[str, ...]:
        """The last lines that a resource which is there said itself, without secrets that are known of it."""
        change = survey.plan.change(rid)
        if not isinstance(change.seen, Present):
            return ()
        said = self.drivers(change.type).words(change.seen.state, self.host)
        veil = Veil(secrets_of((change.desired, change.seen.state)))
        return tuple(veil.text(said).splitlines()[-_WORDS:])

    def converge(
        self,
        targets: Sequence[Target],
        shown: Mapping[str, Plan] | None = None,
        *,
        surveys: Sequence[Survey] = (),
        selection: Selection = _ALL,
        policy: Policy = _PLAIN,
        prune_all: bool = False,
        exact: bool = False,
        verb: str = "apply",
        lock_wait: float = 30.0,
        whole_undo: bool = False,
        on_event: OnEvent = silent,
        first: Mapping[str, Sequence[str]] | None = None,
        crew: "Crew | None" = None,
    ) -> tuple[Result, ...]:
        """Bring each service to its goal; a Result each, also for those that failed or are locked. Several are worked on at once;
        who takes something comes after who releases it.

        surveys: what was seen a moment ago; a service is not looked at again while that holds, and nobody before it moved anything.
        shown: service -> the plan that was consented to; None consents to whatever is planned (`--yes`). A disruptive
        step that was not shown ends that service as REFUSED. exact: the first plan must have the digest of the shown
        one (`apply FILE`). whole_undo: a failure undoes the whole service, not only a lane (`start`).
        first: who is worked on before whom, where the caller has seen to that (Survey.before); who of these is no target is worked
        on beside, and may not have got to its goal. crew: what these runs have in
        common with others of the same caller.
        Raises Refused as `plans` does, and StoreError when the state folder is read-only; nothing is done then.
        """
        self.store.check_writable()
        owned = self._ownerships(targets) if first is None or policy.prune else {}
        named = {target.name: target for target in targets}
        if policy.prune and not prune_all:
            surveys = surveys or self.survey(targets, selection=selection, policy=policy, prune_all=True)
            Sweep(self.host.clock).check(self.store, {survey.target.name: survey.plan for survey in surveys}, targets)
        glances = {survey.target.name: survey for survey in surveys}
        seen = {name: survey.observed for name, survey in glances.items()}
        first = self._in_order(targets, policy, selection, owned, seen) if first is None else first
        means = self._means(verb, on_event, crew)

        from reconciler.engine.crew import each
        from reconciler.engine.work import Work

        def work_on(name: str, before: Sequence[Result]) -> Result:
            target = named[name]
            moved = any(result.touched or result.end is not End.CONVERGED for result in before)
            if target.goal.aim is Aim.NONE and not standing(target.service, target.goal, _ALL, self.kinds):
                return Result(name, End.CONVERGED, plan=glances[name].plan if name in glances else None)
            work = Work(
                name,
                target.service,
                target.goal,
                target.gone,
                selection,
                policy,
                None if shown is None else shown.get(name),
                exact,
                target.spared,
                verb,
                whole_undo,
                None if moved else glances.get(name),
                target.was,
                target.undoes,
                target.restarts,
                owned[name].yielded if name in owned else {},
            )
            return self._converge(work, means, lock_wait, target, open_ends(first[name], before, selection, self.kinds))

        turns = {name: [other for other in before if other in first] for name, before in first.items()}
        return tuple(each(turns, work_on, self.crew).values())

    def set_goal(self, names: Sequence[str], goal: Goal) -> None:
        """Remember what the operator wants of these services (start, stop, shutdown). Durable before it returns."""
        for name in names:
            self.store.set_goal(name, goal)

    def goal(self, name: str) -> Goal:
        """What is remembered for a service; UP when nothing is."""
        return self.store.goal(name)

    def banned(self, service: Service) -> Service:
        """A service that was not read as a target, with what was disabled of it."""
        return service.banned(self.store.disabled(service.name))

    def holder(self, name: str) -> str:
        """Which run works on a service just now, as a clause; "" when none does."""
        return Locks(self.config.run_dir, self.host.clock).holder(name)

    def hold(self, name: str, *, verb: str, wait: float = 30.0, on_event: OnEvent = silent) -> AbstractContextManager[None]:
        """Hold a service's lock for the length of a with block (the docker pass-through does). Raises Locked."""
        return self._means(verb, on_event).locks.hold(name, wait=wait, on_event=on_event)

    # inside

    def _means(self, verb: str, on_event: OnEvent, crew: "Crew | None" = None) -> "Means":
        from reconciler.engine.crew import Crew
        from reconciler.engine.means import Means

        locks = Locks(self.config.run_dir, self.host.clock, verb=verb, asked=lambda: self.stop.asked)
        return Means(
            self.host,
            self.store,
            locks,
            self.stop,
            on_event=on_event,
            crew=crew or Crew(),
            kinds=self.kinds,
            drivers=self.drivers,
            node=self.node,
            by=self.by,
        )

    def _converge(self, work: "Work", means: "Means", lock_wait: float, target: Target, ends: OpenEnds) -> Result:
        if self.stop.asked:
            return Result(work.name, End.STOPPED, message="the run was asked to stop before it came to this service")
        from reconciler.engine.converge import converge

        try:
            with means.locks.hold(work.name, wait=lock_wait, on_event=means.tell):
                why_not = overtaken(target, work, ends, self.store, self.kinds, self.host.clock.now())
                if why_not is not None:
                    return why_not
                if target.kept:
                    self.set_goal([target.name], target.goal)
                return converge(work, means)
        except Locked as err:
            return Result(work.name, End.LOCKED, message=str(err), remedy="wait for it, or give a longer --wait")
        except Cycle as err:
            return Result(work.name, End.REFUSED, message=f"its resources need each other in a circle: {err}")

    def _ownerships(self, targets: Sequence[Target]) -> dict[str, Ownership]:
        """What every service of the store owns, and each of these: with the secrets of its spec in clear, and with what it lost to
        another."""
        owned = self.store.ownerships({target.name: target.service.models if target.service else () for target in targets})
        return owned | {name: replace(owned[name], yielded=lost) for name, lost in yielded(targets, owned, self.kinds).items()}

    def _survey(self, target: Target, ownership: Ownership, snapshot: Snapshot, selection: Selection, policy: Policy) -> Survey:
        observed = snapshot.of(target.name)
        return Survey(target, observed, ownership, self._planned(target, ownership, observed, selection, policy))

    def _planned(
        self, target: Target, ownership: Ownership, observed: Mapping[str, Observed], selection: Selection, policy: Policy
    ) -> Plan:
        try:
            return make_plan(
                target.service,
                target.name,
                target.goal,
                selection,
                observed,
                ownership,
                policy,
                self.kinds,
                target.spared,
                target.restarts,
            )
        except Cycle as err:
            message = f"cannot plan {target.name}: its resources need each other in a circle: {err}"
            raise Refused(message, [target.name]) from None

    def _in_order(
        self,
        targets: Sequence[Target],
        policy: Policy,
        selection: Selection,
        owned: Mapping[str, Ownership],
        seen: Mapping[str, Mapping[str, Observed]],
    ) -> dict[str, tuple[str, ...]]:
        """name -> who is worked before it, by their claims. owned: what every service of the store owns. seen: see in_order."""
        return in_order(targets, owned, self.kinds, prune=policy.prune, selection=selection, seen=seen)
