"""converge: rounds, consent, claims, and what is remembered."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler.core.common import Common
from reconciler.core.observed import Absent, Present
from reconciler.core.outcome import Began, End, Status
from reconciler.core.plan import Plan
from reconciler.core.policy import UP, Aim, Goal, Policy, Selection
from reconciler.engine.errors import StoreError
from reconciler.host.errors import Permanent
from tests.unit.core.toys import ToyAround, ToyDesired, ToyState, service, up
from tests.unit.engine.bench import became

DISK = ToyDesired(gives="d")
MOMENT = datetime(2026, 1, 5, tzinfo=UTC)
STACK = service(disk_1=DISK, box_1=ToyDesired(needs=("d",)), box_2=ToyDesired(needs=("d",)))


def test_a_resource_keeps_its_place_for_the_day_when_its_spec_is_gone(bench):
    spec = service({"box#1": "a"}, ("box:a",), box_1=ToyDesired(), box_2=ToyDesired())
    bench.converge(spec)
    places = {rid: (item.subset, item.parallel) for rid, item in bench.owned.items()}
    assert places == {"box#1": ("a", True), "box#2": ("", False)}
    bench.converge(service({"box#2": "b"}, (), box_1=ToyDesired(), box_2=ToyDesired()))
    places = {rid: (item.subset, item.parallel) for rid, item in bench.owned.items()}
    assert places == {"box#1": ("", False), "box#2": ("b", False)}


def test_a_new_service_comes_up_in_the_order_of_its_needs(bench):
    result = bench.converge(STACK)
    assert result.end is End.CONVERGED
    assert bench.world.tried.index("disk#1 start") < bench.world.tried.index("box#1 start")
    assert all(seen.state.up for seen in bench.world.things.values())
    assert set(became(result).values()) == {Status.DONE}


def test_a_second_run_does_nothing_and_writes_nothing(bench):
    bench.converge(STACK)
    tried, changes = list(bench.world.tried), bench.store._db.total_changes
    result = bench.converge(STACK)
    assert (result.end, result.outcomes, result.rounds) == (End.CONVERGED, (), 1)
    assert bench.world.tried == tried
    assert bench.store._db.total_changes == changes


def test_what_is_about_to_be_made_is_claimed_first_and_applied_is_written_after(bench):
    owned_then = {}
    bench.world.hooks["box#1 make"] = lambda: owned_then.update(bench.owned)
    bench.converge(STACK)
    assert owned_then["box#1"].wanted == STACK.resources["box#1"].desired
    assert owned_then["box#1"].applied is None
    assert bench.owned["box#1"].applied == STACK.resources["box#1"].desired


def test_a_failed_run_leaves_last_applied_as_it_was(bench):
    bench.converge(STACK)
    edited = service(disk_1=DISK, box_1=ToyDesired(needs=("d",), replace=2), box_2=ToyDesired(needs=("d",)))
    bench.world.faults["box#1 make"] = [Permanent("no space left")]
    result = bench.converge(edited)
    assert result.end is End.ROLLED_BACK
    assert "no space left" in result.message
    assert bench.owned["box#1"].applied == STACK.resources["box#1"].desired
    assert bench.owned["box#1"].wanted == STACK.resources["box#1"].desired, "what was led back is owned as it was"
    assert bench.world.things["box#1"].state.up


def test_the_last_observation_is_remembered(bench):
    bench.converge(STACK)
    assert bench.owned["box#1"].remembered == bench.world.things["box#1"]


def test_found_as_wanted_is_adopted_without_a_step(bench):
    bench.world.things["box#1"] = up(ToyDesired())
    result = bench.converge(service(box_1=ToyDesired()))
    assert (result.end, result.outcomes) == (End.CONVERGED, ())
    assert bench.owned["box#1"].applied == ToyDesired()


def test_what_lies_behind_something_is_planned_again_when_it_can_be_seen(bench):
    bench.world.hidden = {"box#1": "disk#1", "box#2": "disk#1"}
    result = bench.converge(STACK)
    assert result.end is End.CONVERGED
    rounds = [event.plan for event in bench.events if isinstance(event, Began)]
    assert [bool(plan.certain) for plan in rounds] == [True, True]
    assert any(step.provisional for step in rounds[0].steps)
    assert not any(step.provisional for step in rounds[1].steps)
    assert bench.world.tried.count("box#1 start") == 1


def test_commits_wait_until_nothing_is_provisional(bench):
    world = bench.world
    spec = service(disk_1=DISK, box_1=ToyDesired(needs=("d",)), box_2=ToyDesired())
    bench.converge(spec)
    world.things["disk#1"] = Present(ToyState(up=False), ToyAround())
    world.hidden = {"box#1": "disk#1"}
    world.tried.clear()
    edited = service(disk_1=DISK, box_1=ToyDesired(needs=("d",), live=3), box_2=ToyDesired(replace=2))
    result = bench.converge(edited)
    assert result.end is End.CONVERGED
    assert world.tried.index("box#2 drop") > world.tried.index("box#1 tune")
    assert result.rounds == 3


def test_after_a_failure_only_what_went_well_is_committed(bench):
    spec = service(box_1=ToyDesired(), box_2=ToyDesired())
    bench.converge(spec)
    bench.world.faults["box#2 make"] = [Permanent("no")]
    result = bench.converge(service(box_1=ToyDesired(replace=2), box_2=ToyDesired(replace=2)))
    assert "box#1 drop" in bench.world.tried and "box#2 drop" not in bench.world.tried
    assert result.end is End.ROLLED_BACK
    bench.converge(service(box_1=ToyDesired(replace=2), box_2=ToyDesired(replace=2)))
    assert bench.world.things["box#2"].state.replace == 2


def test_something_disruptive_that_was_not_shown_is_refused(bench):
    bench.converge(STACK)
    shown = Plan("toys", UP, ())
    bench.world.tried.clear()
    result = bench.converge(service(disk_1=DISK, box_1=ToyDesired(needs=("d",), replace=9)), shown=shown)
    assert result.end is End.REFUSED
    assert [step.action.says() for step in result.uncovered] == ["stop", "drop"]
    assert bench.world.tried == []


def test_what_was_shown_is_done(bench):
    bench.converge(STACK)
    edited = service(disk_1=DISK, box_1=ToyDesired(needs=("d",), replace=9), box_2=ToyDesired(needs=("d",)))
    shown = bench.converge(edited, shown=Plan("toys", UP, ())).plan
    assert bench.converge(edited, shown=shown).end is End.CONVERGED


def test_a_saved_plan_is_done_only_if_it_is_still_the_plan(bench):
    shown = bench.converge(STACK, shown=Plan("toys", UP, ()), exact=True)
    assert shown.end is End.REFUSED
    assert bench.world.tried == []
    assert bench.converge(STACK, shown=shown.plan, exact=True).end is End.CONVERGED


def test_the_same_plan_again_after_it_succeeded_is_stuck_and_names_the_field(bench):
    bench.converge(service(box_1=ToyDesired()))

    def back():
        bench.world.things["box#1"] = up(ToyDesired())

    original = bench.world.see
    bench.world.see = lambda rid: (original(rid), back())[0]
    result = bench.converge(service(box_1=ToyDesired(live=5)))
    assert result.end is End.STUCK and Path(result.casefile).exists()
    assert "box#1 live" in result.message


def test_what_a_run_of_a_watch_moved_alone_is_not_looked_at_again_after_its_last_step(bench):
    bench.converge(service(box_1=ToyDesired(), box_2=ToyDesired()))
    looks, original = [], bench.world.see
    bench.world.see = lambda rid: (looks.append(rid), original(rid))[1]

    def looked(rid, one, two, **more):
        looks.clear()
        assert bench.converge(service(box_1=ToyDesired(live=one), box_2=ToyDesired(live=two)), **more).end is End.CONVERGED
        return looks.count(rid)

    alone = looked("box#1", 5, 0, verb="watch")
    assert looked("box#2", 5, 5, verb="watch") == alone
    assert looked("box#1", 6, 6, verb="watch") == alone + 1, "of two that move one may move the other"
    assert looked("box#1", 7, 6) == alone + 1, "nobody hears what becomes of what was applied once"


def test_unknown_without_an_assumption_is_deferred(bench):
    from reconciler.core.observed import Unknown

    bench.world.things["box#1"] = Unknown("the engine does not answer")
    result = bench.converge(service(box_1=ToyDesired(), box_2=ToyDesired()))
    assert result.end is End.DEFERRED
    assert "the engine does not answer" in result.message
    assert bench.world.things["box#2"].state.up


def test_a_refused_resource_does_not_keep_the_others_from_working(bench):
    bench.world.things["box#1"] = Absent(ToyAround(foreign=True))
    result = bench.converge(service(box_1=ToyDesired(), box_2=ToyDesired()))
    assert result.end is End.REFUSED
    assert "somebody else has it" in result.message
    assert bench.world.things["box#2"].state.up
    assert bench.owned["box#2"].applied is not None
    assert "box#1" not in bench.owned


def test_stopping_goes_down_in_reverse_and_keeps_what_is_owned(bench):
    bench.converge(STACK)
    bench.world.tried.clear()
    result = bench.converge(STACK, goal=Goal(Aim.DOWN), verb="stop")
    assert result.end is End.CONVERGED
    assert bench.world.tried[-1] == "disk#1 stop"
    assert bench.owned["box#1"].wanted == STACK.resources["box#1"].desired


def test_a_start_after_a_stop_is_a_wish_and_can_be_undone(bench):
    bench.converge(STACK)
    bench.converge(STACK, goal=Goal(Aim.DOWN))
    bench.world.faults["box#2 start"] = [Permanent("exited 1")]
    result = bench.converge(STACK, verb="start", whole_undo=True)
    assert (result.end, result.undone) == (End.ROLLED_BACK, True)
    assert not any(seen.state.up for seen in bench.world.things.values())


def test_stopping_one_resource_leaves_what_was_applied(bench):
    """Partial verbs do not change the goal: that it is down is drift."""
    bench.converge(STACK)
    bench.converge(STACK, goal=Goal(Aim.DOWN), selection=Selection(("box#1",)))
    assert bench.owned["box#1"].applied is not None


def test_a_failed_stop_starts_nothing_again(bench):
    bench.converge(STACK)
    bench.world.faults["disk#1 stop"] = [Permanent("busy (pid 812 mysqld)")]
    bench.world.tried.clear()
    result = bench.converge(STACK, goal=Goal(Aim.DOWN))
    assert (result.end, result.undone) == (End.FAILED, False)
    assert not any("start" in name for name in bench.world.tried)


def test_pruning_removes_and_releases(bench):
    bench.converge(STACK)
    result = bench.converge(None, policy=Policy(prune=True))
    assert result.end is End.CONVERGED
    assert bench.owned == {}
    assert all(isinstance(seen, Absent) for seen in bench.world.things.values())
    assert bench.store.kept() == {}


def test_what_a_prune_did_not_move_is_not_looked_at_again(bench):
    bench.converge(service(box_1=ToyDesired(), box_2=ToyDesired()))
    bench.world.looks.clear()
    assert bench.converge(service(box_1=ToyDesired()), policy=Policy(prune=True)).end is End.CONVERGED
    assert [rids for rids in bench.world.looks if "box#1" in rids] == [("box#1", "box#2")]
    assert set(bench.owned) == {"box#1"}


def test_without_permission_an_orphan_is_left_alone(bench):
    bench.converge(STACK)
    bench.world.tried.clear()
    result = bench.converge(None)
    assert (result.end, bench.world.tried) == (End.CONVERGED, [])
    assert set(bench.owned) == {"disk#1", "box#1", "box#2"}


def test_what_was_bounced_as_it_was_is_not_applied_as_its_spec_is_now(bench):
    bench.converge(STACK)
    edited = service(
        disk_1=ToyDesired(gives="d", replace=1), box_1=ToyDesired(needs=("d",), live=1), box_2=ToyDesired(needs=("d",))
    )
    assert bench.converge(edited, selection=Selection(("disk#1",))).end is End.CONVERGED
    assert bench.world.tried[-1] == "disk#1 drop" and "box#1 tune" not in bench.world.tried
    assert bench.owned["disk#1"].applied.replace == 1 and bench.owned["box#1"].applied.live == 0
    again = service(disk_1=ToyDesired(gives="d"), box_1=ToyDesired(needs=("d",), replace=1), box_2=ToyDesired(needs=("d",)))
    assert bench.converge(again, selection=Selection(("disk#1",))).end is End.CONVERGED
    assert bench.world.things["box#1"].state.replace == bench.owned["box#1"].applied.replace == 1


def test_a_selection_settles_only_what_it_names(bench):
    result = bench.converge(STACK, selection=Selection(("box#1",)))
    assert result.end is End.CONVERGED
    assert set(bench.owned) == {"disk#1", "box#1"}
    assert bench.owned["disk#1"].applied is not None


def test_a_failure_is_remembered_and_the_count_goes_up_until_it_works(bench):
    bench.world.faults["box#1 make"] = [Permanent("no"), Permanent("no")]
    spec = service(box_1=ToyDesired())
    bench.converge(spec)
    first = bench.store.failure("toys")
    bench.converge(spec)
    second = bench.store.failure("toys")
    assert (first.count, second.count) == (1, 2)
    assert first.until < second.until
    bench.converge(spec)
    assert bench.store.failure("toys") is None


def test_a_failed_run_leaves_a_case_file(bench):
    import yaml

    bench.world.faults["box#1 make"] = [Permanent("no", output="last words")]
    result = bench.converge(service(box_1=ToyDesired(env={"DB_PASSWORD": "hunter2"})))
    with open(result.casefile, encoding="utf-8") as file:
        text = file.read()
    case = yaml.safe_load(text)
    assert case["outcomes"][0] == {
        "n": 1,
        "rid": "box#1",
        "step": "make",
        "command": "toy make",
        "became": "failed",
        "seconds": 0.0,
        "message": "cannot make: no",
        "output": "last words",
    }
    assert "hunter2" not in text


def test_a_run_that_is_refused_in_the_middle_leaves_a_case_file(bench):
    """The box is found otherwise once its disk is up, and its replacement was not shown."""
    bench.converge(STACK)
    bench.world.things["disk#1"] = Present(ToyState(up=False), ToyAround())
    bench.world.hidden = {"box#1": "disk#1", "box#2": "disk#1"}
    bench.world.hooks["disk#1 start"] = lambda: bench.world.things.update({"box#1": up(ToyDesired(replace=9))})
    at_once = bench.converge(STACK, shown=Plan("toys", UP, ()))
    assert (at_once.end, at_once.rounds, at_once.casefile) == (End.REFUSED, 1, "")
    result = bench.converge(STACK, shown=at_once.plan)
    assert (result.end, {step.rid for step in result.uncovered}, result.rounds) == (End.REFUSED, {"box#1"}, 2)
    assert f"{result.run}.yaml" in result.casefile and "round: 2\n" in Path(result.casefile).read_text()


def test_a_run_that_converged_leaves_none(bench):
    assert bench.converge(STACK).casefile == "" and not (bench.folder / "cases").exists()


def fill(bench):
    """The store's disk is full: its file may not grow by a page, and the journal has no room in the pages that it has."""
    db = bench.store._db
    db.execute(f"PRAGMA max_page_count={db.execute('PRAGMA page_count').fetchone()[0]}")
    for size in (5000, 200, 0):
        with suppress(StoreError):
            while True:
                bench.store.write_journal("x", "w", 0, "", "", "", MOMENT, message="x" * size)


