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


def alike(one: str, other: str) -> bool:
    """Whether both are IPv4, or both IPv6."""
    return sixth(one) == sixth(other)


def scope_of(address: str) -> str:
    """The scope that an address gets where none is given."""
    one = ip_address(address)
    if one.is_loopback:
        return "host"
    return "link" if one.version == 6 and one.is_link_local else "global"


def same_network(one: str, other: str) -> bool:
    """Whether two addresses in CIDR form are of one network, as the kernel takes it: of the same length, too."""
    return ip_interface(one).network == ip_interface(other).network


def prefix_for(address: str, others: Iterable[str]) -> int:
    """The prefix of the narrowest network of these addresses (in CIDR form) that holds `address`; 0 for none. An address that is
    alone in its network says nothing."""
    networks = (ip_interface(other).network for other in others)
    one = ip_address(address)
    found = (net.prefixlen for net in networks if net.prefixlen < net.max_prefixlen and net.version == one.version and one in net)
    return max(found, default=0)


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
