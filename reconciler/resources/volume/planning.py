"""volume: what it provides, objections. Pure. Which actions a change takes is in moves.py, imported when one is made."""

from typing import Final

from reconciler.core.change import Change
from reconciler.core.facts import Kind
from reconciler.core.kind import Moves, Objection
from reconciler.resources.inside import Around, InsideKind
from reconciler.resources.volume.model import Desired, State


class VolumeKind(InsideKind):
    """The contract of core/kind.py for the volumes of an engine."""

    name = "volume"
    fact = Kind.VOLUME
    desired = Desired
    state = State

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        if not around.holder:
            return None
        return Objection(f"there is a volume {desired.called} already, not made by osvc", "mount it by its name instead")

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.volume.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        return f"{desired.driver} {desired.called}"


KIND: Final = VolumeKind()
