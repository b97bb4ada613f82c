"""Addresses: what is to be known of one without asking the machine. Pure."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_interface


def is_address(text: str) -> bool:
    """Whether it is an IP address; one with a zone (fe80::1%eth0) is not."""
    try:
        return "%" not in text and bool(ip_address(text))
    except ValueError:
        return False


def sixth(address: str) -> bool:
    return ":" in address


def scope_of(address: str) -> str:
    """The scope that an address gets where none is given."""
    one = ip_address(address)
    if one.is_loopback:
        return "host"
    return "link" if one.version == 6 and one.is_link_local else "global"


def same_network(one: str, other: str) -> bool:
    """Whether two addresses in CIDR form are of one network, as the kernel takes it: of the same length, too."""
    return ip_interface(one).network == ip_interface(other).network


class Networks:
    """The networks of some addresses (in CIDR form). An address that is alone in its network says nothing."""

    def __init__(self, others: Iterable[str]) -> None:
        networks = {ip_interface(other).network for other in others}
        self._known = {(net.version, net.prefixlen, net.network_address) for net in networks if net.prefixlen < net.max_prefixlen}
        self._lengths = sorted({(version, length) for version, length, _ in self._known}, reverse=True)

    def prefix_for(self, address: str) -> int:
        """The prefix of the narrowest of them that holds an address; 0 for none."""
        own = ip_address(address).version
        lengths = [length for version, length in self._lengths if version == own]
        starts = (ip_interface(f"{address}/{length}").network.network_address for length in lengths)
        return next((n for n, start in zip(lengths, starts, strict=True) if (own, n, start) in self._known), 0)


def choose(answers: Iterable[str], known: str) -> tuple[str, str]:
    """The address that a host name stands for, and else why there is none, as a clause. answers: the resolver's. known: the
    address that it stood for when it was last applied, or ""."""
    usable = [answer for answer in answers if is_address(answer)]
    if known in usable:
        return known, ""
    of_one_kind = [answer for answer in usable if not sixth(answer)] or usable
    if not of_one_kind:
        return known, "does not resolve to an address"
    if len(of_one_kind) > 1:
        return "", f"resolves to several addresses: {', '.join(of_one_kind)}"
    return of_one_kind[0], ""
