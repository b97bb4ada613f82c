"""network: needs, claims, defaults, objections. Pure. Which actions a change takes is in moves.py, imported when one is made."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from reconciler.core.change import Change
from reconciler.core.facts import Bond, Claim, Fact, Kind, Need, within
from reconciler.core.kind import Moves, Objection
from reconciler.core.model import changed
from reconciler.resources.network.model import Around, Desired, State


class NetworkKind:
    """The contract of core/kind.py for the networks of an engine."""

    name = "network"
    rank = 45
    desired = Desired
    state = State
    around = Around

    def implied(self, keywords: Mapping[str, Any], types: Collection[str]) -> bool:
        return False

    def settle(self, desired: Desired, state: State | None, around: Around) -> tuple[Desired, State | None]:
        """What the engine chose by itself, where nothing was asked for, is no difference."""
        if state is None:
            return desired, None
        chosen = {name: _asked(getattr(state, name), getattr(desired, name)) for name in ("subnet", "gateway")}
        return desired, changed(state, **chosen)

    def is_up(self, state: State) -> bool:
        return True

    def holds(self, state: State) -> bool:
        """An engine goes down with its networks, and comes up with them."""
        return False

    def manages(self, desired: Desired) -> bool:
        return True

    def ours(self, state: State) -> bool:
        return True

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        if not around.holder:
            return None
        remedy = f"docker -H unix://{desired.socket} network rm {desired.called}, if nobody needs it"
        return Objection(f"the name {desired.called} is taken by network {around.holder[:12]}, not ours", remedy)

    def obstacle(self, state: State) -> Objection | None:
        return None

    def needs(self, desired: Desired) -> Sequence[Need]:
        return [Need(Fact(Kind.ENGINE, desired.socket), Bond.ORDER)]

    def provides(self, desired: Desired) -> Sequence[Fact]:
        return [Fact(Kind.NETWORK, within(desired.socket, desired.called))]

    def claims(self, desired: Desired) -> Sequence[Claim]:
        return ()

    def releases(self, desired: Desired, change: Change) -> bool:
        return True

    def sequence(self, desired: Desired) -> tuple[Any, ...]:
        return ()

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.network.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        subnets = " ".join(state.subnet if state is not None and state.subnet else desired.subnet)
        return f"{desired.driver} {subnets}".rstrip()

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        return ""


def _asked(seen: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """What was seen of the families of addresses that something was asked for: for the other one the engine chooses by itself."""
    families = {":" in text for text in asked}
    return tuple(text for text in seen if (":" in text) in families)


KIND: Final = NetworkKind()
