"""order: which step comes after which, and why. Every edge between steps is made here and nowhere else.

Rules (architecture, section 6), each a function below:
  U1 up of X after up of what X needs          U2 down of X, and a new up of X, after down of whatever holds X now
  U3 live of X after up of what X needs        U4 prepare of X after up of what X needs, when that moves
  S1 the slots of one resource in sequence: prepare, down, live, up, commit (U4 lifts prepare over down)
  U5 down of X after up of what X is unknown behind
  C1 an old claimant goes before a new one comes
  T1 between types and subsets: up in order, down in reverse       T2 members of one subset: up in sequence unless parallel
  K1 commit after everything that may still fail
A NEED edge carries failure (the later step is pointless without the earlier); a SEQUENCE edge does not.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import Any

from reconciler.core.action import Slot
from reconciler.core.facts import Bond, Fact, Kind, Need, holds_path
from reconciler.core.ids import natural
from reconciler.core.kind import Moves

Block = tuple[str, Slot]
"""The actions of one resource in one slot."""


class Cycle(Exception):
    """Resources that need each other in a circle; `path` starts and ends with the same rid."""

    def __init__(self, path: Sequence[str]) -> None:
        super().__init__(" → ".join(path))
        self.path = tuple(path)


@dataclass(frozen=True, slots=True)
class Placed:
    """A resource as the order sees it.

    needs: rid -> bond, as it will be. held: the same as things run now. moves: what is done to it.
    claims, holds: the claims it will have, and has now. leaves: it is going away for good (stop, remove).
    behind: what has to come up before this can be reached at all, to be taken down.
    """

    rid: str
    rank: int
    subset: str = ""
    sequence: tuple[Any, ...] = ()
    parallel: bool = False
    needs: Mapping[str, Bond] = field(default_factory=dict)
    held: Mapping[str, Bond] = field(default_factory=dict)
    claims: frozenset[tuple[str, str, str]] = frozenset()
    holds: frozenset[tuple[str, str, str]] = frozenset()
    moves: Moves = field(default_factory=Moves)
    leaves: bool = False
    behind: str = ""

    @property
    def group(self) -> tuple[int, str]:
        return (self.rank, self.subset)

    def blocks(self) -> tuple[Block, ...]:
        return tuple((self.rid, slot) for slot in Slot if getattr(self.moves, slot.name.lower()))

    def has(self, slot: Slot) -> bool:
        return bool(getattr(self.moves, slot.name.lower()))

    def ready(self) -> Block | None:
        """The block after which the resource is up, if anything is done to bring it there."""
        return next(((self.rid, slot) for slot in (Slot.UP, Slot.LIVE) if self.has(slot)), None)


@dataclass(slots=True)
class Edges:
    """block -> the blocks that come first; NEED edges are among `needs` too."""

    after: dict[Block, set[Block]] = field(default_factory=dict)
    needs: dict[Block, set[Block]] = field(default_factory=dict)

    def need(self, later: Block, earlier: Block) -> None:
        self.sequence(later, earlier)
        self.needs[later].add(earlier)

    def sequence(self, later: Block, earlier: Block) -> None:
        if earlier != later:
            self.after[later].add(earlier)


def match(needs: Iterable[Need], providers: Mapping[Fact, str]) -> dict[str, Bond]:
    """rid -> bond of the resources that provide what is needed. A path is provided by the deepest mount that holds it;
    a fact that no resource of the service provides is the machine's own."""
    mounts = [(fact.key, rid) for fact, rid in providers.items() if fact.kind is Kind.MOUNT]
    found: dict[str, Bond] = {}
    for need in needs:
        if need.fact.kind is Kind.PATH:
            under = [(mount, rid) for mount, rid in mounts if holds_path(mount, need.fact.key)]
            rid = max(under, key=lambda pair: len(pair[0]))[1] if under else None
        else:
            rid = providers.get(need.fact)
        if rid is not None:
            found[rid] = Bond.HOLD if need.bond is Bond.HOLD else found.get(rid, need.bond)
    return found


