"""The fake machine's network: links, routes, the IPv4 firewall and forwarding."""

import ipaddress
from dataclasses import dataclass, field

from reconciler.host.ports import Link, Route

BUILT_IN = {
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "raw": ("PREROUTING", "OUTPUT"),
}


@dataclass
class FakeLink:
    kind: str = ""
    up: bool = False
    addresses: list[str] = field(default_factory=list)
    master: str = ""


class Network:
    """lo and eth0, a default route, no rules, forwarding off. names: what the resolver knows."""

    def __init__(self) -> None:
        self.links: dict[str, FakeLink] = {
            "lo": FakeLink(up=True, addresses=["127.0.0.1/8", "::1/128"]),
            "eth0": FakeLink(up=True, addresses=["192.0.2.2/24"]),
        }
        self.more_routes: list[Route] = [Route("default", "eth0")]
        self.forwarding = False
        self.names: dict[str, tuple[str, ...]] = {"localhost": ("127.0.0.1",)}
        self.chains: dict[str, dict[str, list[str]]] = {}
        """table -> chain -> rules, normalised. A table is there once it was used."""
        self.policies: dict[tuple[str, str], str] = {}

    def link_records(self) -> tuple[Link, ...]:
        return tuple(Link(name, link.kind, link.up, tuple(link.addresses)) for name, link in self.links.items())

    def routes(self) -> tuple[Route, ...]:
        """The routes that addresses bring, and those that were added. A route goes with its link."""
        found = list(self.more_routes)
        for name, link in self.links.items():
            if not link.up or name == "lo":
                continue
            for address in link.addresses:
                network = ipaddress.ip_interface(address).network
                found.append(Route(str(network), name))
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
