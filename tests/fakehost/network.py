"""The fake machine's network: links, routes, the IPv4 firewall and forwarding."""

import ipaddress
from dataclasses import dataclass, field, replace

from reconciler.host.ports import Address, Link, Route

BUILT_IN = {
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "raw": ("PREROUTING", "OUTPUT"),
}


CHECK_TIME = 1.0
"""Seconds for which an IPv6 address is tentative."""


@dataclass
class FakeAddress:
    """since: when it was added, in the machine's ticks. taken: whether somebody else on the link's network has it."""

    record: Address
    since: float = 0.0
    taken: bool = False


def plain(cidr: str, label: str = "") -> FakeAddress:
    """An address as it is after `ip addr add CIDR dev LABEL`, long ago."""
    address, _, prefix = cidr.partition("/")
    one = ipaddress.ip_address(address)
    scope = "host" if one.is_loopback else "link" if one.version == 6 and one.is_link_local else "global"
    return FakeAddress(Address(str(one), int(prefix), label if one.version == 4 else "", scope), since=-CHECK_TIME)


@dataclass
class FakeLink:
    """promotes: whether the next address of a network takes the place of the first, when that goes."""

    kind: str = ""
    up: bool = False
    assigned: list[FakeAddress] = field(default_factory=list)
    master: str = ""
    arp: bool = True
    promotes: bool = False

    @property
    def addresses(self) -> list[str]:
        return [str(held.record) for held in self.assigned]

    def records(self, now: float) -> tuple[Address, ...]:
        """As ip(8) tells them: which of them go with another, and which are not certain yet."""
        found: list[Address] = []
        for held in self.assigned:
            one, flags = held.record, set(held.record.flags)
            if ":" not in one.address and any(same_network(one, other) for other in found):
                flags.add("secondary")
            if ":" in one.address and self.arp and "nodad" not in flags:
                if not self.up or now < held.since + CHECK_TIME:
                    flags.add("tentative")
                elif held.taken:
                    flags |= {"tentative", "dadfailed"}
            found.append(replace(one, flags=frozenset(flags)))
        return tuple(found)


def same_network(one: Address, other: Address) -> bool:
    """Whether two addresses of a link are of one network, for the machine: then the later one goes with the first."""
    return one.prefix == other.prefix and ipaddress.ip_interface(str(one)).network == ipaddress.ip_interface(str(other)).network


class Network:
    """lo and eth0, a default route, no rules, forwarding off. names: what the resolver knows, turns: what it tells
    one address of at a time; no_names: it does not answer.

    peers: (link, address) -> the hardware address of somebody else on the link's network who has it. announced: what was made
    known there, (link, address), in order.
    """

    def __init__(self) -> None:
        self.links: dict[str, FakeLink] = {
            "lo": FakeLink(up=True, assigned=[plain("127.0.0.1/8", "lo"), plain("::1/128")], arp=False),
            "eth0": FakeLink(up=True, assigned=[plain("192.0.2.2/24", "eth0")]),
        }
        self.peers: dict[tuple[str, str], str] = {}
        self.announced: list[tuple[str, str]] = []
        self.no_names = False
        self.more_routes: list[Route] = [Route("default", "eth0")]
        self.forwarding = False
        self.turns: dict[str, list[str]] = {}
        self.names: dict[str, tuple[str, ...]] = {"localhost": ("127.0.0.1",)}
        self.chains: dict[str, dict[str, list[str]]] = {}
        """table -> chain -> rules, normalised. A table is there once it was used."""
        self.policies: dict[tuple[str, str], str] = {}

    def link_records(self, now: float) -> tuple[Link, ...]:
        """now: in the machine's ticks."""
        return tuple(Link(name, link.kind, link.up, link.records(now), link.arp, link.up) for name, link in self.links.items())

    def routes(self) -> tuple[Route, ...]:
        """The routes that addresses bring, and those that were added. A route goes with its link."""
        found = list(self.more_routes)
        for name, link in self.links.items():
            if not link.up or name == "lo":
                continue
            for address in link.addresses:
                network = ipaddress.ip_interface(address).network
                found.append(Route(str(network), name, network.version))
        return tuple(route for route in found if not route.device or route.device in self.links)

    def table(self, name: str) -> dict[str, list[str]]:
        """The chains of a table, the built-in ones among them."""
        return self.chains.setdefault(name, {chain: [] for chain in BUILT_IN[name]})

    def rules(self) -> frozenset[str]:
        """As Net.rules gives them."""
        found: set[str] = set()
        for table, chains in self.chains.items():
            for chain, rules in chains.items():
                if chain in BUILT_IN[table]:
                    found.add(f"{table} -P {chain} {self.policies.get((table, chain), 'ACCEPT')}")
                else:
                    found.add(f"{table} -N {chain}")
                found.update(f"{table} -A {chain} {rule}" for rule in rules)
        return frozenset(found)
