"""Optimum: the cheapest way to get a small service to its goal, found by trying every sequence of actions on an abstract machine.

The machine knows nothing of plans, edges and verdicts: only what each action does, what forbids it, and what it interrupts.
A service here has at most two filesystems (`root` holds the engine's data, `shared` is mounted into containers), one engine
and a few containers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias

Cost: TypeAlias = tuple[int, int]
"""What is interrupted, and how many steps it takes: the first counts more."""

_NEVER: Cost = (99, 99)


@dataclass(frozen=True)
class Mounted:
    """right: it is the device that is wanted. tuned: with the options that are wanted."""

    right: bool = True
    tuned: bool = True


@dataclass(frozen=True)
class Engine:
    """loaded: it has read its settings. args: it runs with the arguments that are wanted. blind: its data root went away."""

    up: bool = True
    loaded: bool = True
    args: bool = True
    blind: bool = False


@dataclass(frozen=True)
class Box:
    """A container. status: running, paused or down. right: made as is wanted. tuned: with the limit that is wanted.

    ran: it may hold something. blind: something that it sees was unmounted from under it.
    """

    name: str
    status: str = "running"
    right: bool = True
    tuned: bool = True
    ran: bool = True
    blind: bool = False


@dataclass(frozen=True)
class Place:
    """The whole machine. boxes: rid -> its containers. uses: the rids that see the shared filesystem (never changes)."""

    root: Mounted | None
    shared: Mounted | None
    engine: Engine
    boxes: tuple[tuple[str, frozenset[Box]], ...]


@dataclass(frozen=True)
class Aim:
    """up: the rids that are to run; the others are to be gone (pruned). down: everything is to be down. has: the filesystems."""

    up: frozenset[str]
    has: frozenset[str] = frozenset({"root", "shared"})
    uses: frozenset[str] = field(default_factory=frozenset)
    down: bool = False

    def reached(self, place: Place) -> bool:
        if self.down:
            alive = any(box.status != "down" for _, found in place.boxes for box in found)
            return not (alive or place.engine.up or place.root or place.shared)
        for name, mounted in (("root", place.root), ("shared", place.shared)):
            if name in self.has and mounted != Mounted():
                return False
        if place.engine != Engine():
            return False
        return all(found == (frozenset({Box("home")}) if rid in self.up else frozenset()) for rid, found in place.boxes)


def optimum(place: Place, aim: Aim, bound: Cost) -> Cost:
    """The cost of the cheapest way, or `bound` when there is none that costs less."""
    best: dict[Place, Cost] = {place: (0, 0)}
    order = count()
    heap = [(_at_least(place, aim), next(order), place)]
    while heap:
        estimate, _, here = heappop(heap)
        if estimate >= bound:
            break
        cost = best[here]
        if aim.reached(here):
            return cost
        for interrupts, there in _ways(here, aim):
            dearer = (cost[0] + interrupts, cost[1] + 1)
            if dearer < best.get(there, bound):
                best[there] = dearer
                heappush(heap, (_sum(dearer, _at_least(there, aim)), next(order), there))
    return bound


def _at_least(place: Place, aim: Aim) -> Cost:
    """What no way costs less than: each thing by itself, as if nothing were in its way."""
    total = _engine_alone(place.engine, aim.down)
    for name, mounted in (("root", place.root), ("shared", place.shared)):
        if name in aim.has:
            total = _sum(total, _mounted_alone(mounted, aim.down))
    for rid, found in place.boxes:
        total = _sum(total, _alone(found, rid in aim.up, aim.down))
    return total


def _mounted_alone(mounted: Mounted | None, down: bool) -> Cost:
    if mounted is None:
        return (0, 0) if down else (0, 1)
    if down:
        return (1, 1)
    return (0, int(not mounted.tuned)) if mounted.right else (1, 2)


def _engine_alone(engine: Engine, down: bool) -> Cost:
    if down or not engine.up:
        return (1, 1) if engine.up else (0, int(not down))
    return (0, int(not engine.loaded)) if engine.args and not engine.blind else (1, 2)


@cache
def _alone(found: frozenset[Box], wanted: bool, down: bool) -> Cost:
    aim = Aim(frozenset({"it"} if wanted else ()), frozenset(), down=down)
    order = count()
    best: dict[frozenset[Box], Cost] = {found: (0, 0)}
    heap = [((0, 0), next(order), found)]
    while heap:
        cost, _, here = heappop(heap)
        place = Place(None, None, Engine(), (("it", here),))
        if aim.reached(replace(place, engine=Engine(up=not down))):
            return cost
        for interrupts, there in _containers("it", here, place, aim):
            dearer = (cost[0] + interrupts, cost[1] + 1)
            if dearer < best.get(there, _NEVER):
                best[there] = dearer
                heappush(heap, (dearer, next(order), there))
    return _NEVER


def _sum(one: Cost, other: Cost) -> Cost:
    return one[0] + other[0], one[1] + other[1]


def _ways(place: Place, aim: Aim) -> Iterator[tuple[bool, Place]]:
    """(whether it interrupts something, what comes of it) of every action that nothing forbids."""
    yield from _filesystems(place, aim)
    yield from _engines(place, aim)
    if place.engine.up:
        for rid, found in place.boxes:
            for interrupts, now in _containers(rid, found, place, aim):
                yield interrupts, replace(place, boxes=tuple((one, now if one == rid else old) for one, old in place.boxes))


def _filesystems(place: Place, aim: Aim) -> Iterator[tuple[bool, Place]]:
    alive = {rid for rid, found in place.boxes if any(box.status != "down" for box in found)}
    if "root" in aim.has:
        if place.root is None:
            yield False, replace(place, root=Mounted())
        elif not place.engine.up and not alive:
            yield True, replace(place, root=None)
        if place.root is not None and not place.root.tuned:
            yield False, replace(place, root=replace(place.root, tuned=True))
    if "shared" in aim.has:
        if place.shared is None:
            yield False, replace(place, shared=Mounted())
        elif not alive & aim.uses:
            yield True, replace(place, shared=None)
        if place.shared is not None and not place.shared.tuned:
            yield False, replace(place, shared=replace(place.shared, tuned=True))


def _engines(place: Place, aim: Aim) -> Iterator[tuple[bool, Place]]:
    """An engine that ends leaves its containers running, and finds them again; but not on another data root."""
    engine = place.engine
    if engine.up:
        yield True, replace(place, engine=replace(engine, up=False))
        if not engine.loaded:
            yield False, replace(place, engine=replace(engine, loaded=True))
    elif "root" not in aim.has or (place.root is not None and place.root.right):
        yield False, replace(place, engine=Engine())


def _containers(rid: str, found: frozenset[Box], place: Place, aim: Aim) -> Iterator[tuple[bool, frozenset[Box]]]:
    """Two of the same never run at once; none starts without what it mounts; what ran is removed when its successor runs, or
    when none is wanted; a successor is told from its predecessor by its name, and so is what was replaced."""
    names = {box.name for box in found}
    ready = rid not in aim.uses or "shared" not in aim.has or place.shared is not None
    if rid in aim.up:
        free = [name for name in ("home", "new") if name not in names and (name == "new" or not found)]
        for name in free:
            yield False, found | {Box(name, "down", ran=False)}
    for box in found:
        rest = found - {box}
        if box.status == "down" and ready and not any(other.status != "down" for other in rest):
            yield False, rest | {replace(box, status="running", ran=True, blind=False)}
        if box.status == "paused":
            yield False, rest | {replace(box, status="running")}
        if box.status != "down":
            yield True, rest | {replace(box, status="down", blind=False)}
        for name in {"home", "aside"} - names:
            yield False, rest | {replace(box, name=name)}
        if not box.tuned:
            yield False, rest | {replace(box, tuned=True)}
        succeeded = box.name == "aside" and any(
            other.name == "home" and other.right and other.status == "running" for other in rest
        )
        if box.status == "down" and (not box.ran or succeeded or rid not in aim.up):
            yield False, rest
