"""layout: from the moves of every resource to the numbered steps of a plan. The edges between them are core/order.py's."""

from collections.abc import Mapping, Sequence

from reconciler.core.action import Slot
from reconciler.core.change import Cause, Verdict
from reconciler.core.draft import LEAVES, RISES, Draft
from reconciler.core.kind import ResourceKind
from reconciler.core.model import Model
from reconciler.core.observed import Present, Unknown
from reconciler.core.order import Placed, arrange, connect, dependents, needed_by
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
    last: dict[tuple[str, Slot], int] = {}
    unsure: set[int] = set()
    for rid, slot in arrange(placed, edges):
        draft = drafts[rid]
        after = tuple(sorted(last[block] for block in edges.after[rid, slot]))
        needs = tuple(sorted(last[block] for block in edges.needs[rid, slot]))
        for action in placed[rid].moves[slot]:
            n = len(steps) + 1
            provisional = draft.change.provisional or not unsure.isdisjoint(needs)
            if provisional:
                unsure.add(n)
            steps.append(
                Step(
                    n=n,
                    rid=rid,
                    slot=slot,
                    action=action,
                    after=past.next(after),
                    needs=needs,
                    reason=draft.change.reason,
                    repair=draft.change.cause is Cause.DRIFT and draft.change.verdict is not Verdict.REPLACE,
                    provisional=provisional,
                )
            )
            after = needs = (n,)
            last[rid, slot] = n
    users = needed_by(item for item in placed.values() if item.acts)
    lanes = tuple((rid, (rid, *dependents(rid, users))) for rid in edges.order if placed[rid].acts)
    return Plan(name, goal, tuple(drafts[rid].change for rid in edges.order), tuple(steps), lanes)


def _place(draft: Draft, service: Service | None, name: str) -> Placed:
    change, moves = draft.change, draft.all_moves(name)
    subset, parallel = among(draft, service)
    return Placed(
        rid=draft.rid,
        rank=draft.kind.rank,
        subset=subset,
        sequence=draft.kind.sequence(change.desired),
        parallel=parallel,
        needs=draft.needs,
        held=draft.held,
        claims=_claims(draft.kind, change.desired) if change.verdict in _TAKES else frozenset(),
        holds=_claims(draft.kind, draft.last) if any(moves) and isinstance(change.seen, Present) else frozenset(),
        moves=moves,
        leaves=change.verdict in LEAVES,
        gate=draft.gates,
        behind=draft.observed.behind or "" if isinstance(draft.observed, Unknown) else "",
    )


def among(draft: Draft, service: Service | None) -> tuple[str, bool]:
    """A resource's subset, and whether that one moves together: as its spec says, or as it was applied when that is gone."""
    if service is not None and draft.resource is not None:
        return draft.resource.subset, service.moves_together(draft.resource)
    return (draft.owned.subset, draft.owned.parallel) if draft.owned is not None else ("", False)


def _claims(kind: ResourceKind, desired: Model) -> frozenset[tuple[str, str, str]]:
    return frozenset((claim.kind, claim.scope, claim.key) for claim in kind.claims(desired))


class _Past:
    """What lies before each step, directly or not: bit n stands for step n."""

    def __init__(self) -> None:
        self._before = [0]

    def next(self, after: Sequence[int]) -> tuple[int, ...]:
        """Note the next step, which comes after these. Answers them without those that another of them already waits for."""
        known = these = 0
        for n in after:
            known |= self._before[n]
            these |= 1 << n
        self._before.append(known | these)
        return tuple(n for n in after if not known >> n & 1)
