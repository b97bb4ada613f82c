"""order: which step comes after which, and why. Every edge between steps is made here and nowhere else.

Rules (architecture, section 6), each a function below:
  U1 up of X after up of what X needs          U2 down of X, and a new up of X, after down of whatever holds X now
  U3 live of X after up of what X needs        U4 prepare of X after up of what X needs, when that moves
  S1 the slots of one resource in sequence: prepare, down, live, up, commit (U4 lifts prepare over down)
  U5 down of X after up of what X is unknown behind
  U6 down of X after prepare of what it holds on to now, when that goes away: it is made fit to let go first
  C1 an old claimant goes before a new one comes
  P1 what interrupts, of any resource, after prepare of whatever is fetched from outside: it may not come
  T1 between types and subsets: up in order, down in reverse       T2 members of one subset: up in sequence unless parallel
     (both are defaults: what something else has to be reached behind, by U5, does not wait for what comes after that)
  T3 up of what comes after a gate, by T1 or T2, needs up of the gate: one that is to be well before anything follows
  K1 commit after everything that may still fail
A NEED edge carries failure (the later step is pointless without the earlier); a SEQUENCE edge does not.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import field
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any, Final, TypeVar

from reconciler.core.action import Effect, Slot
from reconciler.core.facts import Bond
from reconciler.core.ids import natural
from reconciler.core.kind import Moves
from reconciler.core.lazy import dataclass

Block = tuple[str, Slot]
"""The actions of one resource in one slot."""

N = TypeVar("N")

_SLOTS: Final = tuple(Slot)
_STAYS: Final = Moves()


class Cycle(Exception):
    """Resources that need each other in a circle; `path` starts and ends with the same rid."""

    def __init__(self, path: Sequence[str]) -> None:
        super().__init__(" → ".join(path))
        self.path = tuple(path)


@dataclass(slots=True)
class Placed:
    """A resource as the order sees it. Nobody changes one.

    needs: rid -> bond, as it will be. held: the same as things run now. moves: what is done to it. Of what does not move no more
    is asked than this. claims, holds: the claims it will have, and has now. leaves: it is going away for good (stop, remove).
    behind: what has to come up before this can be reached at all, to be taken down. gate: what comes after waits for it to be well.
    """

    rid: str
    rank: int
    subset: str = ""
    parallel: bool = False
    sequence: tuple[Any, ...] = ()
    needs: Mapping[str, Bond] = field(default_factory=dict)
    held: Mapping[str, Bond] = field(default_factory=dict)
    moves: Moves = _STAYS
    claims: frozenset[tuple[str, str, str]] = frozenset()
    holds: frozenset[tuple[str, str, str]] = frozenset()
    leaves: bool = False
    behind: str = ""
    gate: bool = False

    @property
    def group(self) -> tuple[int, str]:
        return (self.rank, self.subset)

    def blocks(self) -> tuple[Block, ...]:
        return tuple([(self.rid, slot) for slot in _SLOTS if self.moves[slot]])

    def has(self, slot: Slot) -> bool:
        return bool(self.moves[slot])

    @property
    def acts(self) -> bool:
        """Whether anything is done to it."""
        return any(self.moves)

    def ready(self) -> Block | None:
        """The block after which the resource is up, if anything is done to bring it there."""
        if self.moves.up:
            return (self.rid, Slot.UP)
        return (self.rid, Slot.LIVE) if self.moves.live else None


@dataclass(slots=True)
class Edges:
    """block -> the blocks that come first; NEED edges are among `needs` too. order: in which the resources come up."""

    order: tuple[str, ...] = ()
    after: dict[Block, set[Block]] = field(default_factory=dict)
    needs: dict[Block, set[Block]] = field(default_factory=dict)

    def need(self, later: Block, earlier: Block) -> None:
        self.sequence(later, earlier)
        self.needs[later].add(earlier)

    def sequence(self, later: Block, *earlier: Block) -> None:
        """No block comes after itself."""
        after = self.after[later]
        after.update(earlier)
        after.discard(later)

    def later_than(self, *blocks: Block) -> set[Block]:
        """Every block that comes after one of these, directly or not."""
        behind: dict[Block, list[Block]] = {}
        for later, before in self.after.items():
            for earlier in before:
                behind.setdefault(earlier, []).append(later)
        found: set[Block] = set()
        todo = [*blocks]
        while todo:
            fresh = [later for later in behind.get(todo.pop(), ()) if later not in found]
            found.update(fresh)
            todo.extend(fresh)
        return found


def in_turn(nodes: Iterable[N], waits: Mapping[N, Collection[N]], key: Callable[[N], Any]) -> list[N]:
    """The nodes, each after those that it waits for; of what is ready the one with the least key comes first.

    Left out are those that wait for each other in a circle, and whatever waits for them.
    """
    order = sorted(nodes, key=key)
    done: set[N] = set()
    for node in order:
        if not done.issuperset(waits[node]):
            break
        done.add(node)
    else:
        return order
    place = {node: n for n, node in enumerate(order)}
    missing = [len(waits[node]) for node in order]
    behind: list[list[int]] = [[] for _ in order]
    for n, node in enumerate(order):
        for other in waits[node]:
            behind[place[other]].append(n)
    ready = [n for n, count in enumerate(missing) if not count]
    turn: list[N] = []
    while ready:
        n = heappop(ready)
        turn.append(order[n])
        for later in behind[n]:
            missing[later] -= 1
            if not missing[later]:
                heappush(ready, later)
    return turn


def line_up(placed: Mapping[str, Placed], *, now: bool = False) -> tuple[str, ...]:
    """The order in which resources come up: needs first, then type, subset, the type's own sequence, natural rid.

    now: by the edges as they run now (for going down). Raises Cycle.
    """
    waits = {rid: item.held if now else item.needs for rid, item in placed.items()}

    def key(rid: str) -> tuple[Any, ...]:
        item = placed[rid]
        return (item.rank, natural(item.subset), item.sequence, natural(rid), rid)

    order = in_turn(placed, waits, key)
    if len(order) < len(placed):
        raise Cycle(_circle(_stuck(waits, order)))
    return tuple(order)


def _stuck(waits: Mapping[N, Collection[N]], done: Collection[N]) -> dict[N, set[N]]:
    """What was left out of the order, and what of that it waits for."""
    left = waits.keys() - set(done)
    return {node: left.intersection(waits[node]) for node in left}


def _circle(waits: Mapping[str, set[str]]) -> list[str]:
    rid = min(waits, key=natural)
    path: list[str] = []
    while rid not in path:
        path.append(rid)
        rid = min((other for other in waits[rid] if other in waits), key=natural)
    return [*path[path.index(rid) :], rid]


def connect(placed: Mapping[str, Placed]) -> Edges:
    """Every edge between the blocks of these resources. Raises Cycle."""
    ups = line_up(placed)
    as_now = any(item.held is not item.needs for item in placed.values())
    downs = (line_up(placed, now=True) if as_now else ups)[::-1]
    edges = Edges(ups)
    acting = {rid: item for rid, item in placed.items() if item.acts}
    for item in acting.values():
        for block in item.blocks():
            edges.after[block] = set()
            edges.needs[block] = set()
    for item in acting.values():
        _slots(item, acting, edges)
        _needs(item, acting, edges)
    _holders(acting, edges)
    _claimants(acting, edges)
    _stages(_staged(ups, placed, acting), Slot.UP, acting, edges)
    _stages(_staged(downs, placed, acting), Slot.DOWN, acting, edges)
    _commits(acting, edges)
    _fetches(acting, edges)
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
    """U2, U5 and U6."""
    for item in placed.values():
        _commit_holds(item, placed, edges)
        if not item.has(Slot.DOWN):
            continue
        for rid in item.held:
            other = placed.get(rid)
            if other is not None and other.leaves and other.has(Slot.PREPARE) and not _moving_needs(other, placed):
                edges.sequence((item.rid, Slot.DOWN), (rid, Slot.PREPARE))
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


Stage = tuple[tuple[int, str], dict[str, None]]
"""A group, and those of its members that may move together, in order."""


def _staged(order: Iterable[str], placed: Mapping[str, Placed], acting: Collection[str]) -> list[Stage]:
    """Consecutive resources that may move together: members of a parallel subset; every other resource stands alone, and is left
    out where it does not move."""
    stages: list[Stage] = []
    for rid in order:
        item = placed[rid]
        if not item.parallel and rid not in acting:
            continue
        if item.parallel and stages and stages[-1][0] == item.group and stages[-1][1].keys().isdisjoint(item.needs):
            stages[-1][1][rid] = None
        else:
            stages.append((item.group, {rid: None}))
    return stages


def _stages(stages: list[Stage], slot: Slot, placed: Mapping[str, Placed], edges: Edges) -> None:
    """T1, T2 and T3. Members of one group that only restart or are replaced go down each on its own: a change to fifty
    containers is no reason to have fifty of them down at once."""
    barrier: list[Block] = []
    """What the whole group comes after: the end of the group before."""
    tail: list[Block] = []
    doors = {(item.behind, Slot.UP) for item in placed.values() if item.behind and item.has(Slot.DOWN)}
    gates: list[Block] = []
    group: tuple[int, str] | None = None
    for stage_group, rids in stages:
        blocks = [(rid, slot) for rid in rids if rid in placed and placed[rid].has(slot)]
        if not blocks:
            continue
        if stage_group != group:
            group, barrier, tail = stage_group, tail, []
        chained = slot is Slot.UP or all(placed[rid].leaves for rid, _ in blocks)
        for block in blocks:
            first = edges.later_than(block) if block in doors else ()
            for earlier in tail if chained and tail else barrier:
                if earlier not in first:
                    edges.sequence(block, earlier)
            for gate in gates if slot is Slot.UP else ():
                if gate not in first:
                    edges.need(block, gate)
        gates = [block for block in blocks if placed[block[0]].gate] or gates
        if chained:
            tail = blocks
        else:
            tail.extend(blocks)


def _commits(placed: Mapping[str, Placed], edges: Edges) -> None:
    """K1. What is removed for good (no up of its own) needs no waiting for others' ups."""
    ups = [(item.rid, slot) for item in placed.values() for slot in (Slot.LIVE, Slot.UP) if item.has(slot)]
    earlier = {block for later in ups for block in edges.after[later]}
    last = [block for block in ups if block not in earlier]
    for item in placed.values():
        if item.has(Slot.COMMIT) and not item.leaves:
            edges.sequence((item.rid, Slot.COMMIT), *last)


