"""Results: kept in a file after each group, and told as a table and as a document."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import chosen, parse
from benchmarks.calls import Count
from benchmarks.report import document, summary
from benchmarks.results import Results
from benchmarks.rows import Goal, Row, Samples

FLOOR, PEER = Samples("floor", (8.0, 8.5, 9.0), 17 << 20), Samples("docker-compose up -d", (12.0, 11.0, 13.0), 50 << 20)
COLD = Row("cold", 50, "containers", Samples("osvc apply", (10.0, 9.0, 11.0), 48 << 20), FLOOR, PEER, goal=Goal(1.25, ahead=True))
HELP = Row("help", 1, "process", Samples("osvc --help", (0.04,)), Samples("a bare interpreter", (0.02,)), goal=Goal(1.5))
CALLS = Count("no-op", 50, "containers", "ours", 10)


@pytest.fixture
def results(tmp_path: Path) -> Results:
    kept = Results.read(tmp_path / "results.json")
    kept.keep("containers/50", [COLD], [CALLS])
    kept.keep("help", [HELP])
    return kept


def test_the_file_has_everything(results: Results) -> None:
    again = Results.read(results.path)
    assert again.rows == {"cold/containers/50": COLD, "help/process/1": HELP}
    assert list(again.counts.values()) == [CALLS]
    assert again.facts["python"] and again.has("help") and not again.has("services/1")


def test_a_group_that_is_measured_again_takes_the_place_of_the_old_one(results: Results) -> None:
    fresh = replace(COLD, ours=Samples("osvc apply", (7.0,)))
    results.keep("containers/50", [fresh])
    assert Results.read(results.path).rows["cold/containers/50"] == fresh


def test_the_document_has_medians_spreads_goals_and_calls(results: Results) -> None:
    text = document(results)
    assert "Of 2 goals 1 are reached." in text
    assert "| cold | 50 | 10.00 s (9.00–11.00) | 8.50 s (8.00–9.00) | 12.00 s (11.00–13.00) | 1.18 |" in text
    assert "1.25 x floor, and below Compose: 10.62 s, reached | 48 / 17 / 50 |" in text
    assert "| help: osvc --help, beside a bare interpreter | 1 | 40 ms (40–40) | 20 ms (20–20) | 2.00 |" in text
    assert "- Start of the program, help, N = 1: 40 ms where 30 ms would do." in text
    assert "| no-op, one service | 50 | 10 | – | – |" in text
    assert [line.split()[-1] for line in summary(results)][1:] == ["missed", "reached"]


def test_a_repair_is_beside_its_own_calls_and_dockers_policy(results: Results) -> None:
    ours, floor = Samples("osvc watch", (0.3, 0.3, 1.3)), Samples("start", (0.2,))
    killed = Row("killed", 1, "repair", ours, floor, Samples("restart: always", (0.5,)), goal=Goal(1.0, slack=0.15, late=0.5))
    results.keep("repair/1", [killed, replace(killed, name="paused", peer=None, ours=replace(ours, seconds=(0.3,)))])
    text = document(results)
    assert "| docker, `restart: always` |" in text and "| Compose v2 |" in text
    assert "| killed: osvc watch, beside start | 1 | 0.30 s (0.30–1.30), 95 %: 1.30 s | 0.20 s (0.20–0.20) | 0.50 s" in text
    assert "| paused: osvc watch, beside start | 1 | 0.30 s (0.30–0.30), 95 %: 0.30 s | 0.20 s (0.20–0.20) | – |" in text
    assert "killed, N = 1: 95 % take 1.30 s or less where 0.70 s would do." in text
    assert "1 x start + 0.15 s: 0.35 s; 95 %: 0.70 s, reached" in text


def test_a_goal_may_be_so_many_seconds_and_nothing_of_the_floor(results: Results) -> None:
    ours, floor, peer = (
        Samples("osvc plan", (0.05,)),
        Samples("a bare interpreter", (0.02,)),
        Samples("docker-compose up -d", (0.17,)),
    )
    results.keep("agent/50", [Row("plan", 50, "agent", ours, floor, peer, goal=Goal(0.0, slack=0.1, ahead=True))])
    text = document(results)
    assert "| plan: osvc plan, beside a bare interpreter | 50 | 50 ms (50–50) | 20 ms (20–20) | 0.17 s (0.17–0.17) |" in text
    assert "| 0.1 s, and below Compose: 0.10 s, reached |" in text


def test_what_does_not_count_says_why(results: Results) -> None:
    results.keep("containers/50", [replace(COLD, faults=("run 2: ours: 49 of 50 run; not web.container.7",))])
    assert results.void == ["cold/containers/50: run 2: ours: 49 of 50 run; not web.container.7"]
    text = document(results)
    assert "Does not count: cold/containers/50: run 2: ours: 49 of 50 run" in text
    assert "| does not count |" in text


def test_the_calls_of_a_no_op_must_not_depend_on_n(results: Results) -> None:
    results.keep("calls-containers/1", [], [replace(CALLS, n=1), replace(CALLS, n=1, work="cold", calls=7)])
    assert "do not depend on N: reached" in document(results)
    results.keep("calls-containers/1", [], [replace(CALLS, n=1, calls=4)])
    assert "do not depend on N: **missed**" in document(results)


def keys(*words: str) -> list[str]:
    options: argparse.Namespace = parse(words)
    return [group.key for group in chosen(options)]


def test_groups_are_chosen_by_name_and_by_size() -> None:
    everything = keys()
    assert everything.index("containers/200") > everything.index("services/50")
    assert {"help", "containers/1", "services/10", "calls-containers/50"} < set(everything)
    assert keys("--only", "containers", "--n", "10,50") == ["containers/10", "containers/50"]
    assert set(keys("--quick", "--only", "containers,services")) == {
        f"{name}/{n}" for name in ("containers", "services") for n in (1, 10)
    }
