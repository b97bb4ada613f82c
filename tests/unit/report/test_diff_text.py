"""osvc diff's text: what a plan is about, keyword by keyword, and nothing else."""

import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from reconciler.core.change import Cause, FieldChange, Verdict
from reconciler.core.difference import Difference, Stand, differences_of
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim
from reconciler.core.rules import Impact
from reconciler.core.secrets import HIDDEN
from reconciler.report.diff_json import diff_document
from reconciler.report.diff_text import diff_text
from reconciler.report.paint import Paint
from reconciler.report.schemas import diff_schema
from reconciler.resources.registry import kind_of
from tests.plans.golden import FOLDER, Scenario, read
from tests.texts import same_as_kept

FILES = sorted(FOLDER.glob("*.yaml"))
SHOWN = (
    "container-live-both",
    "container-orphan-kept",
    "container-remove-orphan",
    "container-replace-environment",
    "container-replace-spec",
    "container-start-drift",
    "container-unknown-deferred",
    "directory-live",
    "fs-create-types",
    "fs-live-drift",
    "ip-replace-netmask",
    "network-create-new",
    "service-stop",
    "service-stopped",
)


def found(scenario: Scenario) -> tuple[Plan, tuple[Difference, ...]]:
    plan = scenario.plan()
    return plan, differences_of(plan, scenario.service, {change.type: kind_of(change.type) for change in plan.changes})


def text(scenario: Scenario, paint: Paint | None = None, width: int = 0) -> str:
    _, items = found(scenario)
    return diff_text("web", items, scenario.service, "services.d/web.yaml", paint=paint or Paint(False), width=width)


def test_some_of_them_as_they_are_read() -> None:
    parts = []
    for name in SHOWN:
        scenario = read(FOLDER / f"{name}.yaml")
        parts.append(f"# {name}: {scenario.about}\n{text(scenario)}")
    same_as_kept("diff.txt", "\n".join(parts))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_everything_that_a_plan_changes_for_its_own_sake_is_in_it(path: Path) -> None:
    scenario = read(path)
    plan, items = found(scenario)
    by_rid = {item.rid: item for item in items}
    for change in plan.changes:
        item = by_rid.get(change.rid)
        if change.fields and change.aim is Aim.UP and change.verdict not in (Verdict.KEEP, Verdict.ADOPT):
            assert item is not None and item.fields == change.fields
        if change.verdict in (Verdict.CREATE, Verdict.START, Verdict.STOP, Verdict.REMOVE):
            assert item is not None and item.before is not item.after
        if change.verdict in (Verdict.KEEP, Verdict.ADOPT, Verdict.RELEASE):
            assert item is None
        if item is not None and item.before is Stand.UNKNOWN:
            assert change.seen is None
    said = text(scenario)
    assert bool(said) == bool(items)
    assert re.sub(r"\x1b\[\d+m", "", text(scenario, Paint(True))) == said
    for line in said.splitlines():
        assert line[:1] in ("-", "+", "@", " ")
    jsonschema.validate(diff_document([(plan, scenario.service, "web.yaml", items)], [], 2), diff_schema())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_on_a_narrow_terminal_it_fits_and_says_the_same(path: Path) -> None:
    scenario = read(path)
    whole = text(scenario)
    lines = text(scenario, width=40).splitlines()
    assert [line for line in lines if len(line) > 40 and len(line.split()) > 1] == []
    again = re.sub(r"\n {2,}", " ", "\n".join(lines))
    assert [line.split() for line in again.splitlines()] == [line.split() for line in whole.splitlines()]
    assert text(scenario, width=10_000) == whole


def test_what_has_no_room_goes_on_below_the_value() -> None:
    scenario = read(FOLDER / "container-replace-spec.yaml")
    _, (item, *_) = found(scenario)
    field = FieldChange("command", ("sh", "-c", "sleep 1"), ("sh", "-c", "x yy " * 8), Impact.REPLACE, Cause.SPEC)
    item = replace(item, fields=(field,), before=item.after)
    place = "/a/folder/that/nobody/can/part/web.yaml"
    assert diff_text("web", (item,), scenario.service, place, paint=Paint(True), width=30) == (
        "\x1b[1m--- web on this machine\x1b[0m\n"
        f"\x1b[1m+++ {place}\x1b[0m\n"
        "\x1b[36m@@ container#2  web.yaml:6 @@\x1b[0m\n"
        "\x1b[31m-command: sh -c 'sleep 1'\x1b[0m\n"
        "\x1b[32m+command: sh -c 'x yy x yy x\n"
        "          yy x yy x yy x yy x\n"
        "          yy x yy '\x1b[0m\n"
    )


def test_a_secret_is_not_shown() -> None:
    scenario = read(FOLDER / "container-replace-environment.yaml")
    plan, items = found(scenario)
    assert HIDDEN in text(scenario)
    assert HIDDEN in str(diff_document([(plan, scenario.service, "web.yaml", items)], [], 2))


def test_a_command_is_shown_as_a_shell_takes_it() -> None:
    scenario = read(FOLDER / "container-replace-spec.yaml")
    _, (item, *_) = found(scenario)
    words = ("sh", "-c", "echo 'a  b' > /tmp/x", "", "size=1m")
    item = replace(item, fields=(FieldChange("command", words, ("sh", "-c", "x y " * 30), Impact.REPLACE, Cause.SPEC),))
    whole = diff_text("web", (item,), scenario.service, "web.yaml")
    assert """-command: sh -c 'echo '"'"'a  b'"'"' > /tmp/x' '' size=1m\n""" in whole
    assert "+command: sh -c 'x y x" in whole
