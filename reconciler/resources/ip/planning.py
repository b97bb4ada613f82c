"""ip: facts, claims, defaults, objections. Pure. Which actions a change takes is in moves.py, imported when one is made."""

from collections.abc import Sequence
from datetime import datetime

from reconciler.core.bells import Bell, Source
from reconciler.core.change import Change
from reconciler.core.facts import Claim, Fact, Kind
from reconciler.core.kind import Moves, Objection, PlainKind, Remark
from reconciler.core.model import changed
from reconciler.resources.ip import addresses
from reconciler.resources.ip.model import Around, Desired, State


class IpKind(PlainKind):
    """The contract of core/kind.py for addresses."""

    name = "ip"
    rank = 10
    desired = Desired
    state = State
    around = Around

    def settle(self, desired: Desired, state: State | None, around: Around) -> tuple[Desired, State | None]:
        """A host name becomes the address that it stands for; both are compared by that. A netmask that is not given is that of
        the device's network, and where nothing says one, the address keeps its own."""
        address = desired.known or around.address
        here = state is not None and (state.address, state.dev) == (address, desired.dev)
        netmask = desired.netmask or around.prefix or (state.netmask if state is not None and here else None)
        label = "" if addresses.sixth(address) else desired.label
        want = changed(desired, address=address, netmask=netmask, label=label)
        if state is None:
            return want, None
        return want, changed(state, name=want.name if state.address == address else state.address)

    def is_up(self, state: State) -> bool:
        return state.up and not state.doubt

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        if around.unresolved and not around.address:
            return Objection(f"{desired.name} {around.unresolved}", "correct name, or what it resolves to (/etc/hosts, DNS)")
        if state is not None and state.foreign:
            return self.obstacle(state)
        if around.device != "up":
            what = f"{desired.dev} is down" if around.device else f"there is no network device {desired.dev}"
            return Objection(what, f"ip link set {desired.dev} up" if around.device else "make it, or correct dev")
        if around.rival:
            return Objection(f"{around.rival} stands for {desired.known} as well", "change one of them")
        if state is not None and (state.address, state.dev) == (desired.known, desired.dev):
            return None
        return _about_place(desired, around)

    def obstacle(self, state: State) -> Objection | None:
        if not state.foreign:
            return None
        return Objection(f"{state.address} on {state.dev} {state.foreign}", "give the service an address of its own")

    def provides(self, desired: Desired) -> Sequence[Fact]:
        return (Fact(Kind.ADDRESS, desired.known),) if desired.known else ()

    def claims(self, desired: Desired) -> Sequence[Claim]:
        """A host name is claimed as it is written, and once it is known what it stands for, that as well."""
        name, known = desired.name.lower().removesuffix("."), desired.known
        written = Claim("address", name, f"address {name}")
        return [written, Claim("address", known, f"address {known}", by=name)] if known not in ("", name) else [written]

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.ip.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        return f"{desired.name}@{desired.dev}"

    def remark(self, desired: Desired, state: State, now: datetime | None) -> Remark | None:
        if not state.unresolved:
            return None
        return Remark(f"{desired.name} {state.unresolved}; {state.address} stays, as applied", "correct /etc/hosts or DNS, or name")

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        if state is None:
            return f"{desired.known} is not on {desired.dev}"
        if state.doubt == "duplicate":
            return f"another host has {state.address}"
        if state.doubt:
            return f"it is not certain yet that no other host has {state.address}"
        return "" if state.up else f"{state.dev} is down"

    def bells(self, desired: Desired, state: State | None) -> Sequence[Bell]:
        return [Bell(Source.LINKS, "", dev) for dev in dict.fromkeys((desired.dev, state.dev if state else desired.dev))]


def _about_place(desired: Desired, around: Around) -> Objection | None:
    """What forbids to add it."""
    if around.elsewhere:
        remedy = f"ip addr del {desired.known} dev {around.elsewhere}, or correct dev"
        return Objection(f"{desired.known} is on {around.elsewhere} already, where osvc did not put it", remedy)
    if around.arp and not around.carrier:
        return Objection(
            f"{desired.dev} is not connected: nobody can be asked for {desired.known}", "see to its link, or correct dev"
        )
    if not desired.netmask:
        return Objection(f"{desired.known} lies in no network of {desired.dev}", "write its netmask")
    if around.arp and not around.arping and not addresses.sixth(desired.known):
        return Objection("not installed: arping, which asks whether another host has the address", "apt-get install iputils-arping")
    return None


KIND = IpKind()
