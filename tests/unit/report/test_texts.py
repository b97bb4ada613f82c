"""Numbers and moments as text."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.outline import ranges
from reconciler.core.values import to_size
from reconciler.report import texts


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.42, "0.4 s"), (4.06, "4.1 s"), (9.97, "10 s"), (10, "10 s"), (59.6, "1 min"), (125, "2 min 5 s"), (3600, "1 h"),
     (12_000, "3 h 20 min"), (187_200, "2 d 4 h")],
)  # fmt: skip
def test_durations(seconds, text):
    assert texts.duration(seconds) == text


@given(st.integers(0, 1 << 45))
def test_a_size_is_read_back_as_it_was(number):
    assert to_size(texts.size(number)) == number


def test_sizes():
    assert [texts.size(n) for n in (0, 800, 1024, 64 << 20, 3 << 29)] == ["0", "800", "1k", "64m", "1536m"]


def test_amounts():
    assert [texts.amount(n) for n in (0, 800, 1536, 50 << 20)] == ["0 B", "800 B", "1.5 KiB", "50.0 MiB"]
    assert [texts.amount(*pair) for pair in ((0, 9), (13 << 20, 48 << 20))] == ["0 of 9 B", "13.0 of 48.0 MiB"]


@given(st.sets(st.integers(1, 60)))
def test_ranges_name_every_number_once(numbers):
    found = []
    for part in filter(None, ranges(numbers).split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    assert found == sorted(numbers)


def test_long_lists_are_cut():
    assert texts.listed(["a", "b", "c"]) == "a, b, c"
    assert texts.listed([str(n) for n in range(10)]) == "0, 1, 2 and 7 more"


def test_a_moment_without_a_now_has_its_date():
    assert texts.moment(datetime(2026, 11, 23, 7, 41, tzinfo=UTC)) == "2026-11-23 07:41"
    assert texts.moment(None) == ""


@given(st.text(alphabet="ab ", max_size=80), st.integers(1, 20))
def test_a_folded_text_fits_and_loses_nothing(text, room):
    lines = texts.folded(text, room)
    assert lines and all(len(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_without_an_end_of_room_nothing_is_folded_or_cut():
    assert texts.folded("a" * 500, 0) == ["a" * 500] and texts.tail("a" * 500, 0) == "a" * 500
    assert texts.folded("", 5) == [""]
    assert texts.folded("one two three", 7) == ["one two", "three"]
    assert texts.tail("/etc/osvc/services.d/web.yaml", 12) == "….d/web.yaml"


@pytest.mark.parametrize("text", ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07red", "r\x00e\rd", "\x1b(Bred"])
def test_control_sequences_are_taken_out(text):
    assert texts.plain(text) == "red"


@given(st.text())
def test_nothing_that_moves_the_cursor_is_left(text):
    assert all(char == "\n" or char.isprintable() for char in texts.plain(text))
