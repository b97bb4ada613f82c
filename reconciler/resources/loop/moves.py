"""loop: which actions a change takes. Pure."""

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.core.observed import Present
from reconciler.resources.loop.actions import Attach, Detach, MakeFile
from reconciler.resources.loop.model import Around, Desired, State


def moves_of(change: Change) -> Moves:
    """The actions for this change's verdict."""
    want, seen = change.desired, change.seen
    assert isinstance(want, Desired) and seen is not None and isinstance(seen.around, Around)
    state = seen.state if isinstance(seen, Present) and isinstance(seen.state, State) else None
    make: tuple[Action, ...] = () if seen.around.made or not want.size else (MakeFile(file=want.file, size=want.size),)
    up = (*make, Attach(file=want.file))
    down = (Detach(file=state.file),) if state is not None else ()
    match change.verdict:
        case Verdict.STOP | Verdict.REMOVE:
            return Moves(down=down)
        case Verdict.CREATE:
            return Moves(up=up)
        case Verdict.RESTART | Verdict.REPLACE:
            return Moves(down=down, up=up)
    return Moves()
