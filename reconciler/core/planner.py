"""make_plan: from what is wanted, seen and owned to the ordered steps for one service. Pure; the only planner.

Up, down, partial verbs and pruning all go through here; they differ in goal and selection only. The stages, in order: diff every
resource → what is asked of it besides (core/asked) → select → hold back what waits for something refused → bounce what is held →
moves → edges → steps.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from reconciler.core.asked import destroy, leave_alone, restart, spare
from reconciler.core.change import Change, Verdict, takes
from reconciler.core.common import PLAIN
from reconciler.core.diff import diff_down, diff_up
from reconciler.core.draft import ACTS, FALLS, LEAVES, RISES, Draft
from reconciler.core.facts import Bond, Fact
from reconciler.core.ids import natural
from reconciler.core.kind import Moves, ResourceKind
from reconciler.core.layout import among, lay_out
from reconciler.core.model import Model, changed
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.place import makes_way, vacated
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim, Goal, Policy, Selection
from reconciler.core.providers import Providers, match
from reconciler.core.selected import taken_along
from reconciler.core.service import Resource, Service
from reconciler.core.standing import standing

_GOES = {
    Verdict.CREATE: "comes anew",
    Verdict.START: "comes up",
    Verdict.RESTART: "restarts",
    Verdict.REPLACE: "is replaced",
    Verdict.STOP: "is stopped",
    Verdict.REMOVE: "is removed",
    Verdict.DESTROY: "is destroyed",
}

_TAKES = FALLS | {Verdict.CREATE, Verdict.START}
"""What may take from under others what they hold."""

_STUCK = frozenset({Verdict.DEFER, Verdict.REFUSE})
_STILL = _STUCK | {Verdict.KEEP}

_NOBODY: Final[Mapping[str, str]] = {}


def make_plan(
    service: Service | None,
    name: str,
    goal: Goal,
    selection: Selection,
    observed: Mapping[str, Observed],
    ownership: Ownership,
    policy: Policy,
    kinds: Callable[[str], ResourceKind],
    spared: Mapping[str, str] = _NOBODY,
    restarts: Collection[str] = (),
) -> Plan:
    """The plan for one service.

    service: None when only the store knows it (its spec is gone). observed: rid -> what was seen, for every resource of the
    service and every owned one. kinds: type name -> its pure half. spared: rid -> why it is not tried now, as a clause.
    restarts: the rids that go down and come up again although nothing of them differs.
    Raises Cycle when resources need each other in a circle.
    """
    stands = standing(service, goal, selection, kinds)
    drafts = _drafts(service, name, goal, stands, observed, ownership, policy, kinds)
    restart(drafts, restarts)
    spare(drafts, spared)
    destroy(drafts, selection, policy)
    _wire(drafts)
    _select(drafts, goal, stands, selection)
    _reach(drafts)
    _settle(drafts, service)
    return lay_out(name, service, goal, drafts)


def _drafts(
    service: Service | None,
    name: str,
    goal: Goal,
    stands: Collection[str],
    observed: Mapping[str, Observed],
    ownership: Ownership,
    policy: Policy,
    kinds: Callable[[str], ResourceKind],
) -> dict[str, Draft]:
    wanted = dict(service.resources) if service is not None else {}
    drafts: dict[str, Draft] = {}
    coming = _coming(wanted, observed, kinds)
    for rid in sorted({**wanted, **ownership.owned}, key=natural):
        resource, owned, seen, occupied = wanted.get(rid), ownership.owned.get(rid), observed[rid], None
        moved = resource is not None and owned is not None and owned.type != resource.type
        if resource is None or moved:
            assert owned is not None
            kind, ban = kinds(owned.type), ownership.ban(rid)
            common = owned.common.orphaned if ban is None else changed(owned.common.orphaned, disable=True)
            change = _orphan(kind, rid, seen, owned, policy, ownership.yielded.get(rid, ""))
        else:
            kind, ban, common = kinds(resource.type), resource.ban, resource.in_force
            if goal.aim is not Aim.DOWN or rid in stands:
                expected = _expected(kind, rid, resource.desired, seen, coming, policy) if coming else seen
                change = diff_up(kind, rid, resource.desired, expected, owned, policy)
                if expected is not seen:
                    change = change._replace(observed=seen)
                if change.verdict is Verdict.REFUSE:
                    change, occupied = vacated(kind, change, owned, policy)
            else:
                last = (owned.applied or owned.wanted) if owned else resource.desired
                change = diff_down(kind, rid, last, seen, owned, remove=False)
        subset = resource.subset if resource is not None and not moved else owned.subset if owned is not None else ""
        if common is not PLAIN or subset:
            change = change._replace(common=common, subset=subset, ban=ban)
        differs = bool(change.fields) and change.verdict is not Verdict.KEEP
        draft = drafts[rid] = Draft(rid, kind, resource, owned, seen, change, differs, occupied=occupied)
        if common is not PLAIN:
            leave_alone(draft, name)
        if draft.change.verdict in LEAVES:
            _quiet_when_done(draft)
        if goal.aim is Aim.DOWN:
            _stay_up(draft)
    return drafts


def _coming(wanted: Mapping[str, Resource], observed: Mapping[str, Observed], kinds: Callable[[str], ResourceKind]) -> Providers:
    """What is provided by resources that are not up: nothing that matters where none is absent (_expected)."""
    found: list[tuple[Fact, str]] = []
    for rid, resource in wanted.items() if Absent in map(type, observed.values()) else ():
        kind, seen = kinds(resource.type), observed[rid]
        if not resource.in_force.idle and not (
            isinstance(seen, Present) and isinstance(seen.state, kind.state) and kind.is_up(seen.state)
        ):
            found.extend((fact, rid) for fact in kind.provides(resource.desired))
    return Providers(found)


def _expected(kind: ResourceKind, rid: str, desired: Model, seen: Observed, coming: Providers, policy: Policy) -> Observed:
    """An observation as it counts: what is absent, and lacks only what another resource brings, is as good as behind that one. What
    would be refused even then may be there after all."""
    if not isinstance(seen, Absent):
        return seen
    objection = kind.objection(*kind.settle(desired, None, seen.around), seen.around)
    if objection is None or objection.awaits is None:
        return seen
    other = coming.of(objection.awaits.fact, rid)
    if other is None:
        return seen
    around = objection.awaits.around
    still = kind.objection(*kind.settle(desired, None, around), around)
    if still is not None and still.permission not in policy.force:
        return Unknown(f"it is seen once {other} is up", other)
    return Unknown(objection.reason, other, Absent(around), f"comes with {other}")


def _stay_up(draft: Draft) -> None:
    """What stands by in a stopped service says so."""
    change = draft.change
    if change.aim is Aim.UP and change.verdict is Verdict.KEEP and not draft.idle:
        draft.turn(Verdict.KEEP, "standby: stays up" if change.common.standby else "stays up under what is on standby")


def _orphan(kind: ResourceKind, rid: str, observed: Observed, owned: Owned, policy: Policy, heir: str) -> Change:
    """What osvc made and its spec names no more. heir: the service whose it is now, or ""."""
    change = diff_down(kind, rid, owned.applied or owned.wanted, observed, owned, remove=True)
    if policy.prune and heir:
        return change._replace(verdict=Verdict.RELEASE, reason=f"is {heir}'s now; stays as it is", cause=None, remedy="")
    if policy.prune:
        return change
    return change._replace(verdict=Verdict.KEEP, reason="no longer in the spec; left alone", remedy="osvc plan --prune")


def _quiet_when_done(draft: Draft) -> None:
    """A resource that is down already has no moves, for there is nothing to stop; and one that may stay where it is."""
    change = draft.change
    if change.verdict is Verdict.STOP and _idle(draft.moves):
        draft.turn(Verdict.KEEP, "stays as it is" if draft.is_up else "is down")
    elif change.verdict is Verdict.REMOVE and _idle(draft.moves):
        draft.turn(Verdict.RELEASE, "stays as it is" if draft.is_up else "nothing of it is left")


def _idle(moves: Moves) -> bool:
    return not any(moves)


def _wire(drafts: Mapping[str, Draft]) -> None:
    """Who needs whom, as it will be and as it runs now. What a disabled one provides is the machine's own affair."""
    sides = [(draft, draft.kind, draft.change.desired, draft.last) for draft in drafts.values()]
    provide = [side for side in sides if not side[0].change.common.disable]
    facts = [(fact, draft.rid) for draft, kind, desired, _ in provide for fact in kind.provides(desired)]
    facts_now = [(fact, draft.rid) for draft, kind, _, last in provide for fact in kind.provides(last)]
    will = Providers(facts)
    now = will if facts_now == facts else Providers(facts_now)
    for draft, kind, desired, last in sides:
        needs, needs_now = kind.needs(desired), kind.needs(last)
        draft.needs = match(needs, will, draft.rid)
        draft.held = draft.needs if now is will and needs_now == needs else match(needs_now, now, draft.rid)
        for rid in draft.held:
            drafts[rid].holders.append(draft)


