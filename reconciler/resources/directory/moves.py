"""directory: which actions a change takes. Pure."""

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.core.observed import Present
from reconciler.resources.directory.actions import ChangeMode, ChangeOwner, MakeFolder
from reconciler.resources.directory.model import Desired, State


def moves_of(change: Change) -> Moves:
    """The actions for this change's verdict. It stays where the service goes down."""
    want, seen = change.desired, change.seen
    assert isinstance(want, Desired)
    if change.verdict in {Verdict.STOP, Verdict.REMOVE}:
        return Moves()
    if change.verdict is Verdict.LIVE and isinstance(seen, Present) and isinstance(seen.state, State):
        return Moves(live=_differences(want, seen.state))
    return Moves(up=(MakeFolder(path=want.path, user=want.user, group=want.group, perm=want.perm),))


def _differences(want: Desired, state: State) -> tuple[Action, ...]:
    """A change of owner takes set-user-id bits away: the mode comes last, and again where it has any."""
    owner = (want.user, want.group) != (state.user, state.group)
    mode = want.perm != state.perm or (owner and len(want.perm) > 3)
    return (
        *([ChangeOwner(path=want.path, user=want.user, group=want.group)] if owner else []),
        *([ChangeMode(path=want.path, perm=want.perm)] if mode else []),
    )
