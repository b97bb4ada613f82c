"""Network: which subnet a private engine gets, and the firewall rules of its bridge. Pure.

A share is a /22 of the node's pool: its first /24 is the bridge's, the rest is for networks that users make.
"""

import shlex
from collections.abc import Collection, Iterable
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


def chain(tag: str) -> str:
    return f"OSVC-{tag}"


def rules(tag: str, bridge: str, share: str, service: str) -> tuple[str, ...]:
    """The rules of an engine, in the order in which they are added, as iptables-save prints them, each after its table.

    Containers reach out of their bridge, masqueraded; answers come back. Nothing else is forwarded to them: published
    ports go through docker-proxy, which runs on this machine. Engines do not reach each other's containers directly.
    """
    own, says = chain(tag), f'-m comment --comment "osvc:{service}"'
    net = bridge_net(share)
    return (
        f"filter -N {own}",
        f"filter -A {own} -i {bridge} -o {bridge} {says} -j ACCEPT",
        f"filter -A {own} -i {bridge} ! -o osvc-+ {says} -j ACCEPT",
        f"filter -A {own} -o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED {says} -j ACCEPT",
        f"filter -A {own} -o {bridge} {says} -j DROP",
        f"filter -A FORWARD {says} -j {own}",
        f"nat -N {own}",
        f"nat -A {own} -s {net} ! -o {bridge} {says} -j MASQUERADE",
        f"nat -A POSTROUTING {says} -j {own}",
    )


def ours(rule: str, tag: str) -> bool:
    """Whether a rule of the firewall is the engine's: it names its chain."""
    return chain(tag) in rule.split()


def mend(wanted: Collection[str], missing: Collection[str], tag: str) -> tuple[tuple[str, ...], ...]:
    """The commands that add what is missing. Rules of one chain stand in sequence, so that a chain with a gap is filled
    anew as a whole; a jump from a chain that is not ours goes first there."""
    commands: list[tuple[str, ...]] = []
    gaps = {rule.split()[0] for rule in missing if _inside(rule, tag)}
    for rule in wanted:
        table, verb, where, *rest = shlex.split(rule)
        if verb == "-N":
            if rule in missing:
                commands.append(("iptables", "-w", "-t", table, "-N", where))
            elif table in gaps:
                commands.append(("iptables", "-w", "-t", table, "-F", where))
        elif _inside(rule, tag):
            if table in gaps:
                commands.append(("iptables", "-w", "-t", table, "-A", where, *rest))
        elif rule in missing:
            commands.append(("iptables", "-w", "-t", table, "-I", where, "1", *rest))
    return tuple(commands)


def remove(found: Collection[str], tag: str) -> tuple[tuple[str, ...], ...]:
    """The commands that take rules away: jumps, then what stands in the chains, then the chains."""

    def place(rule: str) -> tuple[bool, bool, str]:
        return (rule.split()[1] == "-N", _inside(rule, tag), rule)

    commands: list[tuple[str, ...]] = []
    for rule in sorted(found, key=place):
        table, verb, where, *rest = shlex.split(rule)
        commands.append(("iptables", "-w", "-t", table, "-X" if verb == "-N" else "-D", where, *rest))
    return tuple(commands)


def _inside(rule: str, tag: str) -> bool:
    return rule.split()[1:3] == ["-A", chain(tag)]


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
