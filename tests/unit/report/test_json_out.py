"""The documents of --json, and their schemas."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import jsonschema
import pytest

from reconciler.core.outcome import (
    Began,
    CommandBegan,
    CommandEnded,
    End,
    Ended,
    Left,
    Outcome,
    Progress,
    Result,
    Status,
    StepBegan,
    StepEnded,
    StepMoved,
    StepSaid,
    Undid,
    UndoBegan,
    Waiting,
)
from reconciler.core.service import Origin
from reconciler.core.status import status_of
from reconciler.report import json_out
from reconciler.report.run_text import moving_line, progress_line, result_text, summary
from reconciler.report.schemas import plan_schema, status_schema
from reconciler.report.status_json import status_document
from reconciler.report.status_tree import Shown
from reconciler.resources.registry import kind_of
from tests.plans.golden import FOLDER, read
from tests.unit.core.toys import ToyDesired, absent, plan_toys, service

NOW = datetime(2026, 11, 23, 12, 3, 11, tzinfo=UTC)
ALL = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_every_golden_plan_and_status_fits_its_schema(path):
    scenario = read(path)
    plan = scenario.plan()
    document = json_out.plan_document([(plan, scenario.service)], [json_out.error_record(Origin("a", 1, 2), "x")], 2)
    jsonschema.validate(json.loads(json.dumps(document)), plan_schema())
    status = status_of(plan, {change.type: kind_of(change.type) for change in plan.changes})
    document = status_document([Shown(status, "web.yaml")], [], 0)
    jsonschema.validate(json.loads(json.dumps(document)), status_schema())


def test_the_schemas_are_schemas_and_refuse_what_is_wrong():
    for schema in (plan_schema(), status_schema()):
        jsonschema.Draft202012Validator.check_schema(schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(status_document([], [], 0), plan_schema())


def test_values_that_json_does_not_know_are_made_plain_and_secrets_stay_hidden():
    value = {"API_TOKEN": "abc", "set": frozenset({"b", "a"}), "pair": (1, None), "model": ToyDesired(live=3)}
    plain = json_out.plain_data(value)
    assert plain["API_TOKEN"] == "(hidden)" and plain["set"] == ["a", "b"] and plain["pair"] == [1, None]
    assert plain["model"]["live"] == 3
    json.dumps(plain)


def events():
    spec = service(box_1=ToyDesired())
    plan = plan_toys(spec, {"box#1": absent()})
    step = plan.steps[0]
    failed = Outcome(step, Status.FAILED, message="no space", output="a\x1b[31mb", seconds=1.5)
    result = Result("toys", End.ROLLED_BACK, "r1", plan, (failed,), 1, 4.06, "make failed", "look at the disk")
    return plan, step, failed, result


def test_each_event_is_a_line_of_json_and_of_text():
    plan, step, failed, result = events()
    lines = [
        (Waiting("toys", "pid 812, apply"), "12:03:11 toys waits for another run: pid 812, apply"),
        (Began("toys", "r1", 1, plan), None),
        (Began("toys", "r1", 2, plan), "12:03:11 toys looked again: 2 steps more"),
        (StepBegan("toys", "r1", step), "12:03:11 toys box#1 make"),
        (StepSaid("toys", "r1", step, "3 of 5"), "12:03:11 toys box#1 3 of 5"),
        (StepMoved("toys", "r1", step, Progress(2, 5, "layers")), None),
        (CommandBegan("toys", "r1", step, "mount /dev/x /srv"), None),
        (CommandEnded("toys", "r1", step, "mounted"), None),
        (StepEnded("toys", "r1", failed), "12:03:11 toys box#1 failed: cannot make: no space"),
        (StepEnded("toys", "r1", Outcome(step, Status.DONE, seconds=0.2)), None),
        (StepEnded("toys", "r1", Outcome(step, Status.DONE, seconds=12)), "12:03:11 toys box#1 make: done in 12 s"),
        (UndoBegan("toys", "r1", "box#1", ("box#1", "box#2")), "12:03:11 toys box#1 is not done: undoing box#1, box#2"),
        (Undid("toys", "r1", step, step.action), "12:03:11 toys box#1 undone: make"),
        (Undid("toys", "r1", step, step.action, "busy"), "12:03:11 toys box#1 cannot undo (make): busy"),
        (Ended("toys", "r1", result), None),
    ]
    for event, line in lines:
        assert progress_line(event, NOW) == line
        record = json.loads(json.dumps(json_out.event_record(event, NOW)))
        assert record["service"] == "toys" and record["at"] == "2026-11-23T12:03:11+00:00" and record["event"]


def test_how_far_a_step_is_stands_in_a_line_of_its_own_and_in_plain_numbers():
    _, step, *_ = events()
    moved = StepMoved("toys", "r1", step, Progress(2, 5, "layers", 13 << 20, 48 << 20))
    assert moving_line(moved) == "toys box#1: 2 of 5 layers, 13.0 of 48.0 MiB: make"
    assert moving_line(moved._replace(progress=Progress(0, 5, "layers"))) == "toys box#1: 0 of 5 layers: make"
    record = json_out.event_record(moved, NOW)
    assert record["event"] == "step moved" and (record["n"], record["rid"], record["unit"]) == (step.n, "box#1", "layers")
    assert [record[key] for key in ("done", "total", "current", "size")] == [2, 5, 13 << 20, 48 << 20]


def test_a_command_and_what_it_said_are_plain_text():
    _, step, *_ = events()
    assert json_out.event_record(CommandBegan("toys", "r1", step, "make a\x1b[31mb"), NOW)["command"] == "make ab"
    ended = json_out.event_record(CommandEnded("toys", "r1", step, "a\x1b[31mb\n"), NOW)
    assert (ended["event"], ended["n"], ended["rid"], ended["output"]) == ("command ended", step.n, "box#1", "ab\n")


def test_a_failure_says_what_failed_what_was_said_and_what_to_do():
    *_, result = events()
    text = result_text(result)
    assert text.splitlines() == [
        "toys: rolled back: make failed",
        "  box#1: cannot make: no space",
        "    | ab",
        "  → look at the disk",
    ]


def test_an_undo_that_is_not_complete_is_told():
    *_, failed, _ = events()
    text = result_text(Result("toys", End.FAILED, outcomes=(failed,), undone=False, casefile="/var/lib/osvc/cases/1"))
    assert "  nothing was undone: look at the plan before you go on\n" in text and "case file: /var/lib/osvc/cases/1" in text
    assert text.endswith("  → osvc plan -s toys\n")


def test_what_was_not_undone_is_told_step_by_step_with_what_leads_back():
    _, step, *_ = events()
    result = Result(
        "toys", End.FAILED, undone=False, left=(Left(step, "cannot put back: no", ("toy put back",)), Left(step, "it cannot be"))
    )
    told = "  box#1: make is not undone: cannot put back: no\n    $ toy put back\n  box#1: make is not undone: it cannot be\n"
    assert told in result_text(result)
    assert json_out.result_record(result)["left"] == [
        {"n": 1, "rid": "box#1", "says": "make", "why": "cannot put back: no", "commands": ["toy put back"]},
        {"n": 1, "rid": "box#1", "says": "make", "why": "it cannot be", "commands": []},
    ]


def test_a_good_end_counts_what_was_touched():
    plan, step, *_ = events()
    done = Outcome(step, Status.DONE)
    good = Result("toys", End.CONVERGED, plan=plan, outcomes=(done,), seconds=4.06)
    assert result_text(good) == "toys: converged in 4.1 s, 1 of 1 touched\n"
    assert result_text(Result("toys", End.CONVERGED, plan=plan)) == "toys: nothing to do\n"
    assert summary((good, Result("b", End.LOCKED)), 5) == "2 services: 1 converged, 1 locked; 1 of 1 touched in 5 s\n"


def test_what_was_pruned_counts_although_nothing_of_it_is_known_any_more():
    gone = Result("a", End.CONVERGED, outcomes=(Outcome(events()[1], Status.DONE),))
    assert summary((gone, replace(gone, service="b")), 1) == "2 services: 2 converged; 2 of 2 touched in 1 s\n"
