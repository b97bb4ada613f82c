"""flag: every decision about a marker file. Pure."""

from typing import Final

from reconciler.core.change import Change, Verdict
from reconciler.core.kind import Moves
from reconciler.core.observed import Present
from reconciler.resources.flag.actions import Clear, Set
from reconciler.resources.flag.model import Around, Desired, State
from reconciler.resources.still import StillKind


class FlagKind(StillKind):
    """The contract of core/kind.py for marker files."""

    name = "flag"
    desired = Desired
    state = State
    around = Around

    def settle(self, desired: Desired, state: State | None, around: Around) -> tuple[Desired, State | None]:
        return desired, state

    def moves(self, change: Change) -> Moves:
        want, seen = change.desired, change.seen
        assert isinstance(want, Desired)
        there = seen.state.path if isinstance(seen, Present) and isinstance(seen.state, State) else ""
        down = (Clear(path=there),) if there else ()
        if change.verdict in {Verdict.STOP, Verdict.REMOVE}:
            return Moves(down=down)
        if change.verdict in {Verdict.REPLACE, Verdict.RESTART}:
            return Moves(down=down, up=(Set(path=want.path),))
        return Moves(up=(Set(path=want.path),))

    def label(self, desired: Desired, state: State | None) -> str:
        return f"flag {desired.path}"

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        return "is not set" if state is None else ""


KIND: Final = FlagKind()
