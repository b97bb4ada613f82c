"""undo: by lane, in reverse, until a barrier; and when not."""

import dataclasses

from reconciler.core.observed import Absent
from reconciler.core.outcome import End, Status, Undid, UndoBegan
from reconciler.core.policy import Policy
from reconciler.host.errors import Permanent
from tests.unit.core.toys import ToyDesired, service, up
from tests.unit.engine.bench import became

DISK = ToyDesired(gives="d")
BOX = ToyDesired(needs=("d",))
NO = [Permanent("no")]


def undone(bench):
    return [f"{event.step.rid} {event.action.says()}" for event in bench.events if isinstance(event, Undid)]


def test_the_lane_of_the_failure_is_undone_in_reverse_and_nothing_else(bench):
    bench.world.faults["box#1 start"] = list(NO)
    result = bench.converge(service(disk_1=DISK, box_1=BOX, box_2=ToyDesired()))
    assert (result.end, result.undone) == (End.ROLLED_BACK, True)
    assert isinstance(bench.world.things["box#1"], Absent)
    assert bench.world.things["box#2"].state.up
    assert bench.world.things["disk#1"].state.up, "what the failed one needs is not in its lane"
    assert became(result)["box#1 make"] is Status.UNDONE


def test_dependents_of_the_failed_are_led_back_with_it(bench):
    spec = service(disk_1=DISK, box_1=BOX)
    bench.converge(spec)
    bench.world.tried.clear()
    bench.world.faults["disk#1 make"] = list(NO)
    result = bench.converge(service(disk_1=ToyDesired(gives="d", replace=1), box_1=BOX))
    assert result.end is End.ROLLED_BACK
    assert bench.world.things["box#1"].state.up
    assert bench.world.things["disk#1"].state.up
    assert bench.world.things["disk#1"].state.replace == 0
    assert undone(bench) == ["disk#1 start", "box#1 start"]


def test_start_undoes_the_whole_service(bench):
    bench.world.faults["box#1 start"] = list(NO)
    result = bench.converge(service(disk_1=DISK, box_1=BOX, box_2=ToyDesired()), whole_undo=True)
    assert result.end is End.ROLLED_BACK
    assert all(isinstance(seen, Absent) for seen in bench.world.things.values())


def test_a_step_that_only_repaired_drift_is_never_undone(bench):
    spec = service(disk_1=DISK, box_1=BOX)
    bench.converge(spec)
    for rid in ("disk#1", "box#1"):
        bench.world.things[rid] = up(spec.resources[rid].desired, up=False)
    bench.world.faults["box#1 start"] = list(NO)
    result = bench.converge(spec, whole_undo=True)
    assert became(result)["disk#1 start"] is Status.DONE
    assert bench.world.things["disk#1"].state.up
    assert undone(bench) == []
    assert result.end is End.ROLLED_BACK


def test_undo_stops_at_a_barrier_and_says_so(bench):
    """The commits: what was put aside of box#1 is dropped, then the drop of box#2 fails."""
    bench.converge(service(box_1=ToyDesired(), box_2=ToyDesired()))
    edited = service(box_1=ToyDesired(replace=1), box_2=ToyDesired(replace=1))
    bench.world.faults["box#2 drop"] = list(NO)
    result = bench.with_means(workers=1).converge(edited, whole_undo=True)
    assert (result.end, result.undone) == (End.FAILED, False)
    assert "box#1: drop is not undone: it cannot be" in result.message
    assert bench.world.things["box#1"].state.replace == 1, "its old one is gone: there is no way back"
    assert bench.world.things["box#1"].state.up


def test_what_stays_keeps_what_it_rests_on_and_nothing_else(bench):
    """box#1 cannot be led back, and so the disk under it stays as well; what box#2 rests on has nothing to do with it."""
    spec = service(
        disk_1=DISK, disk_2=ToyDesired(gives="e"), box_1=BOX, box_2=ToyDesired(needs=("e",)), box_3=ToyDesired(needs=("e",))
    )
    bench.world.faults["box#3 start"] = list(NO)
    bench.world.faults["box#1 stop"] = list(NO)
    result = bench.converge(spec, whole_undo=True)
    assert (result.end, result.undone) == (End.FAILED, False)
    assert {rid for rid, seen in bench.world.things.items() if not isinstance(seen, Absent)} == {"disk#1", "box#1"}
    assert bench.world.things["box#1"].state.up and bench.world.things["disk#1"].state.up
    assert [left.says() for left in result.left] == [
        "box#1: start is not undone: cannot stop: no",
        "box#1: make is not undone: box#1 start rests on it, and stays",
        "disk#1: start is not undone: box#1 start rests on it, and stays",
        "disk#1: make is not undone: box#1 start rests on it, and stays",
    ]
    assert [left.commands for left in result.left] == [("toy turn",), ("toy put back",), ("toy turn",), ("toy put back",)]
    assert {rid: owned.applied for rid, owned in bench.owned.items()} == {"disk#1": None, "box#1": None}, "what stays is ours"
    assert bench.converge(spec).end is End.CONVERGED


def test_what_is_down_for_something_that_stays_is_not_brought_up_on_it(bench):
    """The disk was replaced under box#1, and its old one does not come back: box#1 does not start on what is half led back."""
    spec = service(disk_1=DISK, box_1=BOX, box_2=ToyDesired())
    bench.converge(spec)
    edited = service(disk_1=ToyDesired(gives="d", replace=1), box_1=BOX, box_2=ToyDesired(live=1))
    bench.world.faults["box#1 start"] = list(NO)
    bench.world.faults["disk#1 put back"] = list(NO)
    result = bench.converge(edited, whole_undo=True)
    assert [f"{left.step.rid} {left.step.action.says()}" for left in result.left] == ["disk#1 make", "disk#1 stop", "box#1 stop"]
    assert not bench.world.things["box#1"].state.up
    assert bench.world.things["box#2"].state.live == 0, "it has nothing to do with that"
    assert bench.converge(edited).end is End.CONVERGED


