"""Net on Linux: links and routes from ip(8), the firewall from iptables-save(8), names from the resolver."""

import fcntl
import json
import socket
import struct
from collections.abc import Iterable
from typing import Any, Final

from reconciler.host.errors import NotFound, Permanent, Transient
from reconciler.host.linux import faults
from reconciler.host.ports import Address, Commands, Link, Route

_FORWARDING = "/proc/sys/net/ipv4/ip_forward"
_SILENT: Final = frozenset({"LOOPBACK", "NOARP"})
"""Flags of links on which nobody is found by ARP."""
_FLAGS: Final = (
    *("secondary", "temporary", "tentative", "dadfailed", "dynamic", "noprefixroute", "nodad", "home", "mngtmpaddr", "autojoin"),
    *("optimistic", "deprecated"),
)

_ADVERTISEMENT: Final = 136
_OVERRIDE: Final = 0x20000000
_TARGET_LINK_ADDRESS: Final = 2
_SIOCGIFHWADDR: Final = 0x8927
_EVERYBODY: Final = "ff02::1"


class LinuxNet:
    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def links(self) -> tuple[Link, ...]:
        """See Net.links. kind: what `ip link add … type` calls it ("bridge"), or "" for hardware and the loopback."""
        return tuple(
            Link(
                name=str(entry["ifname"]),
                kind=str(entry.get("linkinfo", {}).get("info_kind", "")),
                up="UP" in entry.get("flags", ()),
                assigned=tuple(_address(item) for item in entry.get("addr_info", ()) if "local" in item),
                arp=_SILENT.isdisjoint(entry.get("flags", ())),
                carrier="LOWER_UP" in entry.get("flags", ()),
            )
            for entry in self._json("-d", "addr", "show")
            if "ifname" in entry
        )

    def routes(self) -> tuple[Route, ...]:
        """See Net.routes. A route over several devices is given once for each; one without a device has ""."""
        return tuple(
            Route(_network(str(entry["dst"]), bits), device, version)
            for version, bits in ((4, 32), (6, 128))
            for entry in self._json(f"-{version}", "route", "show", "table", "main")
            if "dst" in entry
            for device in _devices(entry)
        )

    def forwarding(self) -> bool:
        try:
            with open(_FORWARDING, encoding="ascii") as stream:
                return stream.read().strip() == "1"
        except OSError as error:
            raise faults.of_errno(error, f"cannot read {_FORWARDING}") from None

    def rules(self) -> frozenset[str]:
        """See Net.rules. The policies of built-in chains are there too: "filter -P FORWARD DROP". No iptables, no rules."""
        try:
            return parse(self._commands.run(["iptables-save"]).stdout)
        except NotFound:
            return frozenset()

    def resolve(self, name: str) -> tuple[str, ...]:
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise Transient(f"cannot resolve {name}: the name service does not answer") from None
            return ()
        except (UnicodeError, ValueError):
            return ()
        except OSError as error:
            raise faults.of_errno(error, f"cannot resolve {name}") from None
        return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))

    def announce(self, link: str, address: str) -> None:
        """See Net.announce (RFC 4861, 4.4 and 7.2.6). The kernel puts in the checksum."""
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
                index = socket.if_nametoindex(link)
                request = fcntl.ioctl(raw, _SIOCGIFHWADDR, struct.pack("16s16x8x", link.encode()))
                raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
                raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
                raw.bind((address, 0, 0, index))
                head = struct.pack("!BBHI", _ADVERTISEMENT, 0, 0, _OVERRIDE) + socket.inet_pton(socket.AF_INET6, address)
                raw.sendto(head + bytes((_TARGET_LINK_ADDRESS, 1)) + request[18:24], (_EVERYBODY, 0, 0, index))
        except OSError as error:
            raise faults.of_errno(error, f"cannot announce {address} on {link}") from None

    def _json(self, *words: str) -> list[dict[str, Any]]:
        text = self._commands.run(["ip", "-j", *words]).stdout.strip()
        try:
            found = json.loads(text) if text else []
        except ValueError:
            raise Permanent("cannot understand the output of ip -j; is iproute2 older than 5.0?") from None
        return [entry for entry in found if entry]


def _address(item: dict[str, Any]) -> Address:
    """Of a point-to-point link `local` is this end, and `address` the other."""
    return Address(
        str(item["local"]),
        int(item["prefixlen"]),
        str(item.get("label", "")),
        str(item.get("scope", "")),
        str(item.get("broadcast", "")),
        str(item.get("address", "")),
        int(item.get("metric", 0)),
        frozenset(name for name in _FLAGS if item.get(name)),
    )


def parse(saved: str) -> frozenset[str]:
    """The rules of an iptables-save text, each prefixed by its table."""
    return frozenset(_lines(saved.splitlines()))


def _lines(lines: Iterable[str]) -> Iterable[str]:
    table = ""
    for line in lines:
        line = line.strip()
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            yield f"{table} -N {chain}" if policy == "-" else f"{table} -P {chain} {policy}"
        elif line.startswith("-"):
            yield f"{table} {line}"


def _network(destination: str, bits: int) -> str:
    if destination == "default" or "/" in destination:
        return destination
    return f"{destination}/{bits}"


def _devices(entry: dict[str, Any]) -> list[str]:
    if "dev" in entry:
        return [str(entry["dev"])]
    return [str(hop["dev"]) for hop in entry.get("nexthops", ()) if "dev" in hop] or [""]