def _select(drafts: Mapping[str, Draft], goal: Goal, stands: Collection[str], selection: Selection) -> None:
    """Leave everything else alone, but for what the selection cannot do without: what it needs, or what holds it."""
    if goal.aim is Aim.NONE:
        for rid in drafts.keys() - stands:
            drafts[rid].leave(goal.alone)
            drafts[rid].change = drafts[rid].change._replace(aim=Aim.NONE)
    if selection.everything:
        return
    taken = {draft.rid for draft in drafts.values() if takes(selection, draft.change)}
    added = taken_along(taken, lambda rid: _indispensable(drafts[rid], drafts))
    for rid, draft in drafts.items():
        if rid in added and draft.change.verdict in ACTS:
            whose = added[rid]
            why = f"{whose} needs it" if drafts[whose].change.aim is Aim.UP else f"it holds {whose}"
            draft.change = draft.change._replace(added=why)
        elif rid not in taken and rid not in added:
            whole = draft.change
            draft.leave("not selected")
            draft.change = draft.change._replace(unselected=whole)


def _indispensable(draft: Draft, drafts: Mapping[str, Draft]) -> list[str]:
    """What it cannot rise, or fall, without."""
    if draft.change.aim is Aim.UP:
        return [rid for rid in draft.needs if not drafts[rid].is_up or draft.lacks(drafts[rid])]
    return [other.rid for other in draft.holders if other.change.verdict in ACTS]


