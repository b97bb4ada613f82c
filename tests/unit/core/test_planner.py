"""The planner: verdicts, selection, holding back, bouncing, order; each rule by the smallest toy that shows it."""

import dataclasses
from dataclasses import replace

import pytest

from reconciler.core.action import Slot
from reconciler.core.change import Cause, Verdict
from reconciler.core.common import Common
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.core.order import Cycle
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.policy import Aim, Goal, Policy, Selection
from tests.properties.laws import check_laws
from tests.unit.core.toys import ToyAround, ToyDesired, ToyState, absent, kinds, line, owned, plan_toys, service, up

DOWN = Goal(Aim.DOWN, "alice")


def verdicts(plan):
    return {change.rid: change.verdict for change in plan.changes}


def planned(spec, observed, ownership=None, goal=None, selection=None, policy=None):
    """Plan, and hold the plan to the four laws."""
    args = (goal or Goal(), selection or Selection(), observed, ownership or Ownership("store"), policy or Policy())
    plan = plan_toys(spec, args[2], args[3], args[0], args[1], args[4])
    check_laws(plan, spec, *args, kinds)
    return plan


STACK = service(
    disk_1=ToyDesired(gives="d"),
    mount_1=ToyDesired(needs=("d",), gives="m"),
    daemon_1=ToyDesired(needs=("m",), gives="e"),
    box_1=ToyDesired(needs=("e",)),
    box_2=ToyDesired(needs=("e",)),
    box_10=ToyDesired(needs=("e",)),
)


def everything_up(spec):
    return {rid: up(resource.desired) for rid, resource in spec.resources.items()}


def everything_absent(spec):
    return {rid: absent() for rid in spec.resources}


def test_a_new_service_comes_up_needs_first_and_in_natural_order():
    plan = planned(STACK, everything_absent(STACK))
    ups = [step.rid for step in plan.steps if step.action.says() == "start"]
    assert ups == ["disk#1", "mount#1", "daemon#1", "box#1", "box#2", "box#10"]


def test_a_converged_service_has_nothing_to_do():
    plan = planned(STACK, everything_up(STACK), owned(STACK))
    assert plan.empty
    assert set(verdicts(plan).values()) == {Verdict.KEEP}


def test_stop_is_the_start_reversed():
    plan = planned(STACK, everything_up(STACK), owned(STACK), DOWN)
    assert [step.rid for step in plan.steps] == ["box#10", "box#2", "box#1", "daemon#1", "mount#1", "disk#1"]


def test_a_stopped_service_stays_stopped_without_steps():
    seen = {rid: up(resource.desired, up=False) for rid, resource in STACK.resources.items()}
    assert planned(STACK, seen, owned(STACK), DOWN).empty


@pytest.mark.parametrize(
    ("field", "verdict"),
    [("live", Verdict.LIVE), ("restart", Verdict.RESTART), ("replace", Verdict.REPLACE), ("refuse", Verdict.REFUSE)],
)
@pytest.mark.parametrize("cause", [Cause.SPEC, Cause.DRIFT, Cause.BOTH])
def test_the_worst_field_decides_and_its_cause_is_told(field, verdict, cause):
    was, now = ToyDesired(), ToyDesired(**{field: 0 if cause is Cause.DRIFT else 2})
    spec = service(box_1=now)
    seen = up(was) if cause is Cause.SPEC else up(was, **{field: 1})
    plan = planned(spec, {"box#1": seen}, owned(spec, box_1=was))
    change = plan.change("box#1")
    assert (change.verdict, change.fields[0].path, change.fields[0].cause) == (verdict, field, cause)


def test_only_what_differs_is_touched():
    spec = service(box_1=ToyDesired(), box_2=ToyDesired(replace=1), box_3=ToyDesired())
    seen = {"box#1": up(ToyDesired()), "box#2": up(ToyDesired()), "box#3": up(ToyDesired())}
    plan = planned(spec, seen, owned(spec, box_2=ToyDesired()))
    assert {step.rid for step in plan.steps} == {"box#2"}


