"""Glance: a host as it is at one moment, for whoever looks at it from several sides: the firewall is read once."""

from dataclasses import replace
from threading import Lock

from reconciler.host.errors import HostError
from reconciler.host.ports import Host, Link, Net, Route


class _Glance:
    """The Net port, as far as it is looked at; its rules are those of the first reading."""

    def __init__(self, net: Net) -> None:
        self._net, self._lock = net, Lock()
        self._rules: frozenset[str] | HostError | None = None

    def links(self) -> tuple[Link, ...]:
        return self._net.links()

    def routes(self) -> tuple[Route, ...]:
        return self._net.routes()

    def forwarding(self) -> bool:
        return self._net.forwarding()

    def resolve(self, name: str) -> tuple[str, ...]:
        return self._net.resolve(name)

    def rules(self) -> frozenset[str]:
        with self._lock:
            if self._rules is None:
                try:
                    self._rules = self._net.rules()
                except HostError as err:
                    self._rules = err
        if isinstance(self._rules, HostError):
            raise self._rules
        return self._rules


def glance(host: Host) -> Host:
    """The same host, for one observation. What is done to the machine meanwhile may not be seen by it."""
    return replace(host, net=_Glance(host.net))
