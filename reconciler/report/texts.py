"""Texts for numbers and moments: durations, sizes, times, ranges, counts. Pure; the same in, the same out."""

import re
from collections.abc import Sequence
from datetime import datetime

from reconciler.core.times import duration as duration

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")

_UNITS = (("t", 1 << 40), ("g", 1 << 30), ("m", 1 << 20), ("k", 1 << 10))


def size(number: int) -> str:
    """Bytes as a spec would write them, exactly: "64m", "1536m", "800"."""
    return next((f"{number // worth}{unit}" for unit, worth in _UNITS if number and number % worth == 0), str(number))


def amount(number: int, whole: int | None = None) -> str:
    """Bytes as a person reads them, roughly: "800 B", "48.2 MiB"; "12.4 of 48.2 MiB" of a whole."""
    scale = number if whole is None else whole
    unit, worth = next(((f"{unit.upper()}iB", worth) for unit, worth in _UNITS if scale >= worth), ("B", 1))
    digits = 0 if worth == 1 else 1
    return (f"{number / worth:.{digits}f}" + ("" if whole is None else f" of {whole / worth:.{digits}f}")) + f" {unit}"


def moment(at: datetime | None, now: datetime | None = None) -> str:
    """ "07:41" on the day of `now`, "2026-11-23 07:41" otherwise; in the time zone of `now`."""
    if at is None:
        return ""
    if now is None:
        return f"{at:%Y-%m-%d %H:%M}"
    local = at.astimezone(now.tzinfo)
    return f"{local:%H:%M}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"


def many(count: int, noun: str, plural: str = "") -> str:
    """ "1 step", "3 steps"."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def listed(names: Sequence[str], most: int = 4) -> str:
    """ "a, b, c and 7 more"."""
    if len(names) <= most:
        return ", ".join(names)
    return ", ".join(names[: most - 1]) + f" and {len(names) - most + 1} more"


def folded(text: str, room: int) -> list[str]:
    """A text in lines of so many characters at most, parted between words, and within one that is longer than a line. 0: no end of
    room. Never empty."""
    if not room or len(text) <= room:
        return [text]
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
            continue
        pieces = [word[at : at + room] for at in range(0, len(word), room)]
        lines[-1:] = [lines[-1], *pieces] if lines[-1] else pieces
    return lines


def fitted(text: str, width: int, at: int | None = None) -> str:
    """Lines with columns, on a terminal: what has no room in one goes on below, `at` this column, or where the line's last
    one begins. What is to be typed, behind "→" or "$", is never parted. 0: no end of room."""
    return "\n".join("\n".join(_fitted(line, width, at)) for line in text.split("\n")) if width else text


def _fitted(line: str, width: int, at: int | None) -> list[str]:
    bare = _ESCAPES.sub("", line)
    if len(bare) <= width or bare.lstrip().startswith("$ "):
        return [line]
    if at is None:
        at = max((gap.end() for gap in _GAP.finditer(bare[: width // 2])), default=0)
    lines, room = [line[: len(line) - len(line.lstrip())]], len(bare) - len(bare.lstrip())
    for word in _WORDS.findall(line.lstrip()):
        size = len(_ESCAPES.sub("", word).rstrip())
        below = at if at + size <= width else max(2, min(at, width - size))
        if room + size > width and (room > at or (room > below and below + size <= width)):
            lines[-1] = lines[-1].rstrip()
            room = below
            lines.append(" " * room)
        lines[-1] += word
        room += len(_ESCAPES.sub("", word))
    return [*lines[:-1], lines[-1].rstrip()]


_GAP = re.compile(r"^ +|  +")
_WORDS = re.compile(r"(?:→ .*|\S+ *)")
"""Of a line; what is to be done is one."""


def tail(text: str, room: int) -> str:
    """The end of a text that is too long: "…/services.d/web.yaml". 0: no end of room."""
    return text if not room or len(text) <= room else f"…{text[len(text) - room + 1 :]}"


def columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """The cells of a table, filled up so that they stand below one another."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [[f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)] for row in rows]


def plain(text: str) -> str:
    """Text from outside (a container's output, an engine's message) without control sequences, tabs as blanks."""
    text = _ESCAPES.sub("", text)
    return "".join(char for char in text.replace("\t", "    ") if char == "\n" or char.isprintable())