def test_a_step_that_cannot_be_written_down_is_not_begun_and_what_was_done_is_undone(bench):
    bench.world.hooks["disk#1 start"] = lambda: fill(bench)
    result = bench.converge(service(disk_1=DISK, box_1=ToyDesired(needs=("d",))))
    assert "database or disk is full; free some space there" in result.message
    assert "box#1 start" not in bench.world.tried
    assert result.end in (End.ROLLED_BACK, End.FAILED)
    bench.store._db.execute("PRAGMA max_page_count=100000")
    assert bench.converge(service(disk_1=DISK, box_1=ToyDesired(needs=("d",)))).end is End.CONVERGED


def test_a_restart_takes_each_down_and_up_once(bench):
    bench.converge(STACK)
    bench.world.tried.clear()
    every = frozenset(STACK.resources)
    result = bench.converge(STACK, restarts=every, verb="restart")
    assert (result.end, result.touched) == (End.CONVERGED, every)
    for rid in every:
        assert [name for name in bench.world.tried if name.startswith(f"{rid} ")] == [f"{rid} stop", f"{rid} start"]
    assert all(seen.state.up for seen in bench.world.things.values())


def test_a_restart_that_fails_brings_back_what_ran(bench):
    bench.converge(STACK)
    bench.world.faults["box#2 start"] = [Permanent("exited 1")]
    result = bench.converge(STACK, restarts=frozenset(STACK.resources), verb="restart", whole_undo=True)
    assert (result.end, result.undone) == (End.ROLLED_BACK, True)
    assert all(seen.state.up for seen in bench.world.things.values())


def test_what_is_optional_and_fails_at_a_restart_is_not_restarted_for_ever(bench):
    spec = service(box_1=ToyDesired(), box_2=ToyDesired())
    box = replace(spec.resources["box#1"], common=Common(optional=True))
    spec = replace(spec, resources={**spec.resources, "box#1": box})
    bench.converge(spec)
    bench.world.faults["box#1 start"] = [Permanent("exited 1")]
    bench.world.tried.clear()
    result = bench.converge(spec, restarts=frozenset(spec.resources), verb="restart")
    assert result.end is End.CONVERGED and bench.world.tried.count("box#2 stop") == 1
    assert bench.world.tried.count("box#1 stop") == 1
