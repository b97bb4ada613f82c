"""Rows of the benchmark: what counts, what is good enough, and that JSON keeps all of it."""

import json
from dataclasses import replace

import pytest

from benchmarks.rows import Goal, Row, Samples

ROW = Row("cold", 50, "containers", Samples("osvc", (10.0, 9.0, 11.0), 40 << 20), Samples("floor", (8.0, 8.0, 8.0)))


def samples(*seconds: float) -> Samples:
    return Samples("other", seconds)


@pytest.mark.parametrize(
    ("changes", "allowed", "verdict"),
    [
        ({}, None, ""),
        ({"goal": Goal(1.25)}, 10.0, "reached"),
        ({"goal": Goal(1.2)}, 9.6, "missed"),
        ({"goal": Goal(1.2, slack=0.4)}, 10.0, "reached"),
        ({"goal": Goal(1.2), "start_up": samples(0.3, 0.5, 0.4)}, 10.0, "reached"),
        ({"goal": Goal(2.0, ahead=True), "peer": samples(9.5)}, 9.5, "missed"),
        ({"goal": Goal(1.25, ahead=True), "peer": samples(20.0)}, 10.0, "reached"),
        ({"goal": Goal(2.0), "peer": samples(9.5)}, 16.0, "reached"),
    ],
)
def test_the_median_is_held_against_what_is_allowed(changes: dict[str, object], allowed: float | None, verdict: str) -> None:
    row = replace(ROW, **changes)
    assert row.ratio == 1.25
    assert row.allowed == (None if allowed is None else pytest.approx(allowed))
    assert row.verdict == verdict


def test_the_slowest_in_twenty_is_held_against_what_is_allowed_too() -> None:
    most = samples(*[8.1] * 28, 8.4, 9.9)
    assert most.late == 8.4 and samples(3.0).late == 3.0
    row = replace(ROW, ours=most, goal=Goal(1.0, slack=0.15, late=0.5))
    assert row.latest == 8.5 and row.verdict == "reached"
    assert replace(row, ours=samples(*[8.1] * 28, 8.6, 8.6)).verdict == "missed"
    assert replace(row, ours=samples(*[8.2] * 30)).verdict == "missed"
    assert replace(row, goal=Goal(1.1)).latest is None


def test_a_row_with_a_fault_or_without_a_run_does_not_count() -> None:
    assert replace(ROW, goal=Goal(9.0), faults=("run 2: osvc: 49 of 50 run",)).verdict == "void"
    assert replace(ROW, goal=Goal(9.0), peer=samples()).verdict == "void"


@pytest.mark.parametrize("row", [ROW, replace(ROW, peer=samples(1.0), start_up=samples(0.1), goal=Goal(1.1, 0.1), faults=("no",))])
def test_json_keeps_everything(row: Row) -> None:
    record = json.loads(json.dumps(row.record()))
    assert Row.from_record(record) == row
    assert record["verdict"] == row.verdict