def test_a_stopped_thing_is_started_not_replaced():
    spec = service(box_1=ToyDesired())
    plan = planned(spec, {"box#1": up(ToyDesired(), up=False)}, owned(spec))
    assert line(plan) == ["box#1 up start"]
    assert plan.steps[0].repair, "drift is repaired, and a repair is never undone"


def test_what_osvc_stopped_itself_has_not_drifted():
    spec, stopped = service(box_1=ToyDesired()), up(ToyDesired(), up=False)
    ownership = Ownership("store", {"box#1": Owned("box", ToyDesired(), applied=None)})
    plan = planned(spec, {"box#1": stopped}, ownership)
    assert plan.change("box#1").cause is Cause.SPEC and not plan.steps[0].repair


def test_a_field_removed_from_the_spec_returns_to_its_default():
    spec = service(box_1=ToyDesired())
    plan = planned(spec, {"box#1": up(ToyDesired(live=3))}, owned(spec, box_1=ToyDesired(live=3)))
    assert plan.change("box#1").fields[0].cause is Cause.SPEC


def test_a_map_is_told_key_by_key_and_secrets_are_masked():
    was, now = ToyDesired(env={"A": "1", "DB_PASSWORD": "old"}), ToyDesired(env={"A": "2", "DB_PASSWORD": "new"})
    spec = service(box_1=now)
    plan = planned(spec, {"box#1": up(was)}, owned(spec, box_1=was))
    assert [(f.path, f.before, f.after) for f in plan.change("box#1").fields] == [
        ("env.A", "1", "2"),
        ("env.DB_PASSWORD", "(hidden)", "(hidden)"),
    ]


def test_a_key_that_leaves_a_map_differs_too():
    was, now = ToyDesired(env={"A": "1", "B": "2"}), ToyDesired(env={"B": "2"})
    spec = service(box_1=now)
    plan = planned(spec, {"box#1": up(was)}, owned(spec, box_1=was))
    assert [(f.path, f.before, f.after, f.cause) for f in plan.change("box#1").fields] == [("env.A", "1", None, Cause.SPEC)]


def test_a_lost_mount_bounces_what_holds_it_and_nothing_else():
    spec = service(
        mount_1=ToyDesired(gives="m"),
        mount_2=ToyDesired(gives="n"),
        box_1=ToyDesired(needs=("m",)),
        box_2=ToyDesired(needs=("n",)),
    )
    seen = everything_up(spec) | {"mount#1": absent()}
    plan = planned(spec, seen, owned(spec))
    assert line(plan)[0] == "mount#1 prepare make"
    assert [text for text in line(plan) if "box" in text or "start" in text] == [
        "box#1 down stop",
        "mount#1 up start",
        "box#1 up start",
    ]
    assert plan.change("box#1").reason == "holds mount#1, which comes anew"


def test_an_engine_that_restarts_with_live_restore_bounces_nothing():
    spec = service(daemon_1=ToyDesired(gives="e", restart=1), box_1=ToyDesired(needs=("e",)))
    seen = {"daemon#1": up(ToyDesired()), "box#1": up(ToyDesired())}
    assert {step.rid for step in planned(spec, seen, owned(spec, daemon_1=ToyDesired(gives="e"))).steps} == {"daemon#1"}


def test_an_order_bond_bounces_nothing():
    spec = service(disk_1=ToyDesired(gives="d", restart=1), box_1=ToyDesired(follows=("d",)))
    seen = {"disk#1": up(ToyDesired()), "box#1": up(ToyDesired())}
    assert {step.rid for step in planned(spec, seen, owned(spec, disk_1=ToyDesired(gives="d"))).steps} == {"disk#1"}


def test_nothing_comes_up_on_what_is_refused():
    spec = service(mount_1=ToyDesired(gives="m"), box_1=ToyDesired(needs=("m",)), box_2=ToyDesired())
    seen = {"mount#1": Absent(ToyAround(foreign=True)), "box#1": absent(), "box#2": absent()}
    plan = planned(spec, seen)
    assert verdicts(plan) == {"mount#1": Verdict.REFUSE, "box#1": Verdict.DEFER, "box#2": Verdict.CREATE}
    assert "mount#1" in plan.change("box#1").reason


