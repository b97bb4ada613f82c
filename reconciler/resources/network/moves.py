"""network: which actions a change takes. Pure. A network cannot be changed: it is made again, while no container is on it."""

from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.core.observed import Present
from reconciler.resources.inside import Around
from reconciler.resources.network.actions import Create, Remove
from reconciler.resources.network.model import Desired


def moves_of(change: Change) -> Moves:
    """The actions for this change's verdict. A stop leaves the network where it is: it costs nothing, and goes with its engine."""
    want = change.desired
    assert isinstance(want, Desired)
    assert change.seen is not None
    around = change.seen.around
    assert isinstance(around, Around)
    make = Create(want=want, store=around.store)
    match change.verdict:
        case Verdict.CREATE:
            return Moves(up=(make,))
        case Verdict.REPLACE:
            return Moves(down=(Remove(want=want),), up=(make,))
        case Verdict.REMOVE if isinstance(change.seen, Present):
            return Moves(down=(Remove(want=want),))
    return Moves()
