"""layout: from the moves of every resource to the numbered steps of a plan. The edges between them are core/order.py's."""

from collections.abc import Mapping, Sequence

from reconciler.core.change import Cause, Verdict
from reconciler.core.draft import LEAVES, RISES, Draft
from reconciler.core.kind import ResourceKind
from reconciler.core.model import Model
from reconciler.core.observed import Present, Unknown
from reconciler.core.order import Block, Placed, arrange, connect, dependents, needed_by
from reconciler.core.plan import Plan, Step
from reconciler.core.policy import Goal
from reconciler.core.service import Service

_TAKES = RISES | {Verdict.LIVE}
"""What may take a claim."""


def lay_out(name: str, service: Service | None, goal: Goal, drafts: Mapping[str, Draft]) -> Plan:
    """The plan for these resources, once each has its verdict. Raises Cycle."""
    placed = {rid: _place(draft, service, name) for rid, draft in drafts.items()}
    edges = connect(placed)
    steps: list[Step] = []
    past = _Past()
    last: dict[Block, int] = {}
    unsure: set[int] = set()
    for block in arrange(placed, edges):
        rid, slot = block
        change, actions = drafts[rid].change, placed[rid].moves[slot]
        last[block] = end = len(steps) + len(actions)
        after = past.before(end, sorted([last[earlier] for earlier in edges.after[block]]))
        needs = tuple(sorted([last[earlier] for earlier in edges.needs[block]]))
        repair = change.cause is Cause.DRIFT and change.verdict is not Verdict.REPLACE
        provisional = change.provisional or not unsure.isdisjoint(needs)
        if provisional:
            unsure.add(end)
        for n, action in enumerate(actions, len(steps) + 1):
            steps.append(Step(n, rid, slot, action, after, needs, change.reason, repair, provisional))
            after = needs = (n,)
    moved = {rid for rid, _ in last}
    acting = [rid for rid in edges.order if rid in moved]
    users = needed_by(placed[rid] for rid in acting)
    lanes = tuple((rid, (rid, *dependents(rid, users))) for rid in acting)
    return Plan(name, goal, tuple(drafts[rid].change for rid in edges.order), tuple(steps), lanes)


def _place(draft: Draft, service: Service | None, name: str) -> Placed:
    kind, change, moves = draft.kind, draft.change, draft.all_moves(name)
    where = (draft.rid, kind.rank, *among(draft, service), kind.sequence(change.desired), draft.needs, draft.held)
    if not any(moves):
        return Placed(*where)
    return Placed(
        *where,
        moves=moves,
        claims=claims_of(kind, change.desired) if change.verdict in _TAKES else frozenset(),
        holds=claims_of(kind, draft.last) if isinstance(change.seen, Present) else frozenset(),
        leaves=change.verdict in LEAVES,
        gate=draft.gates,
        behind=draft.observed.behind or "" if isinstance(draft.observed, Unknown) else "",
    )


def among(draft: Draft, service: Service | None) -> tuple[str, bool]:
    """A resource's subset, and whether that one moves together: as its spec says, or as it was applied when that is gone."""
    if service is not None and draft.resource is not None:
        return draft.resource.subset, service.moves_together(draft.resource)
    return (draft.owned.subset, draft.owned.parallel) if draft.owned is not None else ("", False)


def claims_of(kind: ResourceKind, desired: Model) -> frozenset[tuple[str, str, str]]:
    """What a resource claims by this desired state, as the order compares it."""
    return frozenset((claim.kind, claim.scope, claim.key) for claim in kind.claims(desired))


class _Past:
    """Which blocks lie before each, directly or not. Each is known by its last step: bit n stands for step n."""

    def __init__(self) -> None:
        self._before: dict[int, int] = {}

    def before(self, last: int, after: Sequence[int]) -> tuple[int, ...]:
        """Note a block, by its last step, that comes after these. Answers them without those that another already waits for."""
        known = these = 0
        for n in after:
            known |= self._before[n]
            these |= 1 << n
        self._before[last] = known | these
        return tuple([n for n in after if not known >> n & 1])
