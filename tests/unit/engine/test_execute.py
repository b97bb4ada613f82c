"""execute: order, failures, retries, signals, the journal."""

import pytest

from reconciler.core.action import Action
from reconciler.core.outcome import Began, End, Ended, Status, StepBegan, StepEnded, StepSaid
from reconciler.engine import execute
from reconciler.host.errors import Busy, Permanent, Transient
from tests.unit.core.toys import ToyDesired, Turn, service, up
from tests.unit.engine.bench import became, of

DISK = ToyDesired(gives="d")
BOX = ToyDesired(needs=("d",))


def phases(bench):
    return [(entry.rid, entry.op, entry.phase) for entry in bench.store.journal()]


def test_the_journal_tells_what_was_tried_before_and_what_became_of_it(bench):
    result = bench.converge(service(box_1=ToyDesired()))
    assert phases(bench) == [
        ("box#1", "make", "intend"),
        ("box#1", "make", "done"),
        ("box#1", "turn", "intend"),
        ("box#1", "turn", "done"),
    ]
    assert {entry.run for entry in bench.store.journal()} == {result.run}


def test_intend_is_written_before_the_effect(bench):
    seen = []
    bench.world.hooks["box#1 make"] = lambda: seen.extend(phases(bench))
    bench.converge(service(box_1=ToyDesired()))
    assert seen == [("box#1", "make", "intend")]


def test_what_needs_a_failed_step_is_skipped_and_independent_safe_work_is_finished(bench):
    bench.world.faults["disk#1 start"] = [Permanent("no such device")]
    result = bench.converge(service(disk_1=DISK, box_1=BOX, box_2=ToyDesired()))
    status = became(result)
    assert status["disk#1 start"] is Status.FAILED
    assert status["box#1 start"] is Status.SKIPPED
    assert status["box#2 start"] is Status.DONE
    assert bench.world.things["box#2"].state.up
    assert of(result, "disk#1 start").message == "cannot start: no such device"


def test_a_failure_before_in_the_sequence_alone_skips_nothing(bench):
    """Members of one subset start one after the other, but do not need each other."""
    spec = service(subset={"box#1": "s", "box#2": "s"}, box_1=ToyDesired(), box_2=ToyDesired())
    bench.world.faults["box#1 start"] = [Permanent("exited 1")]
    assert became(bench.converge(spec))["box#2 start"] is Status.DONE


def test_after_a_failure_nothing_more_is_interrupted(bench):
    spec = service(subset={"box#1": "a", "box#2": "b"}, box_1=ToyDesired(), box_2=ToyDesired())
    bench.converge(spec)
    bench.world.tried.clear()
    edited = service(subset={"box#1": "a", "box#2": "b"}, box_1=ToyDesired(restart=1), box_2=ToyDesired(restart=1))
    bench.world.faults["box#2 stop"] = [Permanent("no")]
    status = became(bench.with_means(workers=1).converge(edited))
    assert status["box#2 stop"] is Status.FAILED, "subsets go down in reverse"
    assert status["box#1 stop"] is Status.CANCELLED
    assert bench.world.things["box#1"].state.up


@pytest.mark.parametrize("error", [Transient("connection refused"), Busy("busy (pid 812 mysqld)")])
def test_what_may_pass_is_tried_again_and_said(bench, error):
    bench.world.faults["box#1 start"] = [error, error]
    result = bench.converge(service(box_1=ToyDesired()))
    assert result.end is End.CONVERGED
    assert bench.world.tried.count("box#1 start") == 3
    said = [event.text for event in bench.events if isinstance(event, StepSaid)]
    assert len(said) == 2 and all(text.startswith(str(error)) for text in said)


def test_it_is_not_tried_for_ever(bench):
    bench.world.faults["box#1 start"] = [Transient("no answer") for _ in range(50)]
    result = bench.converge(service(box_1=ToyDesired()))
    assert result.end is End.ROLLED_BACK
    assert bench.world.tried.count("box#1 start") == 5


def test_a_permanent_error_is_not_tried_again(bench):
    bench.world.faults["box#1 start"] = [Permanent("no")]
    bench.converge(service(box_1=ToyDesired()))
    assert bench.world.tried.count("box#1 start") == 1


def test_a_step_whose_effect_cannot_be_seen_has_failed(bench):
    bench.world.blind.add("box#1 start")
    result = bench.converge(service(box_1=ToyDesired()))
    assert of(result, "box#1 start").status is Status.FAILED
    assert "its effect cannot be seen" in result.message