def _fetches(placed: Mapping[str, Placed], edges: Edges) -> None:
    """P1. What can be fetched only behind something that interrupts (an engine that restarts) is left where it is."""
    fetched = [
        (item.rid, Slot.PREPARE) for item in placed.values() if any(action.brings is not None for action in item.moves.prepare)
    ]
    if not fetched:
        return
    cuts = [block for block in edges.after if any(action.costs is not Effect.SAFE for action in placed[block[0]].moves[block[1]])]
    late = {*cuts, *edges.later_than(*cuts)}
    for block in fetched:
        if block not in late:
            for cut in cuts:
                edges.sequence(cut, block)


def arrange(placed: Mapping[str, Placed], edges: Edges) -> tuple[Block, ...]:
    """A legal order of the blocks, the same for the same input. Of what is ready: preparations first, so that nothing is
    down for longer than it must; then resource by resource; commits last. Raises Cycle."""
    place = {rid: n for n, rid in enumerate(edges.order)}

    def key(block: Block) -> tuple[bool, bool, int, int, str]:
        rid, slot = block
        falls = slot is Slot.DOWN and placed[rid].leaves
        commits = slot is Slot.COMMIT and not placed[rid].leaves
        return (commits, slot is not Slot.PREPARE, -place[rid] if falls else place[rid], slot, rid)

    order = in_turn(edges.after, edges.after, key)
    if len(order) < len(edges.after):
        stuck = _stuck(edges.after, order)
        raise Cycle(_circle({_name(block): {_name(other) for other in earlier} for block, earlier in stuck.items()}))
    return tuple(order)


def _name(block: Block) -> str:
    return f"{block[0]} {block[1].name.lower()}"


def needed_by(items: Iterable[Placed]) -> Mapping[str, Sequence[str]]:
    """rid -> which of these resources need it, now or then."""
    found: dict[str, list[str]] = {}
    for item in items:
        for rid in {*item.needs, *item.held}:
            found.setdefault(rid, []).append(item.rid)
    return found


def dependents(rid: str, needed_by: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """What needs `rid`, directly or not; in natural order."""
    found = {rid}
    todo = [rid]
    while todo:
        for other in needed_by.get(todo.pop(), ()):
            if other not in found:
                found.add(other)
                todo.append(other)
    return tuple(sorted(found - {rid}, key=natural))
