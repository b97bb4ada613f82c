"""Firewall: the chains of osvc's own, and the rules in them. Pure: firewall_host.py is the half that talks to the machine.

A rule is text as iptables-save prints it, after its table: "nat -A OSVC-0123abcd …". An engine has a chain; what is inside of it
and needs one has its own, named after the engine's: it goes with the engine. All of them are for IPv4.
"""

import shlex
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final

PREFIX: Final = "OSVC-"
BRIDGE: Final = "osvc-"
"""Begins the name of every bridge that osvc names: containers do not reach from one to another."""

Words = tuple[str, ...]


def chain(tag: str, inner: str = "") -> str:
    """The chain of an engine; inner: of what is inside of it. Both are 8 hex digits."""
    return f"{PREFIX}{tag}-{inner}" if inner else f"{PREFIX}{tag}"


def marked(whose: str) -> str:
    """The words that tell a reader of the firewall whose a rule is: a service, or service/rid."""
    return f'-m comment --comment "osvc:{whose}"'


@lru_cache(maxsize=1 << 12)
def way_out(own: str, bridge: str, net: str, whose: str, *, inside: bool = False, among: bool = True) -> Words:
    """The rules of a bridge, in the order in which they are added.

    Containers reach out of it, masqueraded; answers come back. Nothing else is forwarded to them: published ports go through
    docker-proxy, which runs on this machine. Containers on one bridge do not reach those on another directly.
    net: what is masqueraded; "" for nothing. inside: whether it is a network in an engine: then its containers do not reach the
    bridges that engines name either, clients may be led to them by rules, which let them in, and a client on the same bridge has
    its answers come back the same way. among: whether its containers reach each other.
    """
    says = marked(whose)
    back = f"nat -A {own} -s {net} -o {bridge} -m conntrack --ctstate DNAT {says} -j MASQUERADE"
    masquerade = (
        f"nat -N {own}",
        f"nat -A {own} -s {net} ! -o {bridge} {says} -j MASQUERADE",
        *((back,) if inside else ()),
        f"nat -A POSTROUTING {says} -j {own}",
    )
    states = "RELATED,ESTABLISHED,DNAT" if inside else "RELATED,ESTABLISHED"
    kept_in = [f"filter -A {own} -i {bridge} -o {other} {says} -j DROP" for other in ("docker0", "br-+") if other != bridge]
    return (
        f"filter -N {own}",
        *([f"filter -A {own} -i {bridge} -o {bridge} {says} -j ACCEPT"] if among else []),
        *(kept_in if inside else ()),
        f"filter -A {own} -i {bridge} ! -o {BRIDGE}+ {says} -j ACCEPT",
        f"filter -A {own} -o {bridge} -m conntrack --ctstate {states} {says} -j ACCEPT",
        f"filter -A {own} -o {bridge} {says} -j DROP",
        f"filter -A FORWARD {says} -j {own}",
        *(masquerade if net else ()),
    )


def ours(rule: str, own: str) -> bool:
    """Whether a rule stands in this chain, makes it, or jumps to it."""
    return own in _chains(rule)


def inner(rule: str, own: str) -> str:
    """What is inside of the engine whose chain this is and has the chain that a rule names: its 8 digits; "" for none."""
    return next((word.removeprefix(f"{own}-") for word in _chains(rule) if word.startswith(f"{own}-")), "")


def _chains(rule: str) -> tuple[str, str]:
    """The chain that a rule stands in, or makes, and the one that it jumps to; "" for none."""
    words = rule.split()
    return words[2], words[words.index("-j") + 1] if "-j" in words else ""


def in_order(rules: Iterable[str]) -> Words:
    """Rules that were seen, in an order in which they may be added: chains, what they keep in, what they let pass, what they drop,
    jumps."""

    def place(rule: str) -> tuple[bool, bool, int, str]:
        drops = rule.endswith("-j DROP")
        return (not _makes(rule), not _inside(rule), (0 if " -i " in rule else 2) if drops else 1, rule)

    return tuple(sorted(rules, key=place))


def mend(wanted: Iterable[str], missing: Collection[str]) -> tuple[Words, ...]:
    """The commands that add what is missing. Rules of one chain stand in sequence, so that a chain with a gap is filled
    anew as a whole; a jump from a chain that is not ours goes first there."""
    commands: list[Words] = []
    gaps = {_place(rule) for rule in missing if _inside(rule)}
    for rule in wanted:
        table, verb, where, *rest = shlex.split(rule)
        if verb == "-N":
            if rule in missing:
                commands.append(("iptables", "-w", "-t", table, "-N", where))
            elif (table, where) in gaps:
                commands.append(("iptables", "-w", "-t", table, "-F", where))
        elif _inside(rule):
            if (table, where) in gaps:
                commands.append(("iptables", "-w", "-t", table, "-A", where, *rest))
        elif rule in missing:
            commands.append(("iptables", "-w", "-t", table, "-I", where, "1", *rest))
    return tuple(commands)


def remove(found: Collection[str]) -> tuple[Words, ...]:
    """The commands that take rules away: jumps first, and chains last, with all that stands in them."""
    chains = sorted(_place(rule) for rule in found if _makes(rule))
    commands: list[Words] = []
    for rule in sorted(found, key=lambda rule: (_inside(rule), rule)):
        table, verb, where, *rest = shlex.split(rule)
        if verb == "-A" and (table, where) not in chains:
            commands.append(("iptables", "-w", "-t", table, "-D", where, *rest))
    for table, where in chains:
        commands += [("iptables", "-w", "-t", table, verb, where) for verb in ("-F", "-X")]
    return tuple(commands)


def _makes(rule: str) -> bool:
    return rule.split()[1] == "-N"


def _place(rule: str) -> tuple[str, str]:
    table, _, where = rule.split()[:3]
    return (table, where)


def _inside(rule: str) -> bool:
    """Whether it stands in a chain of osvc's own."""
    return not _makes(rule) and _place(rule)[1].startswith(PREFIX)
