"""ip: sees addresses through one reading of the machine's links. What adds and removes them is imported when one has to be."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.host import ports
from reconciler.host.errors import HostError, Transient
from reconciler.host.ports import Host, Link
from reconciler.resources.driver import Wanted
from reconciler.resources.ip import addresses
from reconciler.resources.ip.links import Crowd, hanging
from reconciler.resources.ip.model import Around, Desired, State

_OPTIONS: Final = ("noprefixroute", "nodad", "home", "mngtmpaddr", "autojoin")
"""The flags of an address that `ip addr add` takes."""
_OWN: Final = "is this machine's own: it goes out into the world by it"
_TURNS: Final = 4
"""How often a name is asked once more that gives another address than the one that it was applied by."""
_FOLDERS: Final = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


class IpDriver:
    """The contract of resources/driver.py for addresses."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        try:
            links = host.net.links()
        except HostError as error:
            return {want.id: Unknown(f"the machine's addresses cannot be read: {error}") for want in wanted}
        return _Look(links, wanted, host).all()

    def look(self, want: Wanted, host: Host) -> Observed:
        return self.observe([want], host)[want.id]

    def words(self, state: Any, host: Host) -> str:
        return ""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        from reconciler.resources.ip.performing import perform

        perform(action, host, say)


class _Names:
    """What host names stand for, each asked once. When the name service does not answer, nobody else waits for it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._found: dict[str, tuple[str, ...]] = {}
        self._turns: dict[str, tuple[str, ...]] = {}
        self._silent = ""

    def of(self, want: Wanted, shall: Desired) -> tuple[str, str]:
        """The address that a resource stands for, and else (or when that is what it stood for last) why not, as a clause."""
        if addresses.is_address(shall.name):
            return shall.name, ""
        known = next((handle.known for handle in want.handles if handle.name == shall.name and handle.known), "")
        if want.desired is None and known:
            return known, ""
        try:
            answers = self._answers(shall.name)
            if known and answers and known not in answers:
                answers = self._again(shall.name)
        except Transient as error:
            if known:
                return known, "cannot be resolved now"
            raise Transient(f"{shall.name} is not known: {error}") from None
        address, why = addresses.choose(answers, known)
        if address and shall.dev != "lo" and addresses.scope_of(address) == "host":
            return "", f"resolves to {address}, a loopback address"
        return address, why

    def _again(self, name: str) -> tuple[str, ...]:
        """All that a name gives when it is asked a few times more: many name services give one address at a time, in turn."""
        if name not in self._turns:
            more = (answer for _ in range(_TURNS) for answer in self._host.net.resolve(name))
            self._turns[name] = tuple(dict.fromkeys((*self._answers(name), *more)))
        return self._turns[name]

    def _answers(self, name: str) -> tuple[str, ...]:
        if name not in self._found:
            if self._silent:
                raise Transient(self._silent)
            try:
                self._found[name] = self._host.net.resolve(name)
            except Transient as error:
                self._silent = str(error)
                raise
        return self._found[name]


class _Look:
    """One look at the machine, for all that is wanted of it."""

    def __init__(self, links: Sequence[Link], wanted: Sequence[Wanted], host: Host) -> None:
        self._wanted, self._host = wanted, host
        self._names = _Names(host)
        self._meant: dict[ResourceId, tuple[str, str]] = {}
        self._unknown: dict[ResourceId, Observed] = {}
        for want in wanted:
            try:
                self._meant[want.id] = self._names.of(want, _shall(want))
            except HostError as error:
                self._unknown[want.id] = Unknown(str(error))
        self._ours = {address for address, _ in self._meant.values()}
        self._ours |= {handle.known for want in wanted for handle in want.handles}
        self._links = {link.name: Crowd(link, self._ours) for link in links}
        self._where: dict[str, list[str]] = {}
        """address -> the names of the links that have it."""
        for name, crowd in self._links.items():
            for address in crowd:
                self._where.setdefault(address, []).append(name)
        self._first: dict[str, ResourceId] = {}
        """address -> the first resource that stands for it."""
        for want in wanted:
            if want.desired is not None and self._meant.get(want.id, ("", ""))[0]:
                self._first.setdefault(self._meant[want.id][0], want.id)
        self._arping: bool | None = None
        self._ways: set[tuple[str, bool]] | None = None
        """The devices that default routes go over, and whether of IPv6, once somebody asked."""

    def all(self) -> Mapping[ResourceId, Observed]:
        return {want.id: self._unknown.get(want.id) or self._one(want) for want in self._wanted}

    def _one(self, want: Wanted) -> Observed:
        shall, (address, why) = _shall(want), self._meant[want.id]
        places = [(handle.known, handle.dev, handle.netmask) for handle in want.handles if handle.known]
        places += [(address, shall.dev, shall.netmask)] if address else []
        try:
            state = next((found for place in places if (found := self._at(*place)) is not None), None)
            around = self._around(want, shall, address, why, places)
            if state is None:
                return Absent(around)
            stays = why if address and address == state.address else ""
            own = state.foreign or (_OWN if want.owned is None and self._leads_out(state) else "")
            return Present(state.model_copy(update={"unresolved": stays, "foreign": own}), around)
        except HostError as error:
            return Unknown(str(error))

    def _at(self, address: str, dev: str, netmask: int | None) -> State | None:
        """The address, where it is on a device; of several, which differ in their prefix, the one with this prefix."""
        crowd = self._links.get(dev)
        held = crowd.at(address) if crowd is not None else ()
        if crowd is None or not held:
            return None
        link = crowd.link
        one = next((one for one in held if one.prefix == netmask), held[0])
        return State(
            address=one.address,
            dev=dev,
            netmask=one.prefix,
            label="" if one.label == dev else one.label,
            scope=one.scope,
            broadcast=one.broadcast,
            options=(*(("metric", str(one.metric)) if one.metric else ()), *(flag for flag in _OPTIONS if flag in one.flags)),
            hangs=hanging(link, one, self._host),
            up=link.up,
            doubt="duplicate" if "dadfailed" in one.flags else "tentative" if _unsure(one) else "",
            arp=link.arp,
            foreign=_foreign(one),
        )

    def _around(
        self, want: Wanted, shall: Desired, address: str, why: str, places: Sequence[tuple[str, str, int | None]]
    ) -> Around:
        crowd = self._links.get(shall.dev)
        around: dict[str, Any] = {"address": address, "unresolved": why}
        around["device"] = "" if crowd is None else "up" if crowd.link.up else "down"
        if not address:
            return Around(**around)
        if crowd is not None:
            link = crowd.link
            around["arp"] = link.arp
            around["carrier"] = link.carrier or link.kind == "bridge"
            around["arping"] = not link.arp or addresses.sixth(address) or self._has_arping()
            around["prefix"] = crowd.networks.prefix_for(address)
        own = {dev for held, dev, _ in places if held == address}
        elsewhere = [name for name in self._where.get(address, ()) if name not in own]
        first = self._first.get(address, want.id)
        around["elsewhere"] = elsewhere[0] if elsewhere else ""
        if first != want.id and want.desired is not None:
            around["rival"] = first.rid if first.service == want.id.service else f"{first.rid} of {first.service}"
        return Around(**around)

    def _leads_out(self, state: State) -> bool:
        """Whether the machine itself goes out into the world by this address: it is the first of IPv4, or the only one of IPv6, on
        a device that a default route goes over."""
        first = state.address in self._links[state.dev].ways_out
        if first and self._ways is None:
            self._ways = {(route.device, route.version == 6) for route in self._host.net.routes() if route.destination == "default"}
        return first and self._ways is not None and (state.dev, addresses.sixth(state.address)) in self._ways

    def _has_arping(self) -> bool:
        if self._arping is None:
            self._arping = any(self._host.files.stat(f"{folder}/arping") is not None for folder in _FOLDERS)
        return self._arping


def _shall(want: Wanted) -> Desired:
    """What it shall be, or was last applied by."""
    if want.desired is not None or want.owned is None:
        return want.desired  # type: ignore[return-value]
    return want.owned.applied or want.owned.wanted  # type: ignore[return-value]


def _unsure(one: ports.Address) -> bool:
    return "tentative" in one.flags and "optimistic" not in one.flags


def _foreign(one: ports.Address) -> str:
    if "dynamic" in one.flags:
        return "comes from DHCP or autoconfiguration, and goes with it"
    return f"is one end of a point-to-point link to {one.peer}" if one.peer else ""


DRIVER = IpDriver()