@pytest.mark.parametrize(("together", "waits"), [(False, True), (True, False)])
def test_nothing_comes_up_after_a_gate_that_is_refused(together, waits):
    """By its place alone: what comes before it, or moves together with it, does."""
    parallel = {"box:a"} if together else ()
    subsets = dict.fromkeys(("box#1", "box#2", "box#3"), "a")
    spec = service(subsets, parallel, box_1=ToyDesired(), box_2=ToyDesired(gate=True), box_3=ToyDesired())
    seen = {"box#1": absent(), "box#2": Absent(ToyAround(foreign=True)), "box#3": absent()}
    found = verdicts(planned(spec, seen))
    assert found == {"box#1": Verdict.CREATE, "box#2": Verdict.REFUSE, "box#3": Verdict.DEFER if waits else Verdict.CREATE}


def test_nothing_goes_down_under_what_must_not_be_touched():
    spec = service(mount_1=ToyDesired(gives="m", restart=1), box_1=ToyDesired(needs=("m",), refuse=1))
    seen = {"mount#1": up(ToyDesired()), "box#1": up(ToyDesired())}
    plan = planned(spec, seen, owned(spec, mount_1=ToyDesired(gives="m"), box_1=ToyDesired(needs=("m",))))
    assert verdicts(plan) == {"mount#1": Verdict.DEFER, "box#1": Verdict.REFUSE}
    assert not plan.steps


def moved(**more):
    """mount#1 is up where it gives "old"; its spec says "new", where box#1 needs it."""
    spec = service(
        common=more.pop("common", None), mount_1=ToyDesired(gives="new", replace=1, **more), box_1=ToyDesired(needs=("new",))
    )
    seen = {"mount#1": up(ToyDesired()), "box#1": absent()}
    return spec, seen, owned(None, mount_1=ToyDesired(gives="old"))


def test_nothing_comes_up_on_what_stays_in_its_old_place():
    found = verdicts(planned(*moved()))
    assert found == {"mount#1": Verdict.REPLACE, "box#1": Verdict.CREATE}
    plan = planned(*moved(refuse=1))
    assert verdicts(plan) == {"mount#1": Verdict.REFUSE, "box#1": Verdict.DEFER}
    assert plan.change("box#1").reason == "waits for mount#1, which is refused"
    plan = planned(*moved(common={"mount#1": Common(tags=("noaction",))}))
    assert verdicts(plan) == {"mount#1": Verdict.KEEP, "box#1": Verdict.DEFER}
    assert plan.change("box#1").reason == "waits for mount#1, which stays as it was: tagged noaction; left alone"
    spec, seen, ownership = moved()
    plan = plan_toys(spec, seen, ownership, spared={"mount#1": "it failed a moment ago"})
    assert verdicts(plan) == {"mount#1": Verdict.DEFER, "box#1": Verdict.DEFER}
    assert plan.change("box#1").reason == "waits for mount#1, which has to wait itself"


def test_what_stays_although_it_differs_holds_back_only_what_its_place_matters_to():
    """What drifted, or stands as its spec has it by now, is in its place whatever it was last applied by."""
    idle = {"mount#1": Common(tags=("noaction",))}
    spec, seen, ownership = moved(common=idle)
    there = seen | {"mount#1": up(spec.resources["mount#1"].desired)}
    assert verdicts(planned(spec, there, ownership)) == {"mount#1": Verdict.KEEP, "box#1": Verdict.CREATE}
    assert verdicts(planned(spec, seen, owned(None, mount_1=ToyDesired(gives="new"))))["box#1"] is Verdict.CREATE


