"""app: which actions a change takes. Pure."""

from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.resources.app.actions import Forget, Start, Stop, state_of
from reconciler.resources.app.model import Around, Desired, State


def moves_of(change: Change) -> Moves:
    """The actions for this change's verdict."""
    want, seen = change.desired, change.seen
    assert isinstance(want, Desired) and seen is not None and isinstance(seen.around, Around)
    home, state = seen.around.home, state_of(seen)
    start = Start(want=want, home=home)
    stop = (_stop(change, want, state, home),) if state is not None and (state.running or state.others) else ()
    tidy = (_stop(change, want, state, home),) if state is not None and state.idle and not stop else stop
    if change.verdict in (Verdict.CREATE, Verdict.START, Verdict.RESTART):
        return Moves(down=stop, up=(start,))
    if change.verdict is Verdict.STOP:
        return Moves(down=tidy)
    if change.verdict is Verdict.REMOVE:
        return Moves(down=tidy, commit=(Forget(want=want),) if state is not None and state.recorded else ())
    return Moves()


def _stop(change: Change, want: Desired, state: State, home: str) -> Stop:
    """It is taken down by what it was applied by: a new stop command is for what comes after it."""
    last = change.last if isinstance(change.last, Desired) else want
    runs = state.running or bool(state.others)
    pids = (*((state.pid,) if state.running and state.pid else ()), *state.others)
    return Stop(want=last, home=home, pids=pids, runs=runs)
