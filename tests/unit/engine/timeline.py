"""A timeline: a watch over a fake machine, where things happen at their times; what was looked at, and what was done, and when.

line = Timeline(node)
line.at(12, lambda: line.machine.tear_off("/mnt/web"))
line.run(60)
assert line.done == [(0, "db"), (0, "web"), (12.1, "web")]
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from threading import get_ident
from typing import Any

from reconciler.core.outcome import Ended, Event, Noticed, Rang
from reconciler.engine.watch import Watch
from tests.unit.engine.node import Node


class Timeline:
    """looks: (when, the services) of each look that saw any. done: (when, service) of each run that did something. said: what was
    told, as (when, text). rang: what is told of bells, as (when, event)."""

    def __init__(self, node: Node) -> None:
        self.node, self.machine, self.session = node, node.machine, node.session()
        self.looks: list[tuple[float, str]] = []
        self.done: list[tuple[float, str]] = []
        self.said: list[tuple[float, str]] = []
        self.rang: list[tuple[float, Rang]] = []
        self.watch = Watch(self.session, on_event=self._hear, configure=lambda: self.node.config)
        self._survey = self.session.survey
        self.session.survey = self._look  # type: ignore[method-assign]

    def at(self, when: float, what: Callable[[], object]) -> None:
        self.machine.agenda.append((when, what))

    def run(self, until: float) -> int:
        """Watch from now on; SIGTERM comes then."""
        self.at(until, self.node.stop.terminate)
        self.at(until, self.wake)
        self.machine.keeper, self.machine.busy = get_ident(), lambda: self.watch.busy
        try:
            return self.watch.run()
        finally:
            self.machine.keeper = 0
            self.session.close()

    def wake(self) -> None:
        """As a signal's handler does."""
        for wake in self.node.stop.wakes:
            wake()

    @property
    def after(self) -> list[tuple[float, str]]:
        """The looks after those that the start made for."""
        return [(at, names) for at, names in self.looks if at > 11]

    @property
    def now(self) -> float:
        return round(self.machine.ticks, 1)

    def _look(self, targets: Any, **more: Any) -> Any:
        self.looks.append((self.now, " ".join(target.name for target in targets)))
        return self._survey(targets, **more)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Ended) and event.result.outcomes:
            insort(self.done, (self.now, event.service))
        elif isinstance(event, Noticed):
            self.said.append((self.now, event.text))
        elif isinstance(event, Rang):
            self.rang.append((self.now, event))
