"""Glance: a host as it is at one moment, for whoever looks at it from several sides: what is dear to read is read once."""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Generic, TypeVar

from reconciler.host.errors import HostError
from reconciler.host.ports import Host, Link, Lvm, Net, Route, VolumeGroups

T = TypeVar("T")


class _Once(Generic[T]):
    """What a reading came to, an error as well, however often it is asked for."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read, self._lock = read, Lock()
        self._found: list[T | HostError] = []

    def __call__(self) -> T:
        with self._lock:
            if not self._found:
                try:
                    self._found.append(self._read())
                except HostError as err:
                    self._found.append(err)
        (found,) = self._found
        if isinstance(found, HostError):
            raise found
        return found


class _Net:
    """The Net port, as far as it is looked at: links, routes and rules are those of the first reading."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self._links, self._routes, self._rules = _Once(net.links), _Once(net.routes), _Once(net.rules)

    def links(self) -> tuple[Link, ...]:
        return self._links()

    def routes(self) -> tuple[Route, ...]:
        return self._routes()

    def forwarding(self) -> bool:
        return self._net.forwarding()

    def resolve(self, name: str) -> tuple[str, ...]:
        return self._net.resolve(name)

    def announce(self, link: str, address: str) -> None:
        self._net.announce(link, address)

    def rules(self) -> frozenset[str]:
        return self._rules()


class _Lvm:
    """The Lvm port: the groups of the first reading."""

    def __init__(self, lvm: Lvm) -> None:
        self._groups = _Once(lvm.groups)

    def groups(self) -> VolumeGroups:
        return self._groups()


def glance(host: Host) -> Host:
    """The same host, for one observation. What is done to the machine meanwhile may not be seen by it."""
    return replace(host, net=_Net(host.net), lvm=_Lvm(host.lvm))
