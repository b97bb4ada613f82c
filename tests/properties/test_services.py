"""Random services over the real types: every plan obeys the laws, touches what it must, and waits for what it cannot see."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.action import Effect, Slot
from reconciler.core.ban import Ban
from reconciler.core.change import Verdict
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.core.plan import Plan
from reconciler.core.planner import make_plan
from reconciler.core.policy import UP, Aim, Policy, Selection
from reconciler.core.simulate import simulate
from reconciler.resources.registry import kind_of
from tests.properties.effort import thorough
from tests.properties.laws import check_laws
from tests.properties.worlds import NAME, World, read, shuffled, worlds

ALICE = Ban("alice", datetime(2026, 1, 5, tzinfo=UTC))


def touched(plan: Plan) -> set[str]:
    return {step.rid for step in plan.steps}


def interrupted(plan: Plan) -> set[tuple[str, ...]]:
    return {step.key() for step in plan.disruptive}


@thorough(200)
@given(worlds())
def test_every_plan_obeys_the_laws(world: World) -> None:
    check_laws(
        world.plan(),
        world.service,
        world.goal,
        world.selection,
        world.observed,
        world.ownership,
        world.policy,
        kind_of,
    )


@thorough(100)
@given(worlds(), st.data())
def test_a_restart_obeys_the_laws_and_leaves_alone_what_a_person_disabled(world: World, data: Any) -> None:
    rids = sorted(world.service.resources) if world.service else []
    restarts, disabled = (frozenset(data.draw(st.sets(st.sampled_from(rids)) if rids else st.just(set()))) for _ in range(2))
    service = world.service.banned(dict.fromkeys(disabled, ALICE)) if world.service else None
    asked = (UP, world.selection, world.observed, world.ownership, world.policy)
    plan = make_plan(service, NAME, *asked, kind_of, restarts=restarts)
    check_laws(plan, service, *asked, kind_of)
    assert not touched(plan) & disabled
    for change in plan.changes:
        if change.reason == "asked for":
            assert {Slot.DOWN, Slot.UP} <= {step.slot for step in plan.steps if step.rid == change.rid} and change.rid in restarts


@thorough(100)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_what_comes_in_never_matters(world: World, rng: Any) -> None:
    turned = replace(
        world,
        service=None if world.service is None else read(shuffled(rng, world.text)),
        observed=shuffled(rng, world.observed),
        ownership=replace(world.ownership, owned=shuffled(rng, world.ownership.owned)),
    )
    assert turned.plan().digest == world.plan().digest


@thorough(100)
@given(worlds())
def test_what_osvc_does_not_own_and_nobody_named_is_never_touched(world: World) -> None:
    plan = world.plan()
    named = set(world.service.resources) if world.service else set()
    assert touched(plan) <= named | set(world.ownership.owned)
    for step in plan.steps:
        assert step.action.costs < Effect.DESTRUCTIVE
        seen, kind = world.observed[step.rid], kind_of(plan.change(step.rid).type)
        foreign = isinstance(seen, Present) and step.rid not in world.ownership.owned and not kind.ours(seen.state)
        if foreign and "adopt" not in world.policy.force:
            assert plan.change(step.rid).verdict in (Verdict.RESTART, Verdict.START), "only what is found as wanted is taken over"
    if not world.policy.prune:
        assert touched(plan) <= {rid for rid in world.observed if rid in named or _bounced(plan, rid)}


def _bounced(plan: Plan, rid: str) -> bool:
    return plan.change(rid).verdict in (Verdict.RESTART, Verdict.STOP)


@thorough(100)
@given(worlds(), st.data())
def test_what_cannot_be_seen_is_not_touched_and_makes_no_plan_worse(world: World, data: Any) -> None:
    rid = data.draw(st.sampled_from(sorted(world.observed)), label="out of sight")
    blind: dict[str, Observed] = {**world.observed, rid: Unknown("it cannot be seen")}
    plan = world.plan(observed=blind)
    assert rid not in touched(plan)
    assert interrupted(plan) <= interrupted(world.plan())


@thorough(100)
@given(worlds())
def test_a_selection_touches_only_what_it_must(world: World) -> None:
    """What was chosen, what that needs and is not up, what holds what falls; nothing that the whole plan would leave alone
    on its own account."""
    chosen = {rid for rid in world.observed if world.selection.takes(rid, rid.partition("#")[0])}
    plan, whole = world.plan(), world.plan(selection=Selection())
    for change in plan.changes:
        if change.rid in touched(plan) - chosen:
            added = change.added or change.reason.startswith(("holds ", "to reach "))
            assert added, f"{change.rid} was not chosen, and is touched: {change.reason}"
    later = {change.rid for change in whole.open}
    later |= {change.rid for change in plan.changes if any(change.reason.startswith(f"holds {rid}") for rid in later)}
    excess = touched(plan) - touched(whole) - later
    assert not excess, f"the whole plan leaves {excess} alone"


@thorough(100)
@given(worlds())
def test_a_service_that_is_stopped_is_down_in_the_end(world: World) -> None:
    plan = world.plan(goal=replace(world.goal, aim=Aim.DOWN), selection=Selection(), policy=Policy())
    stuck = {change.rid for change in plan.open}
    if stuck or any(step.provisional for step in plan.steps):
        return
    for rid, seen in simulate(plan, world.observed).items():
        kind = kind_of(plan.change(rid).type)
        ours = rid in world.ownership.owned or (isinstance(seen, Present) and kind.ours(seen.state))
        wanted = world.service is not None and rid in world.service.resources
        goes = plan.change(rid).aim is Aim.DOWN and not plan.change(rid).common.idle
        if isinstance(seen, Present) and ours and wanted and goes and kind.manages(plan.change(rid).desired):
            assert not kind.holds(seen.state), f"{rid} is up still"


@thorough(100)
@given(worlds())
def test_a_machine_as_wanted_is_left_alone(world: World) -> None:
    """What a first apply leads to needs no step, whatever was there before, and whatever a run may do."""
    if world.service is None:
        return
    fresh: dict[str, Observed] = {}
    for rid, seen in world.observed.items():
        if rid in world.service.resources:
            fresh[rid] = seen if rid == "dockerd" and isinstance(seen, Present) and not seen.state.private else _nothing(rid, seen)
    clean = replace(world, observed=fresh, ownership=replace(world.ownership, owned={}), goal=UP, selection=Selection())
    plan = clean.plan()
    if plan.open:
        return
    assert not plan.disruptive
    done = replace(clean, observed=simulate(plan, fresh))
    assert not done.plan().steps and not done.plan(policy=Policy(prune=True)).steps


def _nothing(rid: str, seen: Observed) -> Observed:
    if isinstance(seen, Unknown):
        return seen
    return Absent(seen.around)
