"""fs: which actions a change takes. Pure."""

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.core.observed import Present
from reconciler.resources.fs import making
from reconciler.resources.fs.actions import EndHolders, MakeMountPoint, Mount, Remount, unmount
from reconciler.resources.fs.making_actions import MakeFile, MakeFilesystem
from reconciler.resources.fs.model import ON_DISK, Around, Desired, State


def moves_of(change: Change) -> Moves:
    """The actions for this change's verdict."""
    want, seen = change.desired, change.seen
    assert isinstance(want, Desired) and seen is not None and isinstance(seen.around, Around)
    state = seen.state if isinstance(seen, Present) and isinstance(seen.state, State) else None
    last = change.last if isinstance(change.last, Desired) else want
    if change.verdict in {Verdict.STOP, Verdict.REMOVE}:
        return Moves(down=_down(state, last))
    if change.verdict is Verdict.LIVE and state:
        return Moves(live=(Remount(mnt=want.mnt, type=want.type, mnt_opt=want.mnt_opt, was=state.mnt_opt),))
    made = () if state is not None and state.dev == want.dev else _made(want, seen.around)
    if change.verdict in {Verdict.CREATE, Verdict.START}:
        return Moves(up=(*made, *_up(want, seen.around, make=seen.around.point == "")))
    if change.verdict is Verdict.REPLACE:
        return Moves(down=_down(state, last), up=(*made, *_up(want, seen.around, make=seen.around.point == "")))
    if change.verdict is Verdict.RESTART:
        return Moves(down=_down(state, last), up=_up(want, seen.around, make=True))
    return Moves()


def _down(state: State | None, last: Desired) -> tuple[Action, ...]:
    """Who is spared, or came later, keeps it busy all the same: the unmount says so then."""
    if state is None:
        return ()
    ends = tuple(holder for holder in state.holders if not holder.spared)
    if last.kill_grace is None or not ends:
        return (unmount(state),)
    what = unmount(state)
    first = EndHolders(dev=what.dev, mnt=what.mnt, type=what.type, part=what.part, grace=last.kill_grace, holders=ends)
    return (first, what)


def _up(want: Desired, around: Around, *, make: bool) -> tuple[Action, ...]:
    first: tuple[Action, ...] = (MakeMountPoint(mnt=want.mnt),) if make else ()
    last = Mount(
        dev=want.dev,
        mnt=want.mnt,
        type=want.type,
        mnt_opt=want.mnt_opt,
        mount_only=want.mount_only,
        loop=want.type in ON_DISK and not want.dev.startswith("/dev/") and around.source in {"file", ""},
        hides=around.entries,
        device=around.path,
    )
    return (*first, last)


def _made(want: Desired, around: Around) -> tuple[Action, ...]:
    """What --provision makes of what is not mounted yet: where it may not, there was an objection (making.py)."""
    if not want.provision or not (around.signature == "" or (around.source == "" and want.size)):
        return ()
    first: tuple[Action, ...] = ()
    if making.missing_file(want, around):
        first = (MakeFile(path=want.dev, size=want.size),)
    device = around.path or want.dev
    return (*first, MakeFilesystem(dev=want.dev, device=device, type=want.type, mkfs_opt=want.mkfs_opt))
