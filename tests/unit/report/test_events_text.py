"""The lines of events say what progress_line says of the same, as far as both say anything."""

from datetime import UTC, datetime

import pytest

from reconciler.core.outcome import Ended, Noticed, StepEnded
from reconciler.host.errors import Permanent
from reconciler.report.events_text import event_line
from reconciler.report.json_out import event_record
from reconciler.report.run_text import progress_line
from tests.unit.engine.node import Node

NOW = datetime(2026, 11, 23, 7, 41, 3, tzinfo=UTC)


@pytest.fixture
def node(tmp_path):
    made = Node(tmp_path)
    made.write("web")
    return made


def lines(node):
    return [event_line(event_record(event, NOW)) for event in node.events]


def test_a_run_is_told_from_its_plan_to_its_end(node):
    (result,) = node.apply()
    said = [line for line in lines(node) if line]
    assert said[0] == f"07:41:03 web run {result.run}: 2 steps"
    assert said[1:-1] == [line for event in node.events if (line := progress_line(event, NOW))]
    assert said[-1].startswith("07:41:03 web converged: fs#1, in ")


def test_steps_are_told_as_a_run_tells_them_and_what_failed_as_well(node):
    node.machine.fail_next(lambda label: label.startswith("mount ") and "/mnt/web" in label, Permanent("no"), times=9)
    node.apply()
    said = [line for line in lines(node) if line]
    assert any("fs#1 failed: " in line for line in said) and any("undone: " in line for line in said)
    assert said[-1].startswith("07:41:03 web rolled back")
    for event in node.events:
        said = progress_line(event, NOW)
        if said and not isinstance(event, Ended | StepEnded):
            assert event_line(event_record(event, NOW)) == said


def test_a_run_with_nothing_to_do_is_not_told(node):
    node.apply()
    node.events.clear()
    node.apply()
    assert [line for line in lines(node) if line] == []


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (event_record(Noticed("", "no room"), NOW), "07:41:03 no room"),
        (event_record(Noticed("web", "frozen"), NOW), "07:41:03 web frozen"),
        ({"event": "lost", "lines": 1}, "1 line lost: they were not read in time"),
        ({"event": "agent ended", "at": NOW.isoformat(), "service": ""}, "07:41:03 the agent ended; what runs is left as it is"),
        ({"event": "something of a newer agent", "at": NOW.isoformat()}, None),
    ],
)
def test_what_is_no_run(record, line):
    assert event_line(record) == line