def line_up(placed: Mapping[str, Placed], *, now: bool = False) -> tuple[str, ...]:
    """The order in which resources come up: needs first, then type, subset, the type's own sequence, natural rid.

    now: by the edges as they run now (for going down). Raises Cycle.
    """

    def wants(item: Placed) -> Iterable[str]:
        return (rid for rid in (item.held if now else item.needs) if rid in placed and rid != item.rid)

    waits = {rid: set(wants(item)) for rid, item in placed.items()}
    behind: dict[str, list[str]] = {rid: [] for rid in placed}
    for rid, needed in waits.items():
        for other in needed:
            behind[other].append(rid)

    def key(rid: str) -> tuple[Any, ...]:
        item = placed[rid]
        return (item.rank, natural(item.subset), item.sequence, natural(rid), rid)

    heap = [key(rid) for rid, needed in waits.items() if not needed]
    heapify(heap)
    order: list[str] = []
    while heap:
        rid = heappop(heap)[-1]
        order.append(rid)
        for other in behind[rid]:
            waits[other].discard(rid)
            if not waits[other]:
                heappush(heap, key(other))
    if len(order) < len(placed):
        raise Cycle(_circle({rid: needed for rid, needed in waits.items() if needed}))
    return tuple(order)


def _circle(waits: Mapping[str, set[str]]) -> list[str]:
    rid = min(waits, key=natural)
    path: list[str] = []
    while rid not in path:
        path.append(rid)
        rid = min((other for other in waits[rid] if other in waits), key=natural)
    return [*path[path.index(rid) :], rid]


def connect(placed: Mapping[str, Placed]) -> Edges:
    """Every edge between the blocks of these resources. Raises Cycle."""
    edges = Edges()
    for item in placed.values():
        for block in item.blocks():
            edges.after[block] = set()
            edges.needs[block] = set()
    ups, downs = line_up(placed), tuple(reversed(line_up(placed, now=True)))
    for item in placed.values():
        _slots(item, placed, edges)
        _needs(item, placed, edges)
    _holders(placed, edges)
    _claimants(placed, edges)
    _stages(_staged(ups, placed), Slot.UP, placed, edges)
    _stages(_staged(downs, placed), Slot.DOWN, placed, edges)
    _commits(placed, edges)
    return edges


def _slots(item: Placed, placed: Mapping[str, Placed], edges: Edges) -> None:
    """S1. When a need moves, prepare stands after the need's up, and so cannot come before this resource's own down."""
    blocks = list(item.blocks())
    if item.has(Slot.PREPARE) and item.has(Slot.DOWN) and _moving_needs(item, placed):
        prepare, down = (item.rid, Slot.PREPARE), (item.rid, Slot.DOWN)
        blocks.remove(prepare)
        after_down = next((block for block in blocks if block[1] > Slot.DOWN), None)
        edges.need(prepare, down)
        if after_down:
            edges.need(after_down, prepare)
    for earlier, later in pairwise(blocks):
        edges.need(later, earlier)


def _moving_needs(item: Placed, placed: Mapping[str, Placed]) -> list[Block]:
    return [ready for rid in item.needs if rid in placed and (ready := placed[rid].ready())]


def _needs(item: Placed, placed: Mapping[str, Placed], edges: Edges) -> None:
    """U1, U3, U4."""
    for ready in _moving_needs(item, placed):
        for slot in (Slot.PREPARE, Slot.LIVE, Slot.UP):
            if item.has(slot):
                edges.need((item.rid, slot), ready)


def _holders(placed: Mapping[str, Placed], edges: Edges) -> None:
    """U2 and U5."""
    for item in placed.values():
        _commit_holds(item, placed, edges)
        if not item.has(Slot.DOWN):
            continue
        for rid in item.held:
            other = placed.get(rid)
            for slot in (Slot.DOWN, Slot.UP):
                if other is None or not other.has(slot):
                    continue
                if slot is Slot.UP and item.behind == rid:
                    edges.need((item.rid, Slot.DOWN), (rid, slot))
                else:
                    edges.need((rid, slot), (item.rid, Slot.DOWN))


def _commit_holds(item: Placed, placed: Mapping[str, Placed], edges: Edges) -> None:
    """What is removed for good is removed while what it needs is still up."""
    if not item.leaves or not item.has(Slot.COMMIT):
        return
    for rid in item.held:
        other = placed.get(rid)
        if other is not None and other.has(Slot.DOWN):
            edges.need((rid, Slot.DOWN), (item.rid, Slot.COMMIT))


def _claimants(placed: Mapping[str, Placed], edges: Edges) -> None:
    """C1."""
    holders: dict[tuple[str, str, str], list[Placed]] = {}
    for item in placed.values():
        for claim in item.holds:
            holders.setdefault(claim, []).append(item)
    for item in placed.values():
        for claim in item.claims:
            for other in holders.get(claim, ()):
                if other.rid == item.rid or not (
                    gone := [block for block in other.blocks() if block[1] in (Slot.DOWN, Slot.COMMIT)]
                ):
                    continue
                if other.leaves:
                    for block in item.blocks():
                        if block[1] in (Slot.PREPARE, Slot.LIVE, Slot.UP):
                            edges.need(block, gone[-1])
                elif item.has(Slot.UP) and other.has(Slot.DOWN):
                    edges.need((item.rid, Slot.UP), (other.rid, Slot.DOWN))