def test_what_is_up_stays_so_with_all_that_it_holds_while_what_it_needs_is_not_there():
    spec = service(
        disk_1=ToyDesired(gives="d", restart=1),
        mount_1=ToyDesired(gives="new", replace=1, refuse=1),
        box_1=ToyDesired(needs=("d", "new")),
    )
    was = {"disk_1": ToyDesired(gives="d"), "mount_1": ToyDesired(gives="old"), "box_1": ToyDesired(needs=("d",))}
    plan = planned(spec, {rid: up(ToyDesired()) for rid in spec.resources}, owned(None, **was))
    assert verdicts(plan) == {"disk#1": Verdict.DEFER, "mount#1": Verdict.REFUSE, "box#1": Verdict.DEFER}
    assert not plan.steps


def test_unknown_without_an_assumption_is_deferred_and_never_touched():
    spec = service(box_1=ToyDesired())
    plan = plan_toys(spec, {"box#1": Unknown("the engine does not answer")}, owned(spec))
    assert verdicts(plan) == {"box#1": Verdict.DEFER}
    assert not plan.steps


def test_what_is_assumed_is_planned_provisionally():
    spec = service(daemon_1=ToyDesired(gives="e"), box_1=ToyDesired(needs=("e",)))
    behind = Unknown("its engine is down", "daemon#1", Absent(ToyAround()), "new engine, empty data root")
    plan = planned(spec, {"daemon#1": absent(), "box#1": behind})
    assert [(step.rid, step.provisional) for step in plan.steps] == [
        ("daemon#1", False),
        ("daemon#1", False),
        ("box#1", True),
        ("box#1", True),
    ]


def test_a_selection_pulls_in_what_it_needs_and_says_so():
    plan = planned(STACK, everything_absent(STACK), selection=Selection(("mount#1",)))
    assert {step.rid for step in plan.steps} == {"disk#1", "mount#1"}
    assert plan.change("disk#1").added == "mount#1 needs it"
    assert plan.change("box#1").reason == "not selected"


def test_a_selection_pulls_in_what_is_not_yet_where_it_is_needed_and_says_so():
    spec, seen, ownership = moved()
    plan = planned(spec, seen, ownership, selection=Selection(("box#1",)))
    assert verdicts(plan) == {"mount#1": Verdict.REPLACE, "box#1": Verdict.CREATE}
    assert plan.change("mount#1").added == "box#1 needs it"
    left = planned(spec, seen, owned(None, mount_1=ToyDesired(gives="new")), selection=Selection(("box#1",)))
    assert verdicts(left) == {"mount#1": Verdict.KEEP, "box#1": Verdict.CREATE}, "it differs, but it is there"


def bounced(**edits):
    """A disk that is replaced, and alone selected; a box that holds it, and whose spec was edited."""
    spec = service(disk_1=ToyDesired(gives="d", replace=1), box_1=ToyDesired(needs=("d",), **edits))
    seen = {rid: up(ToyDesired()) for rid in spec.resources}
    was = owned(None, disk_1=ToyDesired(gives="d"), box_1=ToyDesired(needs=("d",)))
    return spec, seen, was, Selection(("disk#1",))


@pytest.mark.parametrize(
    ("edits", "verdict", "fields", "added"),
    [
        ({"replace": 1}, Verdict.REPLACE, ["replace"], "it holds disk#1"),
        ({"restart": 1, "live": 1}, Verdict.RESTART, ["live", "restart"], "it holds disk#1"),
        ({"live": 1}, Verdict.RESTART, [], ""),
        ({}, Verdict.RESTART, [], ""),
    ],
)
def test_what_is_bounced_and_not_selected_comes_up_as_its_spec_has_it_where_that_takes_it_down(edits, verdict, fields, added):
    spec, seen, was, selection = bounced(**edits)
    change = planned(spec, seen, was, selection=selection).change("box#1")
    assert (change.verdict, [field.path for field in change.fields], change.added) == (verdict, fields, added)


