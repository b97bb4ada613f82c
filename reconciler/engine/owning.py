"""Owning: what one run writes down of what its service owns: claims before something is made, last-applied when it was seen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, replace

from reconciler.core.action import Effect
from reconciler.core.change import Change, Verdict, takes
from reconciler.core.lazy import dataclass
from reconciler.core.observed import Absent, Present, Seen
from reconciler.core.outcome import Outcome
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim, Selection
from reconciler.core.service import Service
from reconciler.engine.back import stands, takes_part
from reconciler.engine.store import Store
from reconciler.host.ports import Clock

_CLAIMED = frozenset({Verdict.CREATE, Verdict.START, Verdict.LIVE, Verdict.RESTART, Verdict.REPLACE, Verdict.ADOPT})


@dataclass(frozen=True, slots=True)
class Owning:
    """name: the service's. service: None for an orphan. yielded: see Ownership. Every method raises StoreError."""

    store: Store
    name: str
    service: Service | None
    selection: Selection
    clock: Clock
    yielded: Mapping[str, str] = field(default_factory=dict)

    def claim(self, plan: Plan, ownership: Ownership) -> None:
        """Own what is about to be made, before it is made; forget what is certainly gone, and what stays where it is and is let go
        of: that only when nothing else is to be done, for what fails is undone."""
        claims = {
            change.rid: self._claimed(change, ownership.owned.get(change.rid))
            for change in plan.changes
            if change.verdict in _CLAIMED and not change.provisional
        }
        if claims:
            self.store.own(self.name, claims, self.clock.now())
        released = [change.rid for change in plan.released if not plan.certain or not isinstance(change.seen, Present)]
        if released:
            self.store.release(self.name, released)

    def keep_before(self, run: str, plan: Plan, first: Ownership) -> None:
        """Keep how everything that is about to change stood when the run began: what an undo of it, long after, leads back to.

        first: what was owned then.
        """
        stood: dict[str, str | None] = {}
        for change in plan.changes:
            owned = first.owned.get(change.rid)
            if takes_part(change, owned, self.selection):
                stood[change.rid] = None if owned is None else stands(self.store.codec, owned)
        self.store.keep_before(run, stood)

    def settle(self, plan: Plan, ownership: Ownership, touched: Collection[str]) -> None:
        """What is as wanted was applied: last-applied is written only now that it was seen. touched: what this run worked on.

        What was stopped with its whole service is applied no longer: starting it is then the operator's wish, and no
        mending of drift (which would never be undone).
        """
        if self.service is None:
            return
        settled = {
            change.rid: self._settled(change, ownership.owned[change.rid], touched)
            for change in plan.changes
            if change.rid in ownership.owned
            and change.rid in self.service.resources
            and change.verdict is Verdict.KEEP
            and not change.common.idle
        }
        self.store.own(self.name, settled, self.clock.now())

    def keep_storage(self, outcomes: Sequence[Outcome]) -> None:
        """Remember what storage was made, and by what it is told from any other; what was destroyed is owned no longer."""
        done = [outcome for outcome in outcomes if outcome.happened]
        told = ((one.step.rid, one.step.action.made(one.after)) for one in done if isinstance(one.after, Present))
        made = {rid: text for rid, text in told if text}
        if made:
            owned = self.now().owned
            self.store.own(self.name, {rid: replace(owned[rid], made=text) for rid, text in made.items() if rid in owned})
        gone = [one.step.rid for one in done if one.step.action.costs is Effect.DESTRUCTIVE and isinstance(one.after, Absent)]
        if gone:
            self.store.release(self.name, gone)

    def give_back(self, first: Ownership, outcomes: Sequence[Outcome], latest: Mapping[str, Seen], left: Collection[str]) -> None:
        """What this run claimed, and nothing of which stands or is left, is owned as before; not at all when it was not.

        first: what was owned when it began. latest: what was seen last. left: what could not be led back.
        """
        owned = self.now().owned
        tried = {outcome.step.rid for outcome in outcomes}
        standing = {*left, *(outcome.step.rid for outcome in outcomes if outcome.happened)}
        led_back = [rid for rid in owned if rid in tried - standing]
        gone = [rid for rid in owned if rid not in first.owned and (rid in led_back or isinstance(latest.get(rid), Absent))]
        if gone:
            self.store.release(self.name, gone)
        back = {rid: replace(first.owned[rid], remembered=owned[rid].remembered) for rid in led_back if rid in first.owned}
        self.store.own(self.name, back)

    def now(self) -> Ownership:
        """What is owned, with the secrets of the spec in clear."""
        owned = self.store.ownership(self.name, self.service.models if self.service else ())
        return replace(owned, yielded=self.yielded) if self.yielded else owned

    def _settled(self, change: Change, owned: Owned, touched: Collection[str]) -> Owned:
        if change.aim is Aim.NONE:
            return owned
        if change.unselected is not None and change.unselected.verdict is not Verdict.KEEP:
            return owned  # it was bounced as it was
        if change.aim is Aim.DOWN:
            last = owned.applied or owned.wanted
            down = owned.claimed(last, there=isinstance(change.seen, Present))
            return replace(down, applied=None) if self.selection.everything else owned
        if isinstance(change.observed, Present) and (change.rid in touched or takes(self.selection, change)):
            settled = replace(owned, type=change.type, wanted=change.desired, applied=change.desired, earlier=())
            return self._placed(change, settled)
        return owned

    def _claimed(self, change: Change, owned: Owned | None) -> Owned:
        if owned is None or owned.type != change.type:
            return self._placed(change, Owned(change.type, change.desired))
        return owned.claimed(change.desired, there=isinstance(change.seen, Present))

    def _placed(self, change: Change, owned: Owned) -> Owned:
        if self.service is None or change.rid not in self.service.resources:
            return owned
        resource = self.service.resources[change.rid]
        together = self.service.moves_together(resource)
        return replace(owned, subset=resource.subset, parallel=together, common=resource.common)
