"""Links, asked: what has an address, and what goes along with it."""

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from itertools import islice

from reconciler.host import ports
from reconciler.host.ports import Host, Link
from reconciler.resources.ip import addresses
from reconciler.resources.ip.addresses import Networks


class Crowd:
    """The addresses of a link, of which there may be hundreds, each of them wanted: what is asked for each is worked out once.

    ours: the addresses of those who want some, and of nobody else.
    """

    def __init__(self, link: Link, ours: Collection[str]) -> None:
        self.link = link
        self._ours = ours
        self._at: dict[str, list[ports.Address]] = {}
        for one in link.assigned:
            self._at.setdefault(one.address, []).append(one)

    def at(self, address: str) -> Sequence[ports.Address]:
        """The address, once for each prefix that it has there."""
        return self._at.get(address, ())

    def __iter__(self) -> Iterator[str]:
        return iter(self._at)

    @cached_property
    def networks(self) -> Networks:
        """Those of everybody else."""
        return Networks(str(one) for one in self.link.assigned if one.address not in self._ours)

    @cached_property
    def ways_out(self) -> frozenset[str]:
        """The addresses by which the machine itself goes out into the world, where a default route goes over the link: the first
        of IPv4, and of IPv6 the only one."""
        known = [one.address for one in self.link.assigned]
        fourth = (one for one in known if not addresses.sixth(one) and addresses.scope_of(one) == "global")
        sixth = (one for one in known if addresses.sixth(one) and addresses.scope_of(one) == "global")
        only = tuple(islice(sixth, 2))
        return frozenset((*islice(fourth, 1), *(only if len(only) == 1 else ())))


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