def _reach(drafts: Mapping[str, Draft]) -> None:
    """What has to go down but lies behind something that is down itself is reached first: a service whose engine is
    dead has its engine started, its containers stopped, and its engine stopped again (private-engine.md, 6)."""
    for draft in drafts.values():
        change = draft.change
        if change.verdict not in LEAVES or not isinstance(draft.observed, Unknown):
            continue
        door = drafts.get(draft.observed.behind or "")
        if door is None or door.is_up or door.change.verdict in RISES:
            continue
        if not draft.is_up:
            _leave_behind(draft, door)
            continue
        desired = door.resource.desired if door.resource else door.last
        raised = diff_up(door.kind, door.rid, desired, door.observed, door.owned, Policy())
        reason = f"to reach {draft.rid}, which still runs" if raised.verdict in ACTS else raised.reason
        was = door.change
        door.change = raised._replace(reason=reason, aim=was.aim, common=was.common, subset=was.subset)


def _leave_behind(draft: Draft, door: Draft) -> None:
    """What is down behind something that stays down is not worth bringing that up for: it goes when that comes up, or,
    when that is given up itself, stays with its data."""
    if draft.change.verdict is not Verdict.REMOVE or not door.kind.manages(door.change.desired):
        return
    if door.change.verdict in (Verdict.RELEASE, Verdict.REMOVE):
        draft.turn(Verdict.RELEASE, f"is down, and stays with the data behind {door.rid}, which goes")
    elif door.change.verdict in (Verdict.KEEP, Verdict.STOP):
        draft.turn(Verdict.KEEP, f"no longer in the spec; goes when {door.rid} is up")


def _settle(drafts: Mapping[str, Draft], service: Service | None) -> None:
    """Hold back and bounce until nothing changes any more. Each pass only moves a verdict towards DEFER or RESTART; what was
    bounced for what is put off after all goes back, once for each that it holds."""
    every = drafts.values()
    moved = True
    while moved:
        held_back = [_hold_back(draft, drafts) for draft in every if draft.change.verdict in ACTS]
        stuck = any(draft.change.verdict in _STUCK for draft in every)
        gates = [draft for draft in every if draft.change.aim is Aim.UP and draft.gates] if stuck else []
        kept_out = [_keep_out(draft, gates, service) for draft in every if draft.change.verdict in RISES] if gates else []
        bounced = [_bounce(draft) for draft in every if draft.change.verdict in _TAKES]
        moved = any(held_back) or any(kept_out) or any(bounced) or any(_leave_in_peace(draft) for draft in every if draft.bounced)


def _leave_in_peace(draft: Draft) -> bool:
    """Of what was bounced."""
    assert draft.bounced is not None
    whose, before = draft.bounced
    if draft.change.verdict not in FALLS or whose.change.verdict in _TAKES:
        return False
    draft.change, draft.bounced = before, None
    return True


def _keep_out(draft: Draft, gates: Sequence[Draft], service: Service | None) -> bool:
    """Nothing comes up after a gate (core/order, T3) that is not well and will not be tried."""
    for gate in gates:
        if gate.change.verdict in _STUCK and not gate.is_up and _comes_after(draft, gate, service):
            draft.turn(Verdict.DEFER, f"waits for {gate.rid}, which {_stands(gate)}", remedy=gate.change.remedy or "osvc status")
            return True
    return False


