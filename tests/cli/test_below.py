"""Lines that stand below: what a terminal shows in the end, and how often it is drawn."""

from __future__ import annotations

import io
import re

from reconciler.cli.below import Below
from reconciler.cli.terminal import moves_cursor


class Screen(io.StringIO):
    """A terminal that knows two sequences: up, and erase to the end. It keeps how often it was written to."""

    writes = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)

    @property
    def lines(self) -> list[str]:
        shown: list[str] = [""]
        for part in re.split(r"(\x1b\[\d+A|\x1b\[J|\n)", self.getvalue()):
            if part.endswith("A") and part.startswith("\x1b"):
                del shown[len(shown) - int(part[2:-1]) :]
                shown[-1] = ""
            elif part == "\n":
                shown.append("")
            elif part != "\x1b[J":
                shown[-1] += part
        assert shown[-1] == ""
        return shown[:-1]


def below() -> tuple[Below, Screen, list[float]]:
    screen, now = Screen(), [0.0]
    return Below(screen, lambda: now[0]), screen, now


def test_several_lines_stand_together_and_are_rewritten_in_place():
    lines, screen, now = below()
    lines.write("12:00 begun\n")
    lines.stand("a", "a: 1 of 2")
    now[0] += 1
    lines.stand("b", "b: 0 of 9")
    now[0] += 1
    lines.stand("a", "a: 2 of 2")
    assert screen.lines == ["12:00 begun", "a: 2 of 2", "b: 0 of 9"]
    lines.write("12:01 a is here\n", without="a")
    assert screen.lines == ["12:00 begun", "12:01 a is here", "b: 0 of 9"]
    lines.write("", without="b")
    assert screen.lines == ["12:00 begun", "12:01 a is here"]


def test_it_is_drawn_ten_times_a_second_at_most():
    lines, screen, now = below()
    for n in range(1000):
        now[0] = n / 500
        lines.stand("a", f"a: {n}")
        lines.stand("b", f"b: {n}")
    assert screen.writes <= 21
    lines.write("", without="nobody")
    assert screen.writes <= 21, "nothing to tell is no drawing"


def test_a_line_too_many_and_a_line_too_long_are_cut():
    lines, screen, now = below()
    for n in range(30):
        now[0] += 1
        lines.stand(n, f"{n} " + "x" * 100)
    assert len(screen.lines) == 22 and max(map(len, screen.lines)) == 79
    assert screen.lines[-1] == "and 9 more"


def test_only_a_terminal_with_a_cursor_takes_them(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert moves_cursor(Screen()) and not moves_cursor(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not moves_cursor(Screen())
