"""network: what it provides, how it is compared, objections. Pure. Which actions a change takes is in moves.py, imported when one
is made."""

from collections.abc import Sequence
from typing import Final

from reconciler.core.change import Change
from reconciler.core.facts import Kind
from reconciler.core.kind import Moves, Objection
from reconciler.core.model import changed
from reconciler.resources.inside import Around, InsideKind
from reconciler.resources.network.model import Desired, State, rules_of


class NetworkKind(InsideKind):
    """The contract of core/kind.py for the networks of an engine."""

    name = "network"
    fact = Kind.NETWORK
    desired = Desired
    state = State

    def settle(self, desired: Desired, state: State | None, around: Around) -> tuple[Desired, State | None]:
        """What the engine chose by itself, where nothing was asked for, is no difference. The firewall rules follow from what there
        is."""
        want = changed(desired, rules=rules_of(desired, state))
        if state is None:
            return want, None
        chosen = {name: _asked(getattr(state, name), getattr(desired, name)) for name in ("subnet", "gateway")}
        return want, changed(state, **chosen)

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        if not around.holder:
            return None
        remedy = f"docker -H unix://{desired.socket} network rm {desired.called}, if nobody needs it"
        return Objection(f"the name {desired.called} is taken by network {around.holder[:12]}, not ours", remedy)

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.network.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        subnets = " ".join(state.subnet if state is not None and state.subnet else desired.subnet)
        return f"{desired.driver} {subnets}".rstrip()


def _asked(seen: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """What was seen of the families of addresses that something was asked for: for the other one the engine chooses by itself."""
    families = {":" in text for text in asked}
    return tuple(text for text in seen if (":" in text) in families)


KIND: Final = NetworkKind()
