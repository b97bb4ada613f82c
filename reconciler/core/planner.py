"""make_plan: from what is wanted, seen and owned to the ordered steps for one service. Pure; the only planner.

Up, down, partial verbs and pruning all go through here; they differ in goal and selection only. The stages, in order:
diff every resource → select → hold back what waits for something refused → bounce what is held → moves → edges → steps.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.action import Slot
from reconciler.core.change import Cause, Change, Verdict
from reconciler.core.diff import diff_down, diff_up
from reconciler.core.facts import Bond, Fact
from reconciler.core.ids import natural
from reconciler.core.kind import Moves, ResourceKind
from reconciler.core.model import Model
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.core.order import Placed, Providers, arrange, connect, dependents, match, needed_by
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.plan import Plan, Step
from reconciler.core.policy import Aim, Goal, Policy, Selection
from reconciler.core.service import Resource, Service

ACTS = frozenset({Verdict.CREATE, Verdict.START, Verdict.LIVE, Verdict.RESTART, Verdict.REPLACE, Verdict.STOP, Verdict.REMOVE})
_RISES = frozenset({Verdict.CREATE, Verdict.START, Verdict.RESTART, Verdict.REPLACE})
_FALLS = frozenset({Verdict.RESTART, Verdict.REPLACE, Verdict.STOP, Verdict.REMOVE})
_QUIET = frozenset({Verdict.KEEP, Verdict.LIVE, Verdict.ADOPT})
_GOES = {
    Verdict.CREATE: "comes anew",
    Verdict.START: "comes up",
    Verdict.RESTART: "restarts",
    Verdict.REPLACE: "is replaced",
    Verdict.STOP: "is stopped",
    Verdict.REMOVE: "is removed",
}
_LEAVES = frozenset({Verdict.STOP, Verdict.REMOVE})
_TAKES = _RISES | {Verdict.LIVE}
"""What may take a claim."""


@dataclass(slots=True)
class _Draft:
    """One resource on its way through the stages. Only `change` is replaced as they go, once all are wired.

    needs: what it will need. held: what it needs as it runs now. holders: those that it is held by.
    """

    rid: str
    kind: ResourceKind
    resource: Resource | None
    owned: Owned | None
    observed: Observed
    change: Change
    needs: dict[str, Bond] = field(default_factory=dict)
    held: dict[str, Bond] = field(default_factory=dict)
    holders: "list[_Draft]" = field(default_factory=list)

    @property
    def is_up(self) -> bool:
        """As observed, or as assumed."""
        seen = self.change.seen
        return isinstance(seen, Present) and self.kind.is_up(seen.state)

    @property
    def holds(self) -> bool:
        """Whether it keeps what it needs in use, and its verdict would leave it so."""
        seen, verdict = self.change.seen, self.change.verdict
        if not isinstance(seen, Present) or not self.kind.holds(seen.state):
            return False
        return verdict in _QUIET or (verdict is Verdict.START and not self.is_up)

    @property
    def last(self) -> Model:
        """The desired state by which it runs now, as far as is known."""
        if self.owned is not None:
            return self.owned.applied or self.owned.wanted
        return self.change.desired

    @property
    def moves(self) -> Moves:
        return self.kind.moves(self.change) if self.change.verdict in ACTS else Moves()

    def turn(self, verdict: Verdict, reason: str, *, remedy: str = "", cause: Cause | None = None) -> None:
        self.change = replace(
            self.change, verdict=verdict, reason=reason, remedy=remedy or self.change.remedy, cause=cause or self.change.cause
        )

    def leave(self, reason: str) -> None:
        """Whatever it is like, nothing is to be done to it."""
        self.change = replace(self.change, verdict=Verdict.KEEP, reason=reason, fields=(), cause=None, remedy="")


def make_plan(
    service: Service | None,
    name: str,
    goal: Goal,
    selection: Selection,
    observed: Mapping[str, Observed],
    ownership: Ownership,
    policy: Policy,
    kinds: Callable[[str], ResourceKind],
) -> Plan:
    """The plan for one service.

    service: None when only the store knows it (its spec is gone). observed: rid -> what was seen, for every resource of the
    service and every owned one. kinds: type name -> its pure half. Raises Cycle when resources need each other in a circle.
    """
    drafts = _drafts(service, goal, observed, ownership, policy, kinds)
    _wire(drafts)
    _select(drafts, goal, selection)
    _reach(drafts)
    _settle(drafts, goal, service)
    return _lay_out(name, service, goal, drafts)


def _drafts(
    service: Service | None,
    goal: Goal,
    observed: Mapping[str, Observed],
    ownership: Ownership,
    policy: Policy,
    kinds: Callable[[str], ResourceKind],
) -> dict[str, _Draft]:
    wanted = dict(service.resources) if service is not None else {}
    drafts: dict[str, _Draft] = {}
    coming = _coming(wanted, observed, kinds)
    for rid in sorted({*wanted, *ownership.owned}, key=natural):
        resource, owned = wanted.get(rid), ownership.owned.get(rid)
        moved = resource is not None and owned is not None and owned.type != resource.type
        if resource is None or moved:
            assert owned is not None
            kind = kinds(owned.type)
            change = _orphan(kind, rid, observed[rid], owned, policy)
        else:
            kind = kinds(resource.type)
            if goal.aim is not Aim.DOWN:
                expected = _expected(kind, resource.desired, observed[rid], coming)
                change = diff_up(kind, rid, resource.desired, expected, owned, policy)
                change = change if expected is observed[rid] else replace(change, observed=observed[rid])
            else:
                last = (owned.applied or owned.wanted) if owned else resource.desired
                change = diff_down(kind, rid, last, observed[rid], owned, remove=False)
        drafts[rid] = _Draft(rid, kind, resource, owned, observed[rid], change)
    for draft in drafts.values():
        _quiet_when_idle(draft)
    return drafts


def _coming(wanted: Mapping[str, Resource], observed: Mapping[str, Observed], kinds: Callable[[str], ResourceKind]) -> Providers:
    """What is provided by resources that are not up."""
    found: list[tuple[Fact, str]] = []
    for rid, resource in wanted.items():
        kind, seen = kinds(resource.type), observed[rid]
        if not (isinstance(seen, Present) and isinstance(seen.state, kind.state) and kind.is_up(seen.state)):
            found.extend((fact, rid) for fact in kind.provides(resource.desired))
    return Providers(found)


def _expected(kind: ResourceKind, desired: Model, seen: Observed, coming: Providers) -> Observed:
    """An observation as it counts: what is absent, and lacks only what another resource brings, is as good as behind that one."""
    if not isinstance(seen, Absent) or not coming:
        return seen
    objection = kind.objection(*kind.settle(desired, None, seen.around), seen.around)
    if objection is None or objection.awaits is None:
        return seen
    rid = coming.of(objection.awaits.fact)
    return seen if rid is None else Unknown(objection.reason, rid, Absent(objection.awaits.around), f"comes with {rid}")


def _orphan(kind: ResourceKind, rid: str, observed: Observed, owned: Owned, policy: Policy) -> Change:
    """What osvc made and no spec names any more."""
    change = diff_down(kind, rid, owned.applied or owned.wanted, observed, owned, remove=True)
    if policy.prune:
        return change
    return replace(change, verdict=Verdict.KEEP, reason="no longer in the spec; left alone", remedy="osvc plan --prune")


def _quiet_when_idle(draft: _Draft) -> None:
    """A resource that is down already has no moves, for there is nothing to stop; and one that may stay where it is."""
    change = draft.change
    if change.verdict is Verdict.STOP and _idle(draft.moves):
        draft.turn(Verdict.KEEP, "stays as it is" if draft.is_up else "is down")
    elif change.verdict is Verdict.REMOVE and _idle(draft.moves):
        draft.turn(Verdict.RELEASE, "stays as it is" if draft.is_up else "nothing of it is left")


def _idle(moves: Moves) -> bool:
    return not any(moves)


def _wire(drafts: Mapping[str, _Draft]) -> None:
    """Who needs whom, as it will be and as it runs now."""
    edited = [draft for draft in drafts.values() if draft.last != draft.change.desired]
    will = Providers((fact, draft.rid) for draft in drafts.values() for fact in draft.kind.provides(draft.change.desired))
    now = Providers((fact, draft.rid) for draft in drafts.values() for fact in draft.kind.provides(draft.last)) if edited else will
    for draft in drafts.values():
        draft.needs = _match(draft, draft.change.desired, will)
        draft.held = _match(draft, draft.last, now) if edited else draft.needs
        for rid in draft.held:
            drafts[rid].holders.append(draft)


def _match(draft: _Draft, desired: Model, providers: Providers) -> dict[str, Bond]:
    found = match(draft.kind.needs(desired), providers)
    found.pop(draft.rid, None)
    return found


def _select(drafts: Mapping[str, _Draft], goal: Goal, selection: Selection) -> None:
    """Leave everything else alone, but for what the selection cannot do without: what it needs, or what holds it."""
    if goal.aim is Aim.NONE:
        for draft in drafts.values():
            draft.leave(goal.reason)
        return
    if selection.everything:
        return
    taken = {rid for rid, draft in drafts.items() if selection.takes(rid, draft.change.type)}
    why: dict[str, str] = {}
    todo = sorted(taken, key=natural)
    while todo:
        rid = todo.pop(0)
        if goal.aim is Aim.UP:
            others = [other for other in drafts[rid].needs if not drafts[other].is_up]
            clause = "needs it"
        else:
            others = [draft.rid for draft in drafts[rid].holders if draft.change.verdict in ACTS]
            clause = "lies under it"
        for other in sorted(others, key=natural):
            if other not in taken:
                taken.add(other)
                why[other] = f"{rid} {clause}" if goal.aim is Aim.UP else f"{other} holds {rid}"
                todo.append(other)
    for rid, draft in drafts.items():
        if rid not in taken:
            draft.leave("not selected")
        elif rid in why and draft.change.verdict in ACTS:
            draft.turn(draft.change.verdict, f"added: {why[rid]}; {draft.change.reason}")


def _reach(drafts: Mapping[str, _Draft]) -> None:
    """What has to go down but lies behind something that is down itself is reached first: a service whose engine is
    dead has its engine started, its containers stopped, and its engine stopped again (private-engine.md, 6)."""
    for draft in drafts.values():
        change = draft.change
        if change.verdict not in _LEAVES or not isinstance(draft.observed, Unknown):
            continue
        door = drafts.get(draft.observed.behind or "")
        if door is None or door.is_up or door.change.verdict in _RISES:
            continue
        if not draft.is_up:
            _leave_behind(draft, door)
            continue
        desired = door.resource.desired if door.resource else door.last
        raised = diff_up(door.kind, door.rid, desired, door.observed, door.owned, Policy())
        door.change = replace(raised, reason=f"to reach {draft.rid}, which still runs") if raised.verdict in ACTS else raised


def _leave_behind(draft: _Draft, door: _Draft) -> None:
    """What is down behind something that stays down is not worth bringing that up for: it goes when that comes up, or,
    when that is given up itself, stays with its data."""
    if draft.change.verdict is not Verdict.REMOVE or not door.kind.manages(door.change.desired):
        return
    if door.change.verdict in (Verdict.RELEASE, Verdict.REMOVE):
        draft.turn(Verdict.RELEASE, f"is down, and stays with the data behind {door.rid}, which goes")
    elif door.change.verdict in (Verdict.KEEP, Verdict.STOP):
        draft.turn(Verdict.KEEP, f"no longer in the spec; goes when {door.rid} is up")


def _settle(drafts: Mapping[str, _Draft], goal: Goal, service: Service | None) -> None:
    """Hold back and bounce until nothing changes any more. Each pass only moves a verdict towards DEFER or RESTART."""
    gates = [draft for draft in drafts.values() if draft.kind.gates(draft.change.desired)] if goal.aim is Aim.UP else []
    moved = True
    while moved:
        held_back = [_hold_back(draft, drafts) for draft in drafts.values()]
        kept_out = [_keep_out(draft, gates, service) for draft in drafts.values()] if gates else []
        bounced = [_bounce(draft, goal) for draft in drafts.values()]
        moved = any(held_back) or any(kept_out) or any(bounced)


def _keep_out(draft: _Draft, gates: Sequence[_Draft], service: Service | None) -> bool:
    """Nothing comes up after a gate (core/order, T3) that is not well and will not be tried."""
    if draft.change.verdict not in _RISES:
        return False
    for gate in gates:
        stuck = gate.change.verdict in (Verdict.REFUSE, Verdict.DEFER) and not gate.is_up
        if stuck and _comes_after(draft, gate, service):
            draft.turn(Verdict.DEFER, f"waits for {gate.rid}, which {_stands(gate)}", remedy=gate.change.remedy or "osvc status")
            return True
    return False


def _comes_after(draft: _Draft, gate: _Draft, service: Service | None) -> bool:
    """By their place in the order alone (core/order, T1 and T2)."""
    (subset, together), (before, _) = _among(draft, service), _among(gate, service)
    groups = (draft.kind.rank, natural(subset)), (gate.kind.rank, natural(before))
    if groups[0] != groups[1]:
        return groups[0] > groups[1]
    places = ((one.kind.sequence(one.change.desired), natural(one.rid)) for one in (draft, gate))
    return not together and next(places) > next(places)


def _hold_back(draft: _Draft, drafts: Mapping[str, _Draft]) -> bool:
    """Nothing comes up on something that will not be up; nothing goes down under something that must not be touched."""
    if draft.change.verdict in _RISES:
        for rid in draft.needs:
            other = drafts[rid]
            stuck = other.change.verdict in (Verdict.REFUSE, Verdict.DEFER)
            absent = other.change.verdict is Verdict.KEEP and not other.is_up
            if (stuck or absent) and not other.is_up:
                draft.turn(Verdict.DEFER, f"waits for {rid}, which {_stands(other)}", remedy=other.change.remedy or "osvc status")
                return True
    if draft.change.verdict in _FALLS:
        for other in draft.holders:
            if other.change.verdict is Verdict.REFUSE and other.is_up:
                draft.turn(
                    Verdict.DEFER,
                    f"{other.rid} holds it and must not be touched: {other.change.reason}",
                    remedy=other.change.remedy,
                )
                return True
            if _lingers(other, draft.rid):
                draft.turn(Verdict.DEFER, f"{other.rid} is down, but still holds it; it comes up first", remedy="osvc apply")
                return True
    return False


def _lingers(draft: _Draft, rid: str) -> bool:
    """Whether a resource that is down, and is about to come up, left something behind that holds `rid` all the same: taking it
    down properly would still take a step."""
    if draft.held.get(rid) is not Bond.HOLD or draft.change.verdict is not Verdict.START:
        return False
    return bool(draft.kind.moves(replace(draft.change, verdict=Verdict.RESTART)).down)


def _stands(draft: _Draft) -> str:
    if draft.change.verdict is Verdict.REFUSE:
        return "is refused"
    if draft.change.verdict is Verdict.KEEP:
        return "is down" if draft.resource is not None else "is down, and no longer in the spec"
    return "is not known" if isinstance(draft.observed, Unknown) and draft.observed.assume is None else "has to wait itself"


def _bounce(draft: _Draft, goal: Goal) -> bool:
    """HOLD: what this change takes from under others sends them down first, and up again after."""
    change = draft.change
    if not (change.verdict in _FALLS or change.verdict in (Verdict.CREATE, Verdict.START)):
        return False
    if not draft.kind.releases(change.desired, change):
        return False
    moved = False
    for other in draft.holders:
        if other.held[draft.rid] is not Bond.HOLD or not other.holds:
            continue
        leaving = goal.aim is Aim.DOWN or other.resource is None
        reason = f"holds {draft.rid}, which {_GOES[change.verdict]}"
        other.turn(Verdict.STOP if leaving else Verdict.RESTART, reason, cause=change.cause)
        if _idle(other.moves):
            other.turn(Verdict.DEFER, f"{reason}, but cannot be bounced")
        moved = True
    return moved


def _claims(kind: ResourceKind, desired: Model) -> frozenset[tuple[str, str, str]]:
    return frozenset((claim.kind, claim.scope, claim.key) for claim in kind.claims(desired))


def _among(draft: _Draft, service: Service | None) -> tuple[str, bool]:
    """A resource's subset, and whether that one moves together: as its spec says, or as it was applied when that is gone."""
    if service is not None and draft.resource is not None:
        return draft.resource.subset, service.moves_together(draft.resource)
    return (draft.owned.subset, draft.owned.parallel) if draft.owned is not None else ("", False)