def test_what_is_there_already_is_not_done_again(bench):
    """Somebody starts it while the run is at something else: seen before the step, for the step interrupts something."""
    bench.converge(service(box_1=ToyDesired(), box_2=ToyDesired()))
    edited = service(box_1=ToyDesired(restart=1), box_2=ToyDesired(restart=1))
    bench.world.hooks["box#1 stop"] = lambda: bench.world.things.update({"box#2": up(ToyDesired(), up=False)})
    result = bench.with_means(workers=1).converge(edited)
    assert of(result, "box#2 stop").status is Status.ALREADY
    assert "box#2 stop" not in bench.world.tried
    assert result.end is End.CONVERGED


def test_a_signal_finishes_the_step_at_hand_and_begins_no_other(bench):
    bench.world.hooks["box#1 make"] = bench.stop.terminate
    result = bench.converge(service(box_1=ToyDesired()))
    assert became(result) == {"box#1 make": Status.DONE, "box#1 start": Status.CANCELLED}
    assert result.end is End.STOPPED
    assert "box#1" in bench.world.things


def test_a_lost_lease_begins_nothing(bench):
    class Lost:
        def epoch(self, service):
            return None

    result = bench.with_means(lease=Lost()).converge(service(box_1=ToyDesired()))
    assert bench.world.tried == []
    assert "lost the lease" in result.message
    assert result.end is End.STOPPED


def test_a_bug_comes_out_and_ends_nothing_silently(bench):
    def broken():
        raise RuntimeError("a bug")

    bench.world.hooks["box#1 make"] = broken
    with pytest.raises(RuntimeError, match="a bug"):
        bench.converge(service(box_1=ToyDesired()))


def test_events_come_in_pairs_and_the_last_is_the_result(bench):
    result = bench.converge(service(disk_1=DISK, box_1=BOX, box_2=BOX))
    began = [event.step.key() for event in bench.events if isinstance(event, StepBegan)]
    ended = [event.outcome.step.key() for event in bench.events if isinstance(event, StepEnded)]
    assert sorted(began) == sorted(ended)
    assert isinstance(bench.events[0], Began)
    assert bench.events[-1] == Ended("toys", result.run, bench.events[-1].result)
    assert bench.events[-1].result.end is result.end


def test_outcomes_are_numbered_over_all_rounds(bench):
    bench.world.hidden = {"box#1": "disk#1"}
    result = bench.converge(service(disk_1=DISK, box_1=BOX))
    assert [outcome.order for outcome in result.outcomes] == list(range(1, len(result.outcomes) + 1))


def test_what_the_services_share_is_done_under_the_nodes_lock(bench, monkeypatch):
    holders = []
    monkeypatch.setattr(Turn, "shared", True)
    bench.world.hooks["box#1 make"] = lambda: holders.append(bench.means.locks.holder("@node"))
    bench.world.hooks["box#1 start"] = lambda: holders.append(bench.means.locks.holder("@node"))
    bench.converge(service(box_1=ToyDesired()))
    assert holders[0] == ""
    assert "osvc test" in holders[1]
    assert Action.shared is False


def test_a_blind_action_is_done_whatever_is_seen_and_its_end_is_its_proof(bench, monkeypatch):
    monkeypatch.setattr(Turn, "blind", True)
    bench.converge(service(box_1=ToyDesired(), box_2=ToyDesired()))
    bench.world.hooks["box#1 stop"] = lambda: bench.world.things.update({"box#2": up(ToyDesired(), up=False)})
    bench.world.blind.add("box#1 start")
    result = bench.with_means(workers=1).converge(service(box_1=ToyDesired(restart=1), box_2=ToyDesired(restart=1)))
    assert of(result, "box#2 stop").status is Status.DONE
    assert of(result, "box#1 start").status is Status.DONE


def test_each_step_is_judged_when_its_turn_comes_and_not_before(bench, monkeypatch):
    """No look at all the steps that are left after each that ends."""
    judged = []
    judge = execute._Walk._judge
    monkeypatch.setattr(execute._Walk, "_judge", lambda walk, step: judged.append(step.n) or judge(walk, step))
    spec = service(**{f"box_{n}": ToyDesired() for n in range(40)})
    result = bench.converge(spec)
    assert result.end is End.CONVERGED
    assert len(result.outcomes) == 80
    assert len(judged) <= 3 * 80
