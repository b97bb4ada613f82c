"""The table and its page, without a machine."""

import re
from itertools import product
from pathlib import Path

import pytest

from reconciler.cli.exits import Exit
from tests.integration.striking import STRIKES
from tests.reliability.campaign import every
from tests.reliability.kept import Kept
from tests.reliability.matrix import MATRIX, STEPS, VERBS, WHO, Case, Row, Run, When
from tests.reliability.report import fixed, rendered, rows_of
from tests.reliability.striker import Result, cases_of

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def test_the_page_has_the_rows_of_the_table() -> None:
    assert rows_of(PAGE.read_text()) == [fixed(row) for row in MATRIX], "make reliability"


def test_no_row_stands_twice_and_each_can_be_struck() -> None:
    assert len({(row.who, row.when, row.run) for row in MATRIX}) == len(MATRIX)
    assert {row.who for row in MATRIX} <= set(STRIKES)
    assert {row.who for row in MATRIX} == set(WHO), "the page has words for each, and for no other"


@pytest.mark.parametrize("who", ["osvc", "dockerd", "containerd", "container"])
def test_who_can_be_killed_is_killed_around_every_step_of_every_verb(who: str) -> None:
    assert {(row.when, row.run) for row in MATRIX if row.who == who} >= set(product(STEPS, VERBS))


def test_a_row_expects_codes_that_osvc_has() -> None:
    assert {code for row in MATRIX for code in row.exits} <= {-9, *map(int, Exit)}


def row(when: When = When.AFTER) -> Row:
    return Row("container", when, Run.START, (0,), "goes on")


def test_a_case_for_each_step_at_which_there_is_somebody_to_strike() -> None:
    actions = (
        {"step": "web dockerd start 1", "before": [], "after": ["dockerd"]},
        {"step": "web container#1 start 1", "before": ["dockerd"], "after": ["dockerd", "container"]},
    )
    assert cases_of(row(), actions) == (Case(row(), "web container#1 start 1"),)
    assert cases_of(row(When.BEFORE), actions) == ()
    assert cases_of(row(When.AHEAD), actions) == (Case(row(When.AHEAD)),)


@pytest.mark.parametrize("n", range(1, 9))
def test_a_part_of_the_cases_is_never_empty_and_begins_at_another_one_each_time(n: int) -> None:
    cases = tuple(Case(row(), str(step)) for step in range(5))
    parts = [every(cases, n, offset) for offset in range(n)]
    assert all(parts)
    assert {case for part in parts for case in part} == set(cases)


def test_results_are_kept_from_one_run_to_the_next_and_of_each_case_the_last(tmp_path: Path) -> None:
    path, case, other = tmp_path / "page.jsonl", Case(MATRIX[0], "web fs#1 mount 1"), Case(MATRIX[1], "web fs#1 mount 1")
    first = Kept(path)
    first.add(Result(case, None, 4.5, ("wrong",)))
    first.add(Result(other, 0, 1.0))
    assert set(Kept(path).results) == set(first.results) and first.has(case) and not first.has(Case(MATRIX[0], "another"))
    again = Kept(path)
    again.add(Result(case, -9, 5.0))
    assert {str(one.case): one.complaints for one in Kept(path).results} == {str(case): (), str(other): ()}
    path.write_text(path.read_text().replace(MATRIX[1].key, "a row that is gone"))
    assert [one.case for one in Kept(path).results] == [case]


def test_the_page_tells_what_became_of_a_row_and_what_is_wrong() -> None:
    first = MATRIX[0]
    good = Result(Case(first, "web fs#1 mount 1"), -9, 4.2)
    bad = Result(Case(first, "web fs#1 mkdir 1"), 1, 8.0, ("the struck run\nsaid /tmp/o-abc_1/r | no",))
    page = rendered([good, bad])
    assert "2 cases, 1 not as expected." in page
    line = next(line for line in page.splitlines() if line.startswith("| " + " | ".join(fixed(first))))
    assert line.endswith("| 2 | 1 (1), its death (1) | 1 | 6, at most 8 |")
    assert f"- {bad.case}: the struck run said …/r / no" in page
    assert not re.search(r"\d\d:\d\d", page), "no time of day"
    assert rows_of(page) == [fixed(row) for row in MATRIX]