def _place(draft: _Draft, service: Service | None) -> Placed:
    change, moves = draft.change, draft.moves
    subset, parallel = _among(draft, service)
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
        leaves=change.verdict in _LEAVES,
        gate=draft.kind.gates(change.desired),
        behind=draft.observed.behind or "" if isinstance(draft.observed, Unknown) else "",
    )


def _lay_out(name: str, service: Service | None, goal: Goal, drafts: Mapping[str, _Draft]) -> Plan:
    placed = {rid: _place(draft, service) for rid, draft in drafts.items()}
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


class _Past:
    """What lies before each step, directly or not: bit n stands for step n."""

    def __init__(self) -> None:
        self._before = [0]

    def next(self, after: Sequence[int]) -> tuple[int, ...]:
        """Note the next step, which comes after these. Answers them without those that another of them already waits for."""
        known = 0
        for n in after:
            known |= self._before[n]
        self._before.append(known | sum(1 << n for n in after))
        return tuple(n for n in after if not known >> n & 1)


def assumed(observed: Mapping[str, Observed]) -> dict[str, Observed]:
    """The same observations with every assumption taken as seen; unknown ones without an assumption are left out."""
    taken: dict[str, Observed] = {}
    for rid, seen in observed.items():
        if isinstance(seen, (Present, Absent)):
            taken[rid] = seen
        elif seen.assume is not None:
            taken[rid] = seen.assume
    return taken
