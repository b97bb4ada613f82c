"""flag: every decision about a marker file. Pure. Which actions a change takes is in moves.py, imported when one is made."""

from typing import Final

from reconciler.core.change import Change
from reconciler.core.kind import Moves
from reconciler.resources.flag.model import Around, Desired, State
from reconciler.resources.still import StillKind


class FlagKind(StillKind):
    """The contract of core/kind.py for marker files."""

    name = "flag"
    desired = Desired
    state = State
    around = Around

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.flag.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        return f"flag {desired.path}"

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        return "is not set" if state is None else ""


KIND: Final = FlagKind()
