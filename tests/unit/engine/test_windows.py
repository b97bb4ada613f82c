"""Windows: when they are open, when the next begins, and what is none.

Berlin's clocks go forward on 2026-03-29, and back on 2026-10-25.
"""

import time
from datetime import datetime

import pytest

from reconciler.engine.windows import Windows


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text):
    """Of the wall's clock, or with an offset where that is not one moment."""
    return datetime.fromisoformat(text).astimezone()


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        ("sat,sun 02:00-05:00", ["2026-01-10T02:00", "2026-01-11T04:59"], ["2026-01-10T05:00", "2026-01-09T03:00"]),
        ("mon-fri 22:00-02:00", ["2026-01-09T23:00", "2026-01-10T01:59"], ["2026-01-10T22:30", "2026-01-12T01:00"]),
        ("fri-mon 10:00-11:00", ["2026-01-11T10:30"], ["2026-01-13T10:30"]),
        ("22:00-24:00", ["2026-01-07T23:59"], ["2026-01-07T21:59", "2026-01-08T00:00"]),
        ("sat 00:00-24:00", ["2026-01-10T00:00", "2026-01-10T23:59"], ["2026-01-09T23:59", "2026-01-11T00:00"]),
        ("sat, sun - mon  02:00-05:00", ["2026-01-11T02:00", "2026-01-12T04:59"], ["2026-01-13T03:00"]),
    ],
)
def test_a_window_is_open_from_its_start_up_to_its_end(window, inside, outside):
    windows = Windows.of([window])
    assert [text for text in inside + outside if windows.open(at(text))] == inside


@pytest.mark.parametrize(
    ("windows", "now", "opens"),
    [
        (["sat,sun 02:00-05:00"], "2026-01-07T12:00", "2026-01-10T02:00"),
        (["sat 02:00-05:00"], "2026-01-10T03:00", "2026-01-17T02:00"),
        (["sat 02:00-05:00", "wed 13:00-14:00"], "2026-01-07T12:00", "2026-01-07T13:00"),
        (["sun 02:15-02:45"], "2026-03-28T12:00", "2026-04-05T02:15"),
        (["sun 01:00-04:00"], "2026-03-28T12:00", "2026-03-29T01:00"),
        (["sun 02:30-05:00"], "2026-03-28T12:00", "2026-03-29T03:00"),
        (["sun 02:15-02:45"], "2026-10-24T12:00", "2026-10-25T02:15+02:00"),
        (["sun 02:15-02:45"], "2026-10-25T02:50+02:00", "2026-10-25T02:15+01:00"),
        (["sun 02:15-02:45"], "2026-10-25T02:50+01:00", "2026-11-01T02:15"),
        (["sun 01:00-02:30"], "2026-10-25T02:45+02:00", "2026-10-25T02:00+01:00"),
        (["sun 00:00-24:00"], "2026-10-24T12:00", "2026-10-25T00:00"),
    ],
)
def test_the_next_one_is_found_where_the_clocks_change_too(windows, now, opens):
    assert Windows.of(windows).next(at(now)) == at(opens)


def test_an_hour_that_comes_twice_is_open_twice_and_one_that_is_left_out_never():
    back, forward = Windows.of("sun 02:00-03:00"), Windows.of("sun 02:00-03:00")
    assert back.open(at("2026-10-25T02:30+02:00")) and back.open(at("2026-10-25T02:30+01:00"))
    assert not forward.open(at("2026-03-29T01:59:59+01:00")) and not forward.open(at("2026-03-29T03:00:00+02:00"))


@pytest.mark.parametrize("words", ["sat 02:00-02:00", "sat 00:00-00:00"])
def test_what_begins_when_it_ends_says_how_a_whole_day_is_written(words):
    with pytest.raises(ValueError, match=r"begins when it ends; for a whole day, say 00:00-24:00; for always, true"):
        Windows.of(words)


@pytest.mark.parametrize(
    "words",
    [
        "sat",
        "2-5",
        "sat 02:00",
        "sat 25:00-26:00",
        "sat 24:00-02:00",
        "sat 02:00-24:01",
        "sat,,sun 02:00-05:00",
        "sad 02:00-05:00",
        ["sat 02:00-05:00", 3],
        [],
        {"a": 1},
    ],
)
def test_what_is_no_window_is_refused_by_what_it_says(words):
    with pytest.raises(ValueError, match=r"expected|there is no time"):
        Windows.of(words)
