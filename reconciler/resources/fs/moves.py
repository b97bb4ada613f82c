"""fs: which actions a change takes. Pure."""

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.core.observed import Present
from reconciler.resources.fs.actions import MakeMountPoint, Mount, Remount, unmount
from reconciler.resources.fs.model import EXT, Around, Desired, State


def moves_of(change: Change) -> Moves:
    """The actions for this change's verdict."""
    want, seen = change.desired, change.seen
    assert isinstance(want, Desired) and seen is not None and isinstance(seen.around, Around)
    state = seen.state if isinstance(seen, Present) and isinstance(seen.state, State) else None
    down: tuple[Action, ...] = (unmount(state),) if state else ()
    if change.verdict in {Verdict.STOP, Verdict.REMOVE}:
        return Moves(down=down)
    if change.verdict is Verdict.LIVE and state:
        return Moves(live=(Remount(mnt=want.mnt, type=want.type, mnt_opt=want.mnt_opt, was=state.mnt_opt),))
    if change.verdict in {Verdict.CREATE, Verdict.START}:
        return Moves(up=_up(want, seen.around, make=seen.around.point == ""))
    if change.verdict is Verdict.REPLACE:
        return Moves(down=down, up=_up(want, seen.around, make=seen.around.point == ""))
    if change.verdict is Verdict.RESTART:
        return Moves(down=down, up=_up(want, seen.around, make=True))
    return Moves()


def _up(want: Desired, around: Around, *, make: bool) -> tuple[Action, ...]:
    first: tuple[Action, ...] = (MakeMountPoint(mnt=want.mnt),) if make else ()
    last = Mount(
        dev=want.dev,
        mnt=want.mnt,
        type=want.type,
        mnt_opt=want.mnt_opt,
        mount_only=want.mount_only,
        loop=want.type in EXT and around.source == "file",
        hides=around.entries,
    )
    return (*first, last)