def test_nothing_selected_goes_down_under_what_is_not_selected_and_must_not_be_touched():
    spec, seen, was, selection = bounced(refuse=1)
    plan = planned(spec, seen, was, selection=selection)
    assert verdicts(plan) == {"disk#1": Verdict.DEFER, "box#1": Verdict.KEEP} and not plan.steps
    assert plan.change("disk#1").reason == "box#1 holds it and must not be touched: refuse cannot be changed in place (0 → 1)"
    plan = planned(spec, seen | {"disk#1": absent()}, was, selection=selection)
    assert verdicts(plan) == {"disk#1": Verdict.CREATE, "box#1": Verdict.KEEP}


@pytest.mark.parametrize("selection", [Selection(), Selection(("disk#1",))])
def test_nothing_is_bounced_for_the_sake_of_what_is_put_off(selection):
    """The disk is held by two; one of these is held by what must not be touched."""
    was = {"disk_1": ToyDesired(gives="d"), "mount_1": ToyDesired(needs=("d",), gives="m"), "box_1": ToyDesired(needs=("m",))}
    was["mount_2"] = ToyDesired(needs=("d",))
    spec = service(**was | {"disk_1": ToyDesired(gives="d", replace=1), "box_1": ToyDesired(needs=("m",), refuse=1)})
    plan = planned(spec, {rid: up(ToyDesired()) for rid in spec.resources}, owned(None, **was), selection=selection)
    assert not plan.steps and verdicts(plan)["disk#1"] is Verdict.DEFER and verdicts(plan)["mount#2"] is Verdict.KEEP
    was["disk_2"] = ToyDesired(gives="e")
    was["mount_2"] = ToyDesired(needs=("d", "e"))
    edits = {"disk_1": ToyDesired(gives="d", replace=1), "disk_2": ToyDesired(gives="e", replace=1)}
    spec = service(**was | edits | {"box_1": ToyDesired(needs=("m",), refuse=1)})
    plan = planned(spec, {rid: up(ToyDesired()) for rid in spec.resources}, owned(None, **was))
    assert {step.rid for step in plan.steps} == {"disk#2", "mount#2"}
    assert plan.change("mount#2").reason == "holds disk#2, which is replaced"


def test_stopping_a_part_stops_what_holds_it():
    plan = planned(STACK, everything_up(STACK), owned(STACK), DOWN, Selection(("daemon",)))
    assert {step.rid for step in plan.steps} == {"box#1", "box#2", "box#10", "daemon#1"}


def test_an_orphan_is_left_alone_until_pruning_is_asked_for():
    spec = service(box_1=ToyDesired())
    seen = {"box#1": up(ToyDesired()), "box#2": up(ToyDesired())}
    ownership = owned(spec, box_2=ToyDesired())
    kept = planned(spec, seen, ownership)
    assert kept.empty and kept.change("box#2").remedy == "osvc plan --prune"
    pruned = planned(spec, seen, ownership, policy=Policy(prune=True))
    assert line(pruned) == ["box#2 down stop", "box#2 commit drop"]


def test_an_orphan_that_is_anothers_by_now_is_let_go_of_and_nothing_is_done_to_it():
    spec = service(box_1=ToyDesired())
    seen = {"box#1": up(ToyDesired()), "box#2": up(ToyDesired())}
    ownership = dataclasses.replace(owned(spec, box_2=ToyDesired()), yielded={"box#2": "db"})
    plan = planned(spec, seen, ownership, policy=Policy(prune=True))
    assert (plan.steps, [change.rid for change in plan.released]) == ((), ["box#2"])
    assert plan.change("box#2").reason == "is db's now; stays as it is"


def test_a_service_without_a_spec_is_removed_in_reverse_order():
    ownership = owned(service(mount_1=ToyDesired(gives="m"), box_1=ToyDesired(needs=("m",))))
    seen = {"mount#1": up(ToyDesired()), "box#1": up(ToyDesired())}
    plan = planned(None, seen, ownership, policy=Policy(prune=True))
    assert [step.rid for step in plan.steps] == ["box#1", "box#1", "mount#1", "mount#1"]


