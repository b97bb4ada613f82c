"""The reference's action log, event by event."""

from datetime import UTC, datetime

from reconciler.core.outcome import (
    Began,
    CommandBegan,
    CommandEnded,
    Noticed,
    Outcome,
    Status,
    StepBegan,
    StepEnded,
    StepSaid,
    Undid,
    UndoBegan,
    Waiting,
)
from reconciler.report.svc_log import SvcLog
from tests.unit.report.test_json_out import events

NOW = datetime(2026, 11, 23, 7, 17, 58, tzinfo=UTC)


def told(*happened, already=lambda plan: ()):
    log = SvcLog(already)
    return "".join(log.text(event, NOW) for event in happened).splitlines()


def test_each_event_has_its_line():
    _, step, failed, _ = events()
    head = "07:17:58 INFO    TOYS.BOX#1"
    assert told(Waiting("toys", "pid 812, apply")) == ["07:17:58 INFO    TOYS         wait for another run: pid 812, apply"]
    assert told(Noticed("toys", "no")) == ["07:17:58 WARNING TOYS         no"]
    assert told(StepSaid("toys", "r", step, "3 of 5")) == [f"{head}   3 of 5"]
    assert told(UndoBegan("toys", "r", "box#1", ("box#1", "box#2"))) == [f"{head}   trying to rollback box#1, box#2"]
    assert told(Undid("toys", "r", step, step.action)) == [f"{head}   undone: make"]
    assert told(Undid("toys", "r", step, step.action, "busy")) == ["07:17:58 ERROR   TOYS.BOX#1   cannot undo (make): busy"]
    skipped = Outcome(step, Status.SKIPPED, message="step 1 was not done")
    assert told(StepEnded("toys", "r", skipped)) == ["07:17:58 WARNING TOYS.BOX#1   make: skipped: step 1 was not done"]
    assert told(StepEnded("toys", "r", failed)) == [
        "07:17:58 ERROR   TOYS.BOX#1   no space",
        "07:17:58 ERROR   TOYS.BOX#1   output:",
        "ab",
        "",
    ]


def test_what_is_as_it_shall_be_is_told_once_in_a_run():
    plan, *_ = events()
    begin = [Began("toys", "r", number, plan) for number in (1, 2)]
    assert told(*begin, already=lambda plan: [("box#1", "box is already up")]) == [
        "07:17:58 INFO    TOYS.BOX#1   box is already up"
    ]


def test_a_step_is_told_by_the_commands_that_it_ran_and_else_by_what_does_the_same():
    _, step, *_ = events()
    done = StepEnded("toys", "r", Outcome(step, Status.DONE))
    begun = StepBegan("toys", "r", step)
    ran = (CommandBegan("toys", "r", step, "mount /srv"), CommandEnded("toys", "r", step, " mounted\n\n"))
    head = "07:17:58 INFO    TOYS.BOX#1  "
    same = f"{head} {step.action.command() or step.action.says()}"
    heard = [f"{head} mount /srv", f"{head} output:", " mounted", ""]
    assert told(begun, *ran, done) == heard
    assert told(begun, done) == [same]
    assert told(begun, *ran, done, *ran, Undid("toys", "r", step, step.action), begun, done)[-1] == same, "another round"


def test_what_a_command_said_is_not_said_again_when_its_step_fails():
    _, step, failed, _ = events()
    ran = (CommandBegan("toys", "r", step, "fsck"), CommandEnded("toys", "r", step, failed.output))
    assert told(*ran, StepEnded("toys", "r", failed))[-1] == "07:17:58 ERROR   TOYS.BOX#1   no space"
