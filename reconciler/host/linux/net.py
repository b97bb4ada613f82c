"""Net on Linux: links and routes from the kernel (rtnetlink.py), the firewall from iptables-save(8), names from the resolver."""

import fcntl
import socket
import struct
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from reconciler.host.errors import NotFound, Transient
from reconciler.host.linux import faults, rtnetlink
from reconciler.host.ports import Commands, Completed, Link, Route

_FORWARDING = "/proc/sys/net/ipv4/ip_forward"
_SAVE: Final = ("iptables-save",)
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
        try:
            return rtnetlink.links()
        except OSError as error:
            raise faults.of_errno(error, "cannot read the machine's links") from None

    def routes(self) -> tuple[Route, ...]:
        """See Net.routes. A route over several devices is given once for each; one without a device has ""."""
        try:
            return rtnetlink.routes()
        except OSError as error:
            raise faults.of_errno(error, "cannot read the machine's routes") from None

    def forwarding(self) -> bool:
        try:
            with open(_FORWARDING, encoding="ascii") as stream:
                return stream.read().strip() == "1"
        except OSError as error:
            raise faults.of_errno(error, f"cannot read {_FORWARDING}") from None

    def rules(self) -> frozenset[str]:
        """See Net.rules. The policies of built-in chains are there too: "filter -P FORWARD DROP". No iptables, no rules."""
        return _rules(partial(self._commands.run, _SAVE))

    def begin(self) -> Callable[[], frozenset[str]]:
        """See Net.begin."""
        return partial(_rules, self._commands.begin(_SAVE))

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


def _rules(saved: Callable[[], Completed]) -> frozenset[str]:
    try:
        return parse(saved().stdout)
    except NotFound:
        return frozenset()


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