def test_what_is_found_as_wanted_is_adopted_without_a_step():
    spec = service(mount_1=ToyDesired())
    plan = planned(spec, {"mount#1": up(ToyDesired())})
    assert verdicts(plan) == {"mount#1": Verdict.ADOPT} and not plan.steps and not plan.empty


def test_what_is_not_ours_and_differs_is_refused():
    spec = service(mount_1=ToyDesired(restart=1))
    assert verdicts(planned(spec, {"mount#1": up(ToyDesired())})) == {"mount#1": Verdict.REFUSE}


def test_what_is_not_ours_is_not_stopped():
    spec = service(mount_1=ToyDesired())
    plan = planned(spec, {"mount#1": up(ToyDesired())}, goal=DOWN)
    assert verdicts(plan) == {"mount#1": Verdict.KEEP}


def test_a_dead_engine_is_reached_before_what_runs_behind_it_is_stopped():
    spec = service(daemon_1=ToyDesired(gives="e"), box_1=ToyDesired(needs=("e",)))
    running = Unknown("its engine is down", "daemon#1", Present(ToyState(), ToyAround()), "a shim is alive")
    plan = plan_toys(spec, {"daemon#1": up(ToyDesired(), up=False), "box#1": running}, owned(spec), DOWN)
    assert [(step.rid, step.action.says(), step.provisional) for step in plan.steps] == [
        ("daemon#1", "start", False),
        ("box#1", "stop", True),
    ]


def test_an_old_claimant_goes_before_a_new_one_comes():
    spec = service(box_2=ToyDesired(claims=("port",)))
    seen = {"box#1": up(ToyDesired()), "box#2": absent()}
    ownership = owned(None, box_1=ToyDesired(claims=("port",)))
    plan = planned(spec, seen, ownership, policy=Policy(prune=True))
    assert [step.rid for step in plan.steps] == ["box#1", "box#1", "box#2", "box#2"]


def test_claims_swapped_inside_a_service_take_both_down_first():
    spec = service(box_1=ToyDesired(claims=("b",), replace=1), box_2=ToyDesired(claims=("a",), replace=1))
    was = {"box_1": ToyDesired(claims=("a",)), "box_2": ToyDesired(claims=("b",))}
    seen = {"box#1": up(ToyDesired()), "box#2": up(ToyDesired())}
    text = line(planned(spec, seen, owned(None, **was)))
    assert max(text.index("box#1 down stop"), text.index("box#2 down stop")) < min(
        text.index("box#1 up start"), text.index("box#2 up start")
    )


def test_a_subset_comes_up_in_sequence_unless_it_is_parallel():
    boxes = {f"box_{n}": ToyDesired() for n in range(1, 4)}
    subsets = {"box#1": "b", "box#2": "a", "box#3": "a"}

    def waits(parallel):
        spec = service(subsets, parallel, **boxes)
        plan = planned(spec, everything_absent(spec))
        numbers = {step.n: step for step in plan.steps}
        return {
            step.rid: sorted(numbers[n].rid for n in step.after if numbers[n].rid != step.rid)
            for step in plan.steps
            if step.action.says() == "start"
        }

    assert waits(()) == {"box#2": [], "box#3": ["box#2"], "box#1": ["box#3"]}
    assert waits(("box:a",)) == {"box#2": [], "box#3": [], "box#1": ["box#2", "box#3"]}


@pytest.mark.parametrize("parallel", [False, True])
def test_what_left_the_spec_goes_down_as_it_was_applied(parallel):
    spec = service(box_1=ToyDesired(), box_2=ToyDesired())
    seen = {rid: up(ToyDesired()) for rid in spec.resources}
    was = {rid: replace(item, subset="a", parallel=parallel) for rid, item in owned(spec).owned.items()}
    plan = planned(None, seen, Ownership("store", was), policy=Policy(prune=True))
    rids = {step.n: step.rid for step in plan.steps}
    stops = [step for step in plan.steps if step.slot is Slot.DOWN]
    waits = {step.rid: {rids[n] for n in step.after} - {step.rid} for step in stops}
    assert waits == ({"box#1": set(), "box#2": set()} if parallel else {"box#2": set(), "box#1": {"box#2"}})


