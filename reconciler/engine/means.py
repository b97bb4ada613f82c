"""Means: what a run works with."""

from collections.abc import Callable
from dataclasses import field

from reconciler.core.kind import ResourceKind
from reconciler.core.lazy import dataclass
from reconciler.core.node import Node
from reconciler.core.outcome import Event, OnEvent, silent
from reconciler.engine import log
from reconciler.engine.crew import Crew
from reconciler.engine.lease import Lease, LocalLease
from reconciler.engine.locks import Locks
from reconciler.engine.signals import Stop
from reconciler.engine.store import Store
from reconciler.host.ports import Host
from reconciler.resources.driver import Driver
from reconciler.resources.registry import driver_of, kind_of

WORKERS = 16
"""Steps that are worked on at once, whatever they do; an engine has a limit of its own."""


@dataclass(frozen=True, slots=True)
class Means:
    """The machine, the memory and the ways to stop a run. kinds, drivers: the registry's, unless a test brings its own.

    crew: the runs that the same verb has beside this one. node: which machine it is, for case files. by: who asked.
    """

    host: Host
    store: Store
    locks: Locks
    stop: Stop = field(default_factory=Stop)
    lease: Lease = field(default_factory=LocalLease)
    on_event: OnEvent = silent
    crew: Crew = field(default_factory=Crew)
    kinds: Callable[[str], ResourceKind] = kind_of
    drivers: Callable[[str], Driver] = driver_of
    workers: int = WORKERS
    node: Node = field(default_factory=Node)
    by: str = ""

    def tell(self, event: Event) -> None:
        """Tell what happens, and log it; one event at a time, whatever thread of whatever run it comes from."""
        with self.crew.voice:
            log.tell(event)
            self.on_event(event)
