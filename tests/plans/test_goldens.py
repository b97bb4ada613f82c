"""Every golden scenario: the plan is the one in its file, and obeys the four laws. `make golden` rewrites the files."""

import os
from pathlib import Path

import pytest

from reconciler.core.change import Cause, Verdict
from reconciler.engine.moving import moving
from reconciler.engine.target import Target
from reconciler.resources.registry import kind_of
from tests.plans.golden import FOLDER, NAME, read, rewrite, text_of

FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    scenario = read(path)
    plan = text_of(scenario)
    if os.environ.get("OSVC_GOLDEN") == "rewrite":
        rewrite(path, plan)
    else:
        assert plan == scenario.text, f"{path.stem}: {scenario.about} (make golden rewrites, then read the difference)"
    scenario.check(scenario.plan())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_selection_moves_is_told_before_it_is_planned(path: Path) -> None:
    """Whether somebody looked before or not."""
    scenario = read(path)
    asked = Target(NAME, scenario.service, scenario.goal, restarts=scenario.restarts)
    worked = {step.rid for step in scenario.plan().steps}
    for seen in ({}, scenario.observed):
        assert worked <= set(moving(asked, scenario.ownership, kind_of, scenario.selection, seen).possible)


def test_every_verdict_and_cause_has_a_golden() -> None:
    changes = [change for path in FILES for change in read(path).plan().changes]
    assert {change.verdict for change in changes} == set(Verdict)
    assert {field.cause for change in changes for field in change.fields} == set(Cause)