def test_what_stays_keeps_what_earlier_rounds_did_for_it(bench):
    bench.world.hidden = {"box#1": "disk#1"}
    bench.world.faults["box#1 start"] = list(NO)
    bench.world.faults["box#1 put back"] = list(NO)
    result = bench.converge(service(disk_1=DISK, box_1=BOX), whole_undo=True)
    assert result.rounds == 2
    assert [f"{left.step.rid} {left.step.action.says()}" for left in result.left] == ["box#1 make", "disk#1 start", "disk#1 make"]
    assert bench.world.things["disk#1"].state.up


def test_what_undoing_did_without_effect_is_not_undone(bench):
    bench.world.faults["box#1 start"] = list(NO)
    bench.world.blind = {"box#1 put back"}
    result = bench.converge(service(box_1=ToyDesired()))
    assert [left.why for left in result.left] == ["cannot put back: it ran without an error, but its effect cannot be seen"]


def test_rollback_off_holds(bench):
    bench.world.faults["box#1 start"] = list(NO)
    held = bench.converge(service(box_1=ToyDesired()), policy=Policy(rollback=False))
    assert (held.end, held.held, undone(bench)) == (End.FAILED, True, [])
    assert not bench.world.things["box#1"].state.up


def test_a_service_may_say_so_itself(bench):
    bench.world.faults["box#1 start"] = list(NO)
    spec = dataclasses.replace(service(box_1=ToyDesired()), rollback=False)
    assert bench.converge(spec).held


def test_what_cannot_be_undone_is_told(bench):
    bench.world.faults["box#1 start"] = list(NO)
    bench.world.faults["box#1 put back"] = [Permanent("read-only file system")]
    result = bench.converge(service(box_1=ToyDesired()))
    assert (result.end, result.undone) == (End.FAILED, False)
    assert "read-only file system" in result.message
    assert [entry.phase for entry in bench.store.journal()][-1] == "failed"


def test_undone_steps_are_in_the_journal(bench):
    bench.world.faults["box#1 start"] = list(NO)
    bench.converge(service(box_1=ToyDesired()))
    assert [(entry.op, entry.phase) for entry in bench.store.journal()][-1] == ("make", "undone")


def test_half_of_a_failed_steps_effect_is_led_back(bench):
    """It failed, but not without effect."""
    spec = service(box_1=ToyDesired())
    bench.world.hooks["box#1 start"] = lambda: bench.world.things.update({"box#1": up(ToyDesired())})
    bench.world.faults["box#1 start"] = list(NO)
    result = bench.converge(spec)
    assert undone(bench) == ["box#1 stop", "box#1 put back"]
    assert (result.end, bench.world.things["box#1"]) == (End.ROLLED_BACK, Absent(bench.world.things["box#1"].around))


def test_the_first_interrupt_undoes_what_is_half_done_only(bench):
    bench.world.hooks["box#1 make"] = bench.stop.interrupt
    spec = service(subset={"box#1": "b", "box#2": "a"}, box_1=ToyDesired(), box_2=ToyDesired())
    result = bench.with_means(workers=1).converge(spec)
    assert result.end is End.STOPPED
    assert isinstance(bench.world.things["box#1"], Absent)
    assert any(isinstance(event, UndoBegan) for event in bench.events)


def test_the_second_interrupt_stops_undoing(bench):
    def twice():
        bench.stop.interrupt()
        bench.stop.interrupt()

    bench.world.hooks["box#1 make"] = twice
    result = bench.converge(service(box_1=ToyDesired()))
    assert (result.end, result.undone) == (End.STOPPED, False)
    assert undone(bench) == []
    assert [left.says() for left in result.left] == ["box#1: make is not undone: undoing was stopped by a signal"]
    assert result.left[0].commands == ("toy put back",)


def test_an_interrupt_while_undoing_stops_at_the_next_action(bench):
    bench.world.faults["disk#1 start"] = []
    spec = service(disk_1=DISK, box_1=BOX)
    bench.world.faults["box#1 start"] = list(NO)
    bench.world.hooks["box#1 put back"] = lambda: (bench.stop.interrupt(), bench.stop.interrupt())
    result = bench.converge(spec, whole_undo=True)
    assert undone(bench) == ["box#1 put back"]
    assert (result.end, result.undone) == (End.FAILED, False)
    assert bench.world.things["disk#1"].state.up
    assert [left.step.rid for left in result.left] == ["disk#1", "disk#1"]


def test_a_step_that_failed_without_effect_is_not_told_as_left(bench):
    bench.world.hooks["box#1 start"] = bench.stop.terminate
    bench.world.faults["box#1 start"] = list(NO)
    result = bench.converge(service(box_1=ToyDesired()))
    assert [f"{left.step.rid} {left.step.action.says()}" for left in result.left] == ["box#1 make"]


def test_all_rounds_of_a_run_share_one_undo(bench):
    bench.world.hidden = {"box#1": "disk#1"}
    bench.world.faults["box#1 start"] = list(NO)
    result = bench.converge(service(disk_1=DISK, box_1=BOX), whole_undo=True)
    assert result.end is End.ROLLED_BACK
    assert isinstance(bench.world.things["disk#1"], Absent)


def test_what_was_led_back_until_nothing_is_left_is_not_owned(bench):
    bench.world.faults["box#1 start"] = list(NO)
    bench.converge(service(box_1=ToyDesired(), box_2=ToyDesired()))
    assert set(bench.owned) == {"box#2"}
