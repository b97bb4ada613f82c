"""Links, asked: what has an address, and what goes along with it."""

from reconciler.host import ports
from reconciler.host.ports import Host, Link
from reconciler.resources.ip import addresses


def find(host: Host, dev: str) -> Link | None:
    """A link by its name."""
    return next((link for link in host.net.links() if link.name == dev), None)


def held(link: Link | None, address: str, prefix: int) -> ports.Address | None:
    """An address of a link, or None."""
    assigned = link.assigned if link is not None else ()
    return next((one for one in assigned if (one.address, one.prefix) == (address, prefix)), None)


def hanging(link: Link, one: ports.Address, host: Host) -> tuple[str, ...]:
    """The addresses, in CIDR form, that the kernel takes away along with this one: those of its network, when it is the first
    of them, and the kernel does not let the next one take its place."""
    if addresses.sixth(one.address) or "secondary" in one.flags:
        return ()
    rest = [str(other) for other in link.assigned if "secondary" in other.flags and addresses.same_network(str(one), str(other))]
    if not rest or any(_promotes(host, where) for where in ("all", link.name)):
        return ()
    return tuple(rest)


def _promotes(host: Host, where: str) -> bool:
    return (host.files.read(f"/proc/sys/net/ipv4/conf/{where}/promote_secondaries") or "").strip() == "1"
