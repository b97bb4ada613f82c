"""flag: which actions a change takes. Pure."""

from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.core.observed import Present
from reconciler.resources.flag.actions import Clear, Set
from reconciler.resources.flag.model import Desired, State


def moves_of(change: Change) -> Moves:
    """The actions for this change's verdict."""
    want, seen = change.desired, change.seen
    assert isinstance(want, Desired)
    there = seen.state.path if isinstance(seen, Present) and isinstance(seen.state, State) else ""
    down = (Clear(path=there),) if there else ()
    if change.verdict in {Verdict.STOP, Verdict.REMOVE}:
        return Moves(down=down)
    if change.verdict in {Verdict.REPLACE, Verdict.RESTART}:
        return Moves(down=down, up=(Set(path=want.path),))
    return Moves(up=(Set(path=want.path),))
