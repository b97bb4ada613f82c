"""place: what another resource of the service has in its place, and whether that one leaves it in the same plan. Pure."""

from reconciler.core.change import Change, Verdict
from reconciler.core.diff import diff_up
from reconciler.core.draft import FALLS, LEAVES, Draft
from reconciler.core.kind import Objection, ResourceKind
from reconciler.core.layout import claims_of
from reconciler.core.observed import Absent, Observed, Present
from reconciler.core.ownership import Owned
from reconciler.core.policy import Policy


def vacated(kind: ResourceKind, change: Change, owned: Owned | None, policy: Policy) -> tuple[Change, Objection | None]:
    """A change that is refused, for the sake of an occupant only: as it is once that has left, and what speaks against it until
    then. One that is refused for anything else is answered as it is."""
    seen = change.observed
    if not isinstance(seen, (Present, Absent)):
        return change, None
    state = seen.state if isinstance(seen, Present) else None
    objection = kind.objection(*kind.settle(change.desired, state, seen.around), seen.around)
    if objection is None or objection.occupant is None:
        return change, None
    around = objection.occupant.around
    expected: Observed = Absent(around) if state is None else Present(state, around)
    then = diff_up(kind, change.rid, change.desired, expected, owned, policy)
    if then.verdict is Verdict.REFUSE:
        return change, None
    return then._replace(observed=seen), objection


def makes_way(other: Draft, draft: Draft) -> bool:
    """Whether an occupant leaves what `draft` takes, by the claims of both: these order the two (core/order, C1)."""
    if other.change.verdict not in FALLS:
        return False
    keeps = frozenset() if other.change.verdict in LEAVES else claims_of(other.kind, other.change.desired)
    return bool(claims_of(draft.kind, draft.change.desired) & claims_of(other.kind, other.last) - keeps)
