"""Network: which subnet a private engine gets. Pure.

A share is a /22 of the node's pool: its first /24 is the bridge's, the rest is for networks that users make.
"""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from ipaddress import IPv4Network, ip_network

SHARE = 22
BRIDGE = 24


def choose(pool: str, tag: str, taken: Iterable[str]) -> str:
    """The share for an engine: by hash of its tag, then the next ones, skipping what overlaps a subnet that is taken.

    "" when the pool has no share left.
    """
    whole, busy = IPv4Network(pool), list(_networks(taken))
    bits = max(SHARE, whole.prefixlen)
    count, size = 1 << (bits - whole.prefixlen), 1 << (32 - bits)
    start = int(sha256(tag.encode()).hexdigest(), 16) % count
    for n in range(count):
        share = IPv4Network((int(whole.network_address) + (start + n) % count * size, bits))
        if not any(share.overlaps(other) for other in busy):
            return str(share)
    return ""


def is_free(share: str, taken: Iterable[str]) -> bool:
    return not any(IPv4Network(share).overlaps(other) for other in _networks(taken))


def is_still_free(share: str, pool: str, taken: Iterable[str]) -> bool:
    """Whether a share that was an engine's before can be so again: what is left in its other part are networks of the engine."""
    return IPv4Network(share).subnet_of(IPv4Network(pool)) and is_free(bridge_net(share), taken)


def share_of(address: str, pool: str) -> str:
    """The share whose bridge has this address ("10.208.4.1/24" -> "10.208.4.0/22"), or "" when it is no such address."""
    try:
        host, _, bits = address.partition("/")
        network = IPv4Network((host, SHARE), strict=False)
        if bits == str(BRIDGE) and network.subnet_of(IPv4Network(pool)) and gateway(str(network)) == address:
            return str(network)
    except ValueError:
        pass
    return ""


def bridge_net(share: str) -> str:
    """The bridge's own /24 of a share."""
    return _parts(share)[0]


def gateway(share: str) -> str:
    """The bridge's address, in CIDR form."""
    net = IPv4Network(bridge_net(share))
    return f"{net.network_address + 1}/{net.prefixlen}"


def pools(share: str) -> tuple[str, ...]:
    """What is left of a share for other networks."""
    return _parts(share)[1:]


@lru_cache(maxsize=1024)
def _parts(share: str) -> tuple[str, ...]:
    """A share in pieces of a bridge's size."""
    return tuple(str(net) for net in IPv4Network(share).subnets(new_prefix=BRIDGE))


def _networks(taken: Iterable[str]) -> Iterable[IPv4Network]:
    for text in taken:
        try:
            net = ip_network(text, strict=False)
        except ValueError:
            continue
        if isinstance(net, IPv4Network) and net.prefixlen > 0:
            yield net


def share_around(base: str) -> str:
    """The share that a network of its pools belongs to, or ""."""
    try:
        return str(IPv4Network(base).supernet(new_prefix=SHARE))
    except ValueError:
        return ""
