"""Glass: what stands on a terminal in the end, after whatever moved its cursor. It has no end of lines, nor of columns."""

import re
from collections.abc import Iterator

_PARTS = re.compile(r"\x1b\[(?P<count>\d*)(?P<move>[A-Za-z])|(?P<control>[\r\n\b])|(?P<text>[^\x1b\r\n\b]+)|\x1b")
"""A sequence, a control character, or text."""


def shown(written: str) -> Iterator[str]:
    """The lines, without blanks at their ends, and without empty ones behind the last."""
    lines: list[list[str]] = [[]]
    at, column = 0, 0
    for part in _PARTS.finditer(written):
        count = int(part["count"] or 1)
        match part["move"] or part["control"]:
            case "A":
                at = max(0, at - count)
            case "B" | "\n":
                at += count
            case "C":
                column += count
            case "D" | "\b":
                column = max(0, column - count)
            case "\r":
                column = 0
            case "K":
                del lines[at][0 if part["count"] == "2" else column :]
            case None:
                text = part["text"] or ""
                lines[at][len(lines[at]) :] = " " * (column - len(lines[at]))
                lines[at][column : column + len(text)] = text
                column += len(text)
        lines += [[] for _ in range(len(lines), at + 1)]
    whole = ["".join(line).rstrip() for line in lines]
    while whole and not whole[-1]:
        whole.pop()
    yield from whole
