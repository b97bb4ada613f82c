"""Draft: one resource on its way through the stages of the planner, from its difference to its moves."""

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from reconciler.core.action import Action
from reconciler.core.change import Cause, Change, Verdict
from reconciler.core.common import PLAIN
from reconciler.core.facts import Bond
from reconciler.core.kind import Moves, Objection, ResourceKind
from reconciler.core.lazy import dataclass
from reconciler.core.model import Model
from reconciler.core.observed import Observed, Present
from reconciler.core.ownership import Owned
from reconciler.core.selected import as_seen, lacking
from reconciler.core.service import Resource
from reconciler.core.trigger import with_triggers

ACTS = frozenset(Verdict) - {Verdict.KEEP, Verdict.RELEASE, Verdict.ADOPT, Verdict.DEFER, Verdict.REFUSE}
RISES = frozenset({Verdict.CREATE, Verdict.START, Verdict.RESTART, Verdict.REPLACE})
FALLS = frozenset({Verdict.RESTART, Verdict.REPLACE, Verdict.STOP, Verdict.REMOVE, Verdict.DESTROY})
_QUIET = frozenset({Verdict.KEEP, Verdict.LIVE, Verdict.ADOPT})
LEAVES = frozenset({Verdict.STOP, Verdict.REMOVE, Verdict.DESTROY})

_STAYS: Final = Moves()


@dataclass(slots=True)
class Draft:
    """One resource on its way through the stages. Only `change` is replaced as they go, once all are wired.

    needs: what it will need. held: what it needs as it runs now. holders: those that it is held by.
    differs: it is not as wanted, whatever comes of that. unmakes: what destroys it, once it is down.
    occupied: what speaks against it for as long as another of the service has its place.
    bounced: for whose sake it goes down and comes up again, and its change without that.
    pinned: it stays as it is, although something should be done to it: so does what it holds.
    """

    rid: str
    kind: ResourceKind
    resource: Resource | None
    owned: Owned | None
    observed: Observed
    change: Change
    differs: bool = False
    needs: Mapping[str, Bond] = field(default_factory=dict)
    held: Mapping[str, Bond] = field(default_factory=dict)
    holders: "list[Draft]" = field(default_factory=list)
    pinned: bool = False
    occupied: Objection | None = None
    bounced: "tuple[Draft, Change] | None" = None
    unmakes: tuple[Action, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether its spec, or a person, says that nothing shall be done to it."""
        return self.change.common.idle

    @property
    def gates(self) -> bool:
        """Whether what comes after it waits for it to be well."""
        return self.kind.gates(self.change.desired) and not self.change.common.dispensable

    @property
    def is_up(self) -> bool:
        """As observed, or as assumed."""
        seen = self.change.seen
        return isinstance(seen, Present) and self.kind.is_up(seen.state)

    @property
    def holds(self) -> bool:
        """Whether it keeps what it needs in use, and its verdict would leave it so."""
        seen, verdict = self.change.seen, self.change.verdict
        if not isinstance(seen, Present) or not self.kind.holds(seen.state):
            return False
        return verdict in _QUIET or (verdict is Verdict.START and not self.is_up)

    @property
    def last(self) -> Model:
        """The desired state by which it runs now, as far as is known."""
        if self.owned is not None:
            return self.owned.applied or self.owned.wanted
        return self.change.desired

    def lacks(self, other: "Draft") -> bool:
        """Whether what it needs of another, which is up, is not there by what that one runs by now."""
        if not other.differs:
            return False
        now = as_seen(other.kind, other.last, other.change.seen)
        return lacking(self.kind.needs(self.change.desired), other.kind, other.change.desired, now)

    @property
    def moves(self) -> Moves:
        """Those of its type."""
        if self.change.verdict is Verdict.DESTROY:
            stops = self.kind.moves(self.change._replace(verdict=Verdict.STOP))
            return stops._replace(commit=(*stops.commit, *self.unmakes))
        return self.kind.moves(self.change) if self.change.verdict in ACTS else _STAYS

    def all_moves(self, service: str) -> Moves:
        """Those of its type, with its triggers."""
        moves, change = self.moves, self.change
        if moves is _STAYS or change.common is PLAIN or not any(moves):
            return moves
        falls = change.verdict in FALLS and self.is_up and not self._up_after(moves.down)
        return with_triggers(service, change, moves, falls=falls, rises=change.verdict in RISES and bool(moves.up))

    def _up_after(self, actions: Iterable[Action]) -> bool:
        seen = self.change.seen
        for action in actions:
            assert seen is not None
            seen = action.after(seen)
        return isinstance(seen, Present) and self.kind.is_up(seen.state)

    def leave(self, reason: str) -> None:
        """Whatever it is like, nothing is to be done to it."""
        self.change = self.change._replace(verdict=Verdict.KEEP, reason=reason, fields=(), cause=None, remedy="")

    def pin(self, reason: str, remedy: str) -> None:
        self.pinned = True
        self.turn(Verdict.DEFER, reason, remedy=remedy)

    def turn(self, verdict: Verdict, reason: str, *, remedy: str = "", cause: Cause | None = None) -> None:
        self.change = self.change._replace(
            verdict=verdict, reason=reason, remedy=remedy or self.change.remedy, cause=cause or self.change.cause
        )
