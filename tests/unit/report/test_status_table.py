"""The table of `osvc ls`, and its document."""

from dataclasses import replace
from datetime import UTC, datetime

import jsonschema

from reconciler.core.ban import Ban
from reconciler.core.policy import Aim, Goal
from reconciler.core.status import State, Status, status_of
from reconciler.report.paint import Paint
from reconciler.report.schemas import ls_schema
from reconciler.report.status_json import ls_document
from reconciler.report.status_table import status_table
from reconciler.report.status_tree import Shown
from tests.unit.core.toys import TOYS, ToyDesired, owned, plan_toys, service, up

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RAN = datetime(2026, 11, 23, 7, 41, tzinfo=UTC)
WANT = ToyDesired(live=2)


def shown(seen, goal=None, **more):
    spec = service(box_1=WANT, box_2=WANT)
    plan = plan_toys(spec, seen, owned(spec), goal) if goal else plan_toys(spec, seen, owned(spec))
    return Shown(status_of(plan, TOYS), "/etc/osvc/services.d/toys.yaml", **more)


GOOD = shown({"box#1": up(WANT), "box#2": up(WANT)}, changed=RAN)
DRIFTED = shown({"box#1": up(WANT, live=1), "box#2": up(WANT, up=False)}, state=State.FAILED, note="the last run failed")
STOPPED = shown(
    {"box#1": up(WANT, up=False), "box#2": up(WANT, up=False)}, Goal(Aim.DOWN, "alice", RAN.replace(day=1)), state=State.STOPPED
)


def test_a_line_for_each_service_in_columns():
    assert status_table([GOOD, DRIFTED, STOPPED], now=NOW).splitlines() == [
        "service  state    status  up   drift  since             spec",
        "toys     started  up      2/2  -      07:41             /etc/osvc/services.d/toys.yaml",
        "toys     failed   warn    1/2  2      -                 /etc/osvc/services.d/toys.yaml",
        "toys     stopped  down    0/2  -      2026-11-01 07:41  /etc/osvc/services.d/toys.yaml",
    ]


def test_on_a_terminal_the_name_of_a_spec_keeps_its_end():
    lines = status_table([GOOD, DRIFTED, STOPPED], now=NOW, width=72).splitlines()
    assert max(map(len, lines)) == 72
    assert lines[1].endswith("  …ces.d/toys.yaml")
    assert status_table([GOOD], width=10).splitlines()[1].endswith(" …d/toys.yaml"), "so narrow that it wraps"


def test_painted_it_has_the_same_columns():
    painted = status_table([GOOD, DRIFTED], now=NOW, paint=Paint(True))
    assert "\x1b[31mfailed\x1b[0m  " in painted and "\x1b[33m2\x1b[0m      -" in painted


def test_a_frozen_service_says_so_and_since_when():
    status = replace(GOOD.status, frozen=Ban("alice", NOW.replace(hour=11), "disk swap"))
    line = status_table([replace(GOOD, status=status, state=State.FROZEN)], now=NOW).splitlines()[1]
    assert line.split()[:6] == ["toys", "frozen", "up", "2/2", "-", "11:00"]


def test_the_document_fits_its_schema():
    document = ls_document([GOOD, DRIFTED, STOPPED], [], 0)
    jsonschema.validate(document, ls_schema())
    first, second, third = document["services"]
    assert (first["up"], first["resources"], first["drifted"], first["since"]) == (2, 2, 0, "2026-11-23T07:41:00+00:00")
    assert (second["state"], second["note"], second["overall"]) == ("failed", "the last run failed", "warn")
    assert (third["state"], third["goal"]["by"]) == ("stopped", "alice")


def test_what_is_disabled_or_rests_is_not_counted():
    status = GOOD.status
    lines = (status.resources[0], replace(status.resources[1], status=Status.NA))
    (record,) = ls_document([replace(GOOD, status=replace(status, resources=lines))], [], 0)["services"]
    assert (record["up"], record["resources"]) == (1, 1)
