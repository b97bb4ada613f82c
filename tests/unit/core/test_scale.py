"""Planning takes work in proportion to what is planned: calls are counted, not seconds."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Snapshot
from reconciler.core.order import in_turn
from reconciler.core.policy import Aim, Goal, Selection
from reconciler.core.simulate import simulate
from reconciler.report.plan_text import plan_text
from tests.unit.core.toys import ToyDesired, absent, owned, plan_toys, service, up

DOWN = Goal(Aim.DOWN)


def calls(work):
    """How many functions, methods and generators are entered while `work` runs."""
    entered = 0

    def count(frame, event, argument):
        nonlocal entered
        entered += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return entered


def stack(count, **changes):
    """Boxes on one daemon on one mount."""
    boxes = {f"box_{n}": ToyDesired(needs=("e",), **changes) for n in range(count)}
    return service(mount_1=ToyDesired(gives="m"), daemon_1=ToyDesired(needs=("m",), gives="e"), **boxes)


def everything(spec, **changes):
    return {rid: up(resource.desired, **changes if rid.startswith("box") else {}) for rid, resource in spec.resources.items()}


PLANS = {
    "nothing to do": lambda was, now: plan_toys(was, everything(was), owned(was)),
    "all new": lambda was, now: plan_toys(was, {rid: absent() for rid in was.resources}),
    "all replaced": lambda was, now: plan_toys(now, everything(was), owned(was)),
    "all down": lambda was, now: plan_toys(was, everything(was), owned(was), DOWN),
    "all start": lambda was, now: plan_toys(was, everything(was, up=False), owned(was)),
    "selected": lambda was, now: plan_toys(was, everything(was), owned(was), DOWN, Selection(("mount",))),
}


@pytest.mark.parametrize("name", PLANS)
def test_eight_times_the_resources_take_eight_times_the_work(name):
    few, many = [(stack(count), stack(count, replace=1)) for count in (25, 200)]
    PLANS[name](*many)  # what is kept from run to run is kept
    assert calls(lambda: PLANS[name](*many)) < 8.8 * calls(lambda: PLANS[name](*few))


def test_so_does_the_text_of_a_plan():
    few, many = [plan_toys(stack(count), {rid: absent() for rid in stack(count).resources}) for count in (25, 200)]
    assert calls(lambda: plan_text(many)) < 8.8 * calls(lambda: plan_text(few))


def test_and_finding_a_change_in_a_plan():
    plan = plan_toys(stack(200), {rid: absent() for rid in stack(200).resources})
    assert calls(lambda: [plan.change(change.rid) for change in plan.changes]) < 3 * len(plan.changes)
    assert all(plan.change(change.rid) is change for change in plan.changes)
    with pytest.raises(KeyError):
        plan.change("box#no")


def test_a_snapshot_is_parted_by_service_once():
    snapshot = Snapshot({ResourceId(f"s{n}", "box#1"): absent() for n in range(200)})
    assert calls(lambda: [snapshot.of(f"s{n}") for n in range(200)]) < 1000
    assert snapshot.of("s7") == {"box#1": absent()} and snapshot.of("other") == {}


def test_a_step_waits_for_no_more_than_it_must():
    """The 200th box comes up after the 199th alone: whatever is before that is before it as well."""
    plan = plan_toys(stack(200), {rid: absent() for rid in stack(200).resources})
    assert max(len(step.after) for step in plan.steps if step.slot.name == "UP") <= 2
    assert all(change.rid in simulate(plan, {rid: absent() for rid in stack(200).resources}) for change in plan.changes)


@given(
    st.integers(0, 12).flatmap(
        lambda n: st.tuples(st.permutations(range(n)), st.sets(st.tuples(*[st.integers(0, max(n - 1, 0))] * 2)))
    )
)
def test_in_turn_takes_the_least_of_what_is_ready_again_and_again(given_):
    keys, pairs = given_
    waits = {node: {earlier for later, earlier in pairs if later == node and earlier != node} for node in range(len(keys))}
    expected = []
    while ready := [node for node in waits if node not in expected and waits[node] <= set(expected)]:
        expected.append(min(ready, key=keys.__getitem__))
    assert in_turn(range(len(keys)), waits, keys.__getitem__) == expected


def test_in_turn_leaves_out_what_waits_for_itself():
    assert in_turn("a", {"a": ["a"]}, str) == []
