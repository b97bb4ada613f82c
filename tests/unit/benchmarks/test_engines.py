"""What makes a row of the benchmark void: the running set, and who was touched."""

from dataclasses import replace

import pytest

from benchmarks.engines import Found, wrong

NAMES = ("c1", "c2", "c3")
THERE = {name: Found(f"id-{name}", 10 + n, "08:00", ("sleep", "100000")) for n, name in enumerate(NAMES)}
ENDED = replace(THERE["c3"], pid=0)
AGAIN = replace(THERE["c3"], pid=99, started="08:05")
FRESH = Found("id-new", 77, "08:05", ("sleep", "100001"))


@pytest.mark.parametrize(
    ("work", "before", "after"),
    [
        ("cold", {}, THERE),
        ("start-up", THERE, THERE),
        ("no-op", THERE, THERE),
        ("one changed", THERE, THERE | {"c1": FRESH}),
        ("one killed", THERE | {"c3": ENDED}, THERE | {"c3": AGAIN}),
        ("tear-down", THERE, {}),
    ],
)
def test_what_was_done_as_it_should_counts(work: str, before: dict[str, Found], after: dict[str, Found]) -> None:
    assert wrong(work, before, after, NAMES) == ""


@pytest.mark.parametrize(
    ("work", "before", "after", "why"),
    [
        ("cold", {}, {"c1": THERE["c1"]}, "c2, c3 should not differ"),
        ("cold", {}, THERE | {"c4": FRESH}, "c4 should not differ"),
        ("cold", {}, THERE | {"c3": ENDED}, "2 of 3 run; not c3"),
        ("cold", {"old": FRESH}, THERE, "old was there before"),
        ("no-op", THERE, THERE | {"c3": AGAIN}, "touched c3 instead of nothing"),
        ("no-op", THERE, THERE | {"c2": FRESH}, "touched c2 instead of nothing"),
        ("one changed", THERE, THERE, "touched nothing instead of c1"),
        ("one changed", THERE, THERE | {"c1": FRESH, "c2": FRESH}, "touched c1, c2 instead of c1"),
        ("one changed", THERE, THERE | {"c1": replace(THERE["c1"], pid=99)}, "made nothing instead of c1"),
        ("one changed", THERE, THERE | {"c1": replace(FRESH, command=THERE["c1"].command)}, "still has its old command"),
        ("one killed", THERE | {"c3": ENDED}, THERE | {"c3": FRESH}, "made c3 instead of nothing"),
        ("one killed", THERE | {"c3": ENDED}, THERE | {"c3": ENDED}, "2 of 3 run; not c3"),
        ("tear-down", THERE, {"c3": THERE["c3"]}, "c3 should not differ"),
    ],
)
def test_anything_else_does_not(work: str, before: dict[str, Found], after: dict[str, Found], why: str) -> None:
    assert why in wrong(work, before, after, NAMES)
