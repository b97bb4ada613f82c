"""published: the firewall rules by which clients reach a container with a fixed address directly, so that it sees theirs. Pure.

Published ports go through docker-proxy, which a service's own engine starts and which hides the client. Rules beside it take what
comes for an address of this machine. Two things are left to docker-proxy: the loopback, and the container itself (a bridge whose
packets the firewall sees sends none back where it came from). Rules stand for an address, and not for a container: without one
that is the container's own, an engine may give it to another, and so there are none.
"""

from collections.abc import Iterable
from ipaddress import ip_address

from reconciler.core.model import changed
from reconciler.core.observed import Absent, Present, Seen
from reconciler.resources import firewall
from reconciler.resources.container.model import Around, Container, Desired
from reconciler.resources.container.ports import Port, ports_of


def rules_for(want: Desired, found: Container | None) -> tuple[str, ...]:
    """The rules of a container that is to run. found: as it is; once it runs, its engine says what it has published, and where.
    Where that is another address than the spec's, or none, only a running one tells."""
    ports = list(_led(want, found)) if leads(want) else []
    if not ports:
        return ()
    own, says = want.chain, firewall.marked(f"{want.service}/{want.rid}")
    local = "-m addrtype --dst-type LOCAL"
    return (
        f"nat -N {own}",
        *(
            f"nat -A {own} ! -s {want.ip}/32 {f'-d {port.address}/32 ' if port.address else ''}"
            f"-p {port.protocol} -m {port.protocol} --dport {port.host} {says} -j DNAT --to-destination {want.ip}:{port.container}"
            for port in ports
        ),
        f"nat -A PREROUTING {local} {says} -j {own}",
        f"nat -A OUTPUT ! -d 127.0.0.0/8 {local} {says} -j {own}",
    )


def leads(want: Desired) -> bool:
    """Whether a container has ports that are to be led to it."""
    return bool(want.client_address and want.chain and want.detach) and any(_may_be_led(port) for port in ports_of(want.ports))


def _led(want: Desired, found: Container | None) -> Iterable[Port]:
    """The ports of one that leads, each with the address of this machine that it is published on; "" for every one."""
    bound = None if found is None or found.bound is None else ports_of(found.bound)
    for port in filter(_may_be_led, ports_of(want.ports)):
        for seen in (port,) if bound is None else (one for one in bound if _is(port, one) and _may_be_led(one)):
            yield seen._replace(address="" if seen.address == "0.0.0.0" else seen.address)


def _is(port: Port, bound: Port) -> bool:
    """Whether that is what an engine made of a port; one without an address is published on the engine's choice of them."""
    return bound == port or (port.address in ("", "0.0.0.0") and bound._replace(address="") == port._replace(address=""))


def _may_be_led(port: Port) -> bool:
    """Not a port of the engine's choice, which is another one after each start."""
    address = ip_address(port.address or "0.0.0.0")
    return bool(port.host) and port.protocol in ("tcp", "udp") and address.version == 4 and not address.is_loopback


def rules_in(seen: Seen) -> tuple[str, ...]:
    """What the firewall has of it."""
    around = seen.around
    assert isinstance(around, Around)
    return around.rules


def with_rules(seen: Seen, rules: Iterable[str]) -> Seen:
    around = seen.around
    assert isinstance(around, Around)
    found = firewall.in_order(rules)
    if found == around.rules:
        return seen
    around = changed(around, rules=found)
    return Present(seen.state, around) if isinstance(seen, Present) else Absent(around)
