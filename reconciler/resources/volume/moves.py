"""volume: which actions a change takes. Pure. A volume that no spec names any more is released, with its data."""

from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.resources.inside import Around
from reconciler.resources.volume.actions import Create
from reconciler.resources.volume.model import Desired


def moves_of(change: Change) -> Moves:
    """The actions for this change's verdict."""
    want = change.desired
    assert isinstance(want, Desired)
    assert change.seen is not None
    around = change.seen.around
    assert isinstance(around, Around)
    return Moves(up=(Create(want=want, store=around.store),)) if change.verdict is Verdict.CREATE else Moves()
