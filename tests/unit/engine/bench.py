"""Bench: a world of toy resources, and the means to converge on it. Time is the fake machine's."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reconciler.core.action import Action
from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.core.outcome import Event, Outcome, Result, Status
from reconciler.core.policy import UP, Goal, Policy, Selection
from reconciler.core.service import Service
from reconciler.engine.converge import converge
from reconciler.engine.locks import Locks
from reconciler.engine.means import Means
from reconciler.engine.signals import Stop
from reconciler.engine.store import Store
from reconciler.engine.work import Work
from reconciler.host.errors import HostError
from tests.fakehost import FakeHost, Machine
from tests.unit.core.toys import ToyAround, kinds


@dataclass
class World:
    """What there is, by rid. faults: "rid says" -> the errors of the next tries. blind: actions that do nothing, unseen.

    hidden: rid -> the rid that it cannot be seen behind while that one is not up.
    """

    things: dict[str, Observed] = field(default_factory=dict)
    faults: dict[str, list[HostError]] = field(default_factory=dict)
    blind: set[str] = field(default_factory=set)
    hidden: dict[str, str] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    looks: list[tuple[str, ...]] = field(default_factory=list)
    hooks: dict[str, Callable[[], Any]] = field(default_factory=dict)

    def see(self, rid: str) -> Observed:
        door = self.hidden.get(rid)
        if door is not None:
            there = self.things.get(door)
            if not (isinstance(there, Present) and there.state.up):
                real = self.things.get(rid, Absent(ToyAround()))
                return Unknown(f"{door} is not up", door, real, "as it was")
        return self.things.get(rid, Absent(ToyAround()))

    # the driver

    def look(self, want: Any, host: Any) -> Observed:
        return self.observe([want], host)[want.id]

    def observe(self, wanted: Any, host: Any) -> dict[ResourceId, Observed]:
        self.looks.append(tuple(item.id.rid for item in wanted))
        return {item.id: self.see(item.id.rid) for item in wanted}

    def words(self, state: Any, host: Any) -> str:
        return ""

    def perform(self, id: ResourceId, action: Action, host: Any, say: Any) -> None:
        name = f"{id.rid} {action.says()}"
        self.tried.append(name)
        if name in self.hooks:
            self.hooks[name]()
        if self.faults.get(name):
            raise self.faults[name].pop(0)
        if name in self.blind:
            return
        seen = self.things.get(id.rid, Absent(ToyAround()))
        if not action.shown(seen):
            self.things[id.rid] = action.after(seen)


class Bench:
    """One node: a world, a store in memory, locks in a temporary folder, a stop and a list of events."""

    def __init__(self, world: World | None = None, *, workers: int = 4) -> None:
        self.world = world or World()
        self.machine = Machine()
        self.stop = Stop()
        self.events: list[Event] = []
        self.store = Store.memory(uuid="store-1", kinds=kinds)
        self.folder = Path(tempfile.mkdtemp(prefix="o-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.store.folder = str(self.folder)
        host = FakeHost(self.machine)
        self.means = Means(
            host,
            self.store,
            Locks(str(self.folder), host.clock, verb="test"),
            self.stop,
            on_event=self.events.append,
            kinds=kinds,
            drivers=lambda name: self.world,
            workers=workers,
        )

    def converge(self, service: Service | None, **more: Any) -> Result:
        goal: Goal = more.pop("goal", UP)
        work = Work("toys", service, goal, **more)
        return converge(work, self.means)

    def with_means(self, **more: Any) -> Bench:
        self.means = replace(self.means, **more)
        return self

    @property
    def owned(self) -> dict[str, Any]:
        return dict(self.store.ownership("toys").owned)


def became(result: Result) -> dict[str, Status]:
    """ "rid says" -> what became of it."""
    return {f"{outcome.step.rid} {outcome.step.action.says()}": outcome.status for outcome in result.outcomes}


def of(result: Result, name: str) -> Outcome:
    return next(outcome for outcome in result.outcomes if f"{outcome.step.rid} {outcome.step.action.says()}" == name)


__all__ = ["Bench", "Policy", "Selection", "World", "became", "of"]
