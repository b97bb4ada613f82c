"""volume: needs, claims, objections. Pure. Which actions a change takes is in moves.py, imported when one is made."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from reconciler.core.change import Change
from reconciler.core.facts import Bond, Claim, Fact, Kind, Need, within
from reconciler.core.kind import Moves, Objection
from reconciler.resources.volume.model import Around, Desired, State


class VolumeKind:
    """The contract of core/kind.py for the volumes of an engine."""

    name = "volume"
    rank = 45
    desired = Desired
    state = State
    around = Around

    def implied(self, keywords: Mapping[str, Any], types: Collection[str]) -> bool:
        return False

    def settle(self, desired: Desired, state: State | None, around: Around) -> tuple[Desired, State | None]:
        return desired, state

    def is_up(self, state: State) -> bool:
        return True

    def holds(self, state: State) -> bool:
        """An engine goes down with its volumes, and comes up with them."""
        return False

    def manages(self, desired: Desired) -> bool:
        return True

    def ours(self, state: State) -> bool:
        return True

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        if not around.held:
            return None
        return Objection(f"there is a volume {desired.called} already, not made by osvc", "mount it by its name instead")

    def obstacle(self, state: State) -> Objection | None:
        return None

    def needs(self, desired: Desired) -> Sequence[Need]:
        return [Need(Fact(Kind.ENGINE, desired.socket), Bond.ORDER)]

    def provides(self, desired: Desired) -> Sequence[Fact]:
        return [Fact(Kind.VOLUME, within(desired.socket, desired.called))]

    def claims(self, desired: Desired) -> Sequence[Claim]:
        return ()

    def releases(self, desired: Desired, change: Change) -> bool:
        return True

    def sequence(self, desired: Desired) -> tuple[Any, ...]:
        return ()

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.volume.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        return f"{desired.driver} {desired.called}"

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        return ""


KIND: Final = VolumeKind()