def test_sequence_alone_does_not_carry_failure():
    spec = service(box_1=ToyDesired(), box_2=ToyDesired())
    plan = planned(spec, everything_absent(spec))
    start = next(step for step in plan.steps if step.rid == "box#2" and step.action.says() == "start")
    numbers = {step.n: step.rid for step in plan.steps}
    assert {numbers[n] for n in start.after} == {"box#1", "box#2"}
    assert {numbers[n] for n in start.needs} == {"box#2"}


def test_a_need_across_the_order_of_types_wins():
    spec = service(disk_1=ToyDesired(needs=("ns",)), box_1=ToyDesired(gives="ns"))
    plan = planned(spec, everything_absent(spec))
    assert [step.rid for step in plan.steps if step.action.says() == "start"] == ["box#1", "disk#1"]


def test_a_circle_of_needs_is_an_error_that_prints_it():
    spec = service(box_1=ToyDesired(needs=("b",), gives="a"), box_2=ToyDesired(needs=("a",), gives="b"))
    with pytest.raises(Cycle, match="box#1 → box#2 → box#1"):
        plan_toys(spec, everything_absent(spec))


def test_commit_waits_for_everything_that_may_still_fail():
    spec = service(box_1=ToyDesired(replace=1), box_2=ToyDesired(replace=1))
    plan = planned(
        spec, {"box#1": up(ToyDesired()), "box#2": up(ToyDesired())}, owned(None, box_1=ToyDesired(), box_2=ToyDesired())
    )
    assert [step.slot.name for step in plan.steps][-2:] == ["COMMIT", "COMMIT"]


def test_replacing_many_does_not_take_them_all_down_before_one_comes_up():
    spec = service(box_1=ToyDesired(replace=1), box_2=ToyDesired(replace=1))
    plan = planned(
        spec, {"box#1": up(ToyDesired()), "box#2": up(ToyDesired())}, owned(None, box_1=ToyDesired(), box_2=ToyDesired())
    )
    numbers = {step.n: step for step in plan.steps}
    up1 = next(step for step in plan.steps if step.rid == "box#1" and step.action.says() == "start")
    assert all(numbers[n].rid == "box#1" for n in up1.after)


def test_the_lane_of_a_resource_is_what_stands_on_it():
    plan = planned(STACK, everything_absent(STACK))
    assert dict(plan.lanes)["daemon#1"] == ("daemon#1", "box#1", "box#2", "box#10")
    assert dict(plan.lanes)["box#2"] == ("box#2",)


def test_input_order_never_matters():
    turned = service(**{rid.replace("#", "_"): r.desired for rid, r in reversed(STACK.resources.items())})
    one, other = planned(STACK, everything_absent(STACK)), planned(turned, everything_absent(turned))
    assert one.digest == other.digest


def test_what_has_to_be_reached_behind_an_engine_does_not_wait_for_that_engine_in_the_order_of_types():
    """A disk vanished under a box whose engine is dead: engine up, box down, disk up, box up; types alone would order a circle."""
    spec = service(disk_1=ToyDesired(gives="disk"), daemon_1=ToyDesired(gives="daemon"), box_1=ToyDesired(needs=("daemon", "disk")))
    behind = Unknown("its engine is down", "daemon#1", up(ToyDesired()), "its processes live")
    seen = {"disk#1": absent(), "daemon#1": up(ToyDesired(), up=False), "box#1": behind}
    plan = plan_toys(spec, seen, owned(spec))
    place = {(step.rid, step.action.says()): step.n for step in plan.steps}
    assert place["daemon#1", "start"] < place["box#1", "stop"] < place["disk#1", "start"] < place["box#1", "start"]
    unsure = {(step.rid, step.action.says()) for step in plan.steps if step.provisional}
    assert {("box#1", "stop"), ("disk#1", "start")} <= unsure and ("daemon#1", "start") not in unsure
