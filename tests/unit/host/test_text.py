"""Text of others on our terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.host.text import first_line, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdevice\x1b\\after", "after"),
        ("\x9b31mred", "red"),
        ("\x1b(Bset", "set"),
        ("\x1bcreset", "reset"),
        ("first\rsecond\r\nthird", "first\nsecond\nthird"),
        ("be\x07ll \x00nul \x7fdel \x85nel", "bell nul del nel"),
        ("abc\u202edef\u2066ghi\u200b", "abcdefghi"),
        ("größe 日本 🙂", "größe 日本 🙂"),
        ("\x1b[31", "31"),
        ("\x1b", ""),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_nothing_that_moves_a_cursor_is_left(text: str) -> None:
    shown = printable(text)
    assert not any((ord(letter) < 32 and letter not in "\n\t") or 127 <= ord(letter) < 160 for letter in shown)
    assert printable(shown) == shown


@given(st.text())
def test_a_first_line_is_one(text: str) -> None:
    assert "\n" not in first_line(text)
    assert first_line(text) == first_line(text).strip()


def test_the_first_line_that_says_something() -> None:
    assert first_line("\n  \n said \nmore") == "said"
    assert first_line("") == ""