def _comes_after(draft: Draft, gate: Draft, service: Service | None) -> bool:
    """By their place in the order alone (core/order, T1 and T2)."""
    (subset, together), (before, _) = among(draft, service), among(gate, service)
    groups = (draft.kind.rank, natural(subset)), (gate.kind.rank, natural(before))
    if groups[0] != groups[1]:
        return groups[0] > groups[1]
    places = ((one.kind.sequence(one.change.desired), natural(one.rid)) for one in (draft, gate))
    return not together and next(places) > next(places)


def _hold_back(draft: Draft, drafts: Mapping[str, Draft]) -> bool:
    """Nothing comes up on something that will not be up, or not where it is needed; nothing goes down under something that must not
    be touched, nor under what waits."""
    if draft.change.verdict in RISES:
        if draft.occupied is not None and draft.occupied.occupant is not None:
            occupant = drafts[draft.occupied.occupant.rid]
            if not makes_way(occupant, draft):
                remedy = occupant.change.remedy or draft.occupied.remedy
                draft.turn(Verdict.REFUSE, draft.occupied.reason, remedy=remedy)
                return True
        for rid in draft.needs:
            other = drafts[rid]
            if other.change.verdict not in _STILL or (other.is_up and not draft.lacks(other)):
                continue
            reason, remedy = f"waits for {rid}, which {_stands(other)}", other.change.remedy or "osvc status"
            if draft.is_up:
                draft.pin(reason, remedy)
            else:
                draft.turn(Verdict.DEFER, reason, remedy=remedy)
            return True
    if draft.change.verdict in FALLS:
        for other in draft.holders:
            if other.change.verdict is Verdict.REFUSE and other.is_up:
                draft.pin(f"{other.rid} holds it and must not be touched: {other.change.reason}", other.change.remedy)
                return True
            if other.pinned and other.is_up and other.held[draft.rid] is Bond.HOLD:
                draft.pin(f"{other.rid} holds it: {other.change.reason}", other.change.remedy)
                return True
            if _lingers(other, draft.rid):
                draft.turn(Verdict.DEFER, f"{other.rid} is down, but still holds it; it comes up first", remedy="osvc apply")
                return True
    return False


def _lingers(draft: Draft, rid: str) -> bool:
    """Whether a resource that is down, and is about to come up, left something behind that holds `rid` all the same: taking it
    down properly would still take a step."""
    if draft.held.get(rid) is not Bond.HOLD or draft.change.verdict is not Verdict.START:
        return False
    return bool(draft.kind.moves(draft.change._replace(verdict=Verdict.RESTART)).down)


def _stands(draft: Draft) -> str:
    if draft.change.verdict is Verdict.REFUSE:
        return "is refused"
    if draft.change.verdict is Verdict.KEEP:
        if draft.is_up:
            return f"stays as it was: {draft.change.reason}"
        return "is down" if draft.resource is not None else "is down, and no longer in the spec"
    return "is not known" if isinstance(draft.observed, Unknown) and draft.observed.assume is None else "has to wait itself"


def _bounce(draft: Draft) -> bool:
    """HOLD: what this change takes from under others sends them down first, and up again after; what is not selected as its spec
    has it, where that takes it down anyway."""
    change = draft.change
    if not draft.kind.releases(change.desired, change):
        return False
    moved = False
    holders = [other for other in draft.holders if other.held[draft.rid] is Bond.HOLD and other.holds]
    for other in holders:
        if other.change.aim is Aim.NONE:
            draft.pin(
                f"{other.rid} holds it, and is left alone: {other.change.reason}", "osvc start or osvc stop the service first"
            )
            return True
        if other.idle:
            what = "disable" if other.change.common.disable else "tags"
            free = other.change.remedy or f"take {what} out of its spec"
            remedy = f"stop {other.rid} by other means, or {free}"
            draft.pin(f"{other.rid} holds it, and is {other.change.reason}", remedy)
            return True
        whole = other.change.unselected
        if whole is not None and whole.verdict in (Verdict.REFUSE, Verdict.DEFER):
            if change.verdict in FALLS:
                draft.pin(f"{other.rid} holds it and must not be touched: {whole.reason}", whole.remedy)
                return True
            holders = [one for one in holders if one is not other]
    for other in holders:
        other.bounced = draft, other.change
        leaving = other.change.aim is Aim.DOWN
        whole = other.change.unselected
        if whole is not None and whole.verdict in RISES:
            other.change = whole._replace(added=f"it holds {draft.rid}")
            moved = True
            if whole.verdict in FALLS:
                continue
        reason = f"holds {draft.rid}, which {_GOES[change.verdict]}"
        other.turn(Verdict.STOP if leaving else Verdict.RESTART, reason, cause=change.cause)
        if _idle(other.moves):
            other.turn(Verdict.DEFER, f"{reason}, but cannot be bounced")
        moved = True
    return moved
