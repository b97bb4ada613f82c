"""The lines of events say what progress_line says of the same, as far as both say anything."""

import json
from datetime import UTC, datetime

import pytest

from reconciler.core.bells import Bell, Source
from reconciler.core.outcome import Ended, Noticed, Rang, StepEnded
from reconciler.host.errors import Permanent
from reconciler.report.events_text import event_line
from reconciler.report.json_out import event_record
from reconciler.report.rang_json import BELLS, SERVICES
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


def bell(source, key="", part=""):
    return Bell(source, key, part)


def of_engine(part, key="/run/d.sock"):
    return Bell(Source.ENGINE, key, part)


def ident(number):
    return f"{number:064x}"


def test_what_rang_by_name_and_by_id_is_told_and_counted_once():
    bells = {of_engine(f"container {one}"): f"died (exit {n})" for n in range(15) for one in (f"web{n:02}", ident(n))}
    bells |= {of_engine(f"network {one}"): "removed" for one in ("web", ident(99))}
    record = event_record(Rang("", bells, ["web"]), NOW)
    assert [told["part"] for told in record["bells"]] == [*(f"container web{n:02}" for n in range(15)), "network web"]
    assert record["left_out"]["bells"] == 0
    assert event_line(record).endswith("container web02 died (exit 2) and 13 more → looks at web")


def test_what_has_no_other_name_is_told():
    """A volume that nobody named; a container of another engine, or of which something else is said than of the one beside it."""
    bells = {of_engine("volume data"): "created", of_engine(f"volume {ident(1)}"): "created"}
    bells |= {of_engine("container web"): "died", of_engine("network web"): "created"}
    bells |= {of_engine(f"container {ident(2)}"): "disconnected", of_engine(f"container {ident(3)}", "/run/e.sock"): "died"}
    record = event_record(Rang("", bells, ["web"]), NOW)
    assert {(told["key"], told["part"]) for told in record["bells"]} == {(one.key, one.part) for one in bells}


@pytest.mark.parametrize(
    ("bells", "services", "line"),
    [
        (
            {bell(Source.ENGINE, "/run/d.sock", "container web"): "died (exit 137)"},
            ["web"],
            "engine told: container web died (exit 137) → looks at web",
        ),
        (
            {bell(Source.ENGINE, "/run/d.sock", f"container {one}"): "died" for one in ("web", "a" * 64)},
            ["web"],
            "engine told: container web died → looks at web",
        ),
        (
            {bell(Source.ENGINE, "/run/d.sock", f"container {'a' * 64}"): "disconnected"},
            ["web"],
            "engine told: container aaaaaaaaaaaa disconnected → looks at web",
        ),
        (
            {
                bell(Source.MOUNTS, "", "/srv/web"): "unmounted",
                bell(Source.LINKS, "", "eth0"): "",
                bell(Source.PROCESS, "812 48213"): "ended",
                bell(Source.ENGINE, "/run/d.sock"): "broke off",
            },
            ["web", "db"],
            "engine told: /run/d.sock broke off; network devices: eth0 changed; mount table: /srv/web unmounted;"
            " processes: 812 ended → looks at db, web",
        ),
        ({bell(Source.FILES, "/etc/osvc/services.d"): ""}, ["web"], "files: /etc/osvc/services.d changed → looks at web"),
        (
            {bell(Source.MOUNTS, "", f"/srv/{n:02}"): "mounted" for n in range(25)},
            [f"s{n}" for n in range(1, 61)],
            "mount table: /srv/00 mounted, /srv/01 mounted, /srv/02 mounted and 17 more; 5 more → looks at s1, s2, s3 and 57 more",
        ),
    ],
)
def test_what_rang_is_told_by_name_and_for_whom(bells, services, line):
    record = json.loads(json.dumps(event_record(Rang("", bells, services), NOW)))
    assert event_line(record) == f"07:41:03 {line}"
    assert len(record["bells"]) <= BELLS and len(record["services"]) <= SERVICES
    left_out, twice = record["left_out"], of_engine(f"container {'a' * 64}") in bells and of_engine("container web") in bells
    assert len(record["bells"]) + left_out["bells"] == len(bells) - twice
    assert len(record["services"]) + left_out["services"] == len(services)
