"""Why: one resource among the others: what it needs, what it holds, who holds it; whether it is as wanted; who changed it last."""

from collections.abc import Collection, Mapping
from datetime import datetime

from reconciler.core.ban import Ban
from reconciler.core.change import Change
from reconciler.core.facts import Bond, Claim, Fact
from reconciler.core.ids import natural
from reconciler.core.kind import ResourceKind
from reconciler.core.lazy import dataclass
from reconciler.core.model import Model
from reconciler.core.past import Did, Past
from reconciler.core.policy import Goal
from reconciler.core.providers import Providers, match
from reconciler.core.service import Origin
from reconciler.core.status import ResourceStatus


@dataclass(frozen=True, slots=True)
class Needed:
    """A fact that a resource cannot be up without. by: the rid that provides it; "" when it is the machine's own."""

    fact: Fact
    bond: Bond
    by: str


@dataclass(frozen=True, slots=True)
class Ties:
    """What ties one resource to others. holders: the resources that need it, by rid."""

    needs: tuple[Needed, ...]
    provides: tuple[Fact, ...]
    claims: tuple[Claim, ...]
    holders: Mapping[str, Bond]


@dataclass(frozen=True, slots=True)
class Why:
    """Everything that is known of one resource.

    origin: where its spec is; None for one that no spec names. owned, since: whether osvc owns it, and from when on, as far as
    that was kept. last: the run that worked on it last, as far as the journal reaches; steps: what that one did to it. frozen: who
    froze its service.
    """

    service: str
    goal: Goal
    change: Change
    status: ResourceStatus
    ties: Ties
    origin: Origin | None
    owned: bool
    since: datetime | None = None
    last: Past | None = None
    steps: tuple[Did, ...] = ()
    frozen: Ban | None = None

    @property
    def rid(self) -> str:
        return self.change.rid


def ties_of(models: Mapping[str, tuple[ResourceKind, Model]], disabled: Collection[str] = ()) -> dict[str, Ties]:
    """rid -> what ties it, of the resources of one service. models: rid -> its type, and the desired state that counts. disabled:
    what these provide is the machine's own affair, as it is for the planner."""
    provide = {rid: one for rid, one in models.items() if rid not in disabled}
    providers = Providers((fact, rid) for rid, (kind, model) in provide.items() for fact in kind.provides(model))
    bonds = {rid: match(kind.needs(model), providers, rid) for rid, (kind, model) in models.items()}
    return {
        rid: Ties(
            tuple(Needed(need.fact, need.bond, providers.of(need.fact, rid) or "") for need in kind.needs(model)),
            tuple(kind.provides(model)),
            tuple(kind.claims(model)),
            {other: bonds[other][rid] for other in sorted(bonds, key=natural) if other != rid and rid in bonds[other]},
        )
        for rid, (kind, model) in models.items()
    }
