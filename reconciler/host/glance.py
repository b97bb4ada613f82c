"""Glance: a host as it is at one moment, for whoever looks at it from several sides: what is dear to read is read once."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from threading import Lock
from typing import Any, Generic, TypeVar, cast

from reconciler.core.reading import Reading
from reconciler.host.docker_ports import Docker, Engine
from reconciler.host.errors import HostError
from reconciler.host.ports import Host, Link, Lvm, Net, Route, VolumeGroups

T = TypeVar("T")


class _Once(Generic[T]):
    """What a reading came to, an error as well, however often it is asked for. It may be begun before."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read, self._lock, self._begun = read, Lock(), False
        self._found: list[T | HostError] = []

    def begin(self, begin: Callable[[], Callable[[], T]]) -> None:
        """Let it go on until somebody asks, unless somebody has."""
        with self._lock:
            if not self._found and not self._begun:
                self._read, self._begun = begin(), True

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

    def begin(self) -> Callable[[], frozenset[str]]:
        self._rules.begin(self._net.begin)
        return self._rules

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
        self._lvm = lvm
        self._groups = _Once(lvm.groups)

    def begin(self) -> Callable[[], VolumeGroups]:
        self._groups.begin(self._lvm.begin)
        return self._groups

    def groups(self) -> VolumeGroups:
        return self._groups()


class _Listed:
    """An Engine: what containers it has is that of the first reading."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._all = engine, _Once(engine.containers)

    def containers(self, labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        return self._engine.containers(labels) if labels else self._all()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


class _Docker:
    """The Docker port: engines that are listed once."""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker
        self._engines: dict[str, Engine] = {}

    def engine(self, socket: str) -> Engine:
        return self._engines.setdefault(socket, cast(Engine, _Listed(self._docker.engine(socket))))


def glance(host: Host, readings: Iterable[Reading] = ()) -> Host:
    """The same host, for one observation. What is done to the machine meanwhile may not be seen by it.

    readings: what will be asked for, and begins now, all at the same time.
    """
    net, lvm = _Net(host.net), _Lvm(host.lvm)
    for reading in readings:
        port: _Lvm | _Net = lvm if reading is Reading.GROUPS else net
        port.begin()
    return replace(host, net=net, lvm=lvm, docker=_Docker(host.docker))
