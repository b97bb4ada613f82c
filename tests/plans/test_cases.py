"""Every golden case: planning again from the file alone gives the recorded plan, which obeys the four laws; and every scenario
comes back from a case file as it was. `make golden` rewrites the plans; `make case FILE=…` adds a case."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core.outline import outline
from reconciler.engine.casefile import dump, parse, read
from tests.plans import cases, golden

CASES = sorted(cases.FOLDER.glob("*.yaml"))
WITH_SECRETS = ("container-replace-environment", "app-restart-spec")
SCENARIOS = sorted(golden.FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case = read(str(path))
    plan = case.replan()
    if os.environ.get("OSVC_GOLDEN") == "rewrite":
        path.write_text(dump(replace(case, plan=outline(plan))))
    else:
        assert case.difference(plan) == "", f"{path.stem}: {case.about} (make golden rewrites, then read the difference)"
    cases.check(case, plan)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_that_is_read_and_written_says_the_same(path: Path) -> None:
    """Whatever a later version adds to the text, nothing of it changes."""
    case = read(str(path))
    again = parse(dump(case), path.name)
    assert dump(again) == dump(case)
    assert (again.observed, again.ownership, again.outcomes, again.plan) == (
        case.observed,
        case.ownership,
        case.outcomes,
        case.plan,
    )


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_comes_back_from_its_case(path: Path) -> None:
    case = cases.case_of(golden.read(path))
    text = dump(case)
    again = parse(text, "x.yaml")
    assert again.difference(again.replan()) == ""
    assert (again.plan, again.goal, again.selection, again.policy) == (case.plan, case.goal, case.selection, case.policy)
    assert dump(again) == text
    if path.stem in WITH_SECRETS:
        assert "hidden-1" in text
        return
    wanted = [dict.fromkeys(one.service.resources) if one.service else None for one in (again, case)]
    assert wanted[0] == wanted[1]
    for rid in wanted[0] or ():
        assert again.service.resources[rid].desired == case.service.resources[rid].desired
    assert (again.observed, again.ownership) == (case.observed, case.ownership)