def _staged(order: Iterable[str], placed: Mapping[str, Placed]) -> list[tuple[tuple[int, str], list[str]]]:
    """Consecutive resources that may move together: members of a parallel subset; every other resource stands alone."""
    stages: list[tuple[tuple[int, str], list[str]]] = []
    for rid in order:
        item = placed[rid]
        if stages and item.parallel and stages[-1][0] == item.group and not set(item.needs) & set(stages[-1][1]):
            stages[-1][1].append(rid)
        else:
            stages.append((item.group, [rid]))
    return stages


def _stages(stages: list[tuple[tuple[int, str], list[str]]], slot: Slot, placed: Mapping[str, Placed], edges: Edges) -> None:
    """T1 and T2. Members of one group that only restart or are replaced go down each on its own: a change to fifty
    containers is no reason to have fifty of them down at once."""
    barrier: list[Block] = []
    """What the whole group comes after: the end of the group before."""
    tail: list[Block] = []
    group: tuple[int, str] | None = None
    for stage_group, rids in stages:
        blocks = [(rid, slot) for rid in rids if placed[rid].has(slot)]
        if not blocks:
            continue
        if stage_group != group:
            group, barrier, tail = stage_group, tail, []
        chained = slot is Slot.UP or all(placed[rid].leaves for rid, _ in blocks)
        for block in blocks:
            for earlier in tail if chained and tail else barrier:
                edges.sequence(block, earlier)
        tail = blocks if chained else [*tail, *blocks]


def _commits(placed: Mapping[str, Placed], edges: Edges) -> None:
    """K1. What is removed for good (no up of its own) needs no waiting for others' ups."""
    ups = [(item.rid, slot) for item in placed.values() for slot in (Slot.LIVE, Slot.UP) if item.has(slot)]
    earlier = {block for later in ups for block in edges.after[later]}
    last = [block for block in ups if block not in earlier]
    for item in placed.values():
        if item.has(Slot.COMMIT) and not item.leaves:
            for block in last:
                edges.sequence((item.rid, Slot.COMMIT), block)


def arrange(placed: Mapping[str, Placed], edges: Edges) -> tuple[Block, ...]:
    """A legal order of the blocks, the same for the same input. Of what is ready: preparations first, so that nothing is
    down for longer than it must; then resource by resource; commits last. Raises Cycle."""
    place = {rid: n for n, rid in enumerate(line_up(placed))}
    waits = {block: set(earlier) for block, earlier in edges.after.items()}
    behind: dict[Block, list[Block]] = {block: [] for block in waits}
    for block, earlier in waits.items():
        for other in earlier:
            behind[other].append(block)

    def key(block: Block) -> tuple[bool, bool, int, int, str]:
        rid, slot = block
        falls = slot is Slot.DOWN and placed[rid].leaves
        commits = slot is Slot.COMMIT and not placed[rid].leaves
        return (commits, slot is not Slot.PREPARE, -place[rid] if falls else place[rid], slot, rid)

    by_key = {key(block): block for block in waits}
    heap = [key(block) for block, earlier in waits.items() if not earlier]
    heapify(heap)
    order: list[Block] = []
    while heap:
        block = by_key[heappop(heap)]
        order.append(block)
        for later in behind[block]:
            waits[later].discard(block)
            if not waits[later]:
                heappush(heap, key(later))
    if len(order) < len(waits):
        names = {_name(block): {_name(other) for other in earlier} for block, earlier in waits.items() if earlier}
        raise Cycle(_circle(names))
    return tuple(order)


def _name(block: Block) -> str:
    return f"{block[0]} {block[1].name.lower()}"


def dependents(rid: str, placed: Mapping[str, Placed], among: Collection[str]) -> tuple[str, ...]:
    """What needs `rid`, now or then, directly or not, among these rids; in natural order."""
    found: set[str] = set()
    todo = [rid]
    while todo:
        current = todo.pop()
        for item in placed.values():
            if item.rid in among and item.rid not in found and item.rid != rid and (current in item.needs or current in item.held):
                found.add(item.rid)
                todo.append(item.rid)
    return tuple(sorted(found, key=natural))
