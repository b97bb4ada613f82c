"""Beside: what commands of the tutorial say here, beside what they say there. Every difference is a row of a table of
docs/migration.md, and every row is a difference."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.page import masked
from tests.svcmgr.tutorial import words_of

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"
_ROW = re.compile(r"^\| `([\w ]+)` \| (`.+?`|–) \| (`.+?`|–) \| (?:better|differs): .+ \|$", re.MULTILINE)
_LINE = re.compile(r"\d\d:\d\d:\d\d (?:INFO   |WARNING|ERROR  ) DOCKER\.OPENSVC\.COM\.([A-Z]+(?:#\d)?) +(\S.*)")

Entry = tuple[str, tuple[str, ...]]
"""A line, and what a command said below it. Of the log: what it is about, and what it says."""


@dataclass(frozen=True)
class Row:
    """A difference: of a command, between a line there and one here (`sides`). "…" stands for anything, "" for no line. moved: the
    line is the same, and comes elsewhere."""

    command: str
    sides: tuple[str, str]

    @property
    def moved(self) -> bool:
        return self.sides[0] == self.sides[1]

    def of(self, command: str) -> bool:
        mine = self.command.split()
        return words_of(command)[: len(mine)] == mine


def _cell(text: str) -> str:
    return "" if text == "–" else text.strip("`")


ROWS = [Row(name, (_cell(theirs), _cell(ours))) for name, theirs, ours in _ROW.findall(PAGE.read_text())]


@dataclass(frozen=True)
class Said:
    """What a command says there and here."""

    command: str
    theirs: tuple[Entry, ...]
    ours: tuple[Entry, ...]

    @classmethod
    def of(cls, command: str, theirs: Sequence[str], ours: Sequence[str]) -> "Said":
        return cls(command, tuple(entries(theirs)), tuple(entries(ours)))

    @property
    def different(self) -> tuple[list[Entry], list[Entry]]:
        """What is only there, what is only here."""
        return [one for one in self.theirs if one not in self.ours], [one for one in self.ours if one not in self.theirs]


def entries(lines: Sequence[str]) -> Iterator[Entry]:
    """Of what a command said; without what differs from day to day."""
    todo = list(lines)
    while todo:
        line = todo.pop(0)
        match = _LINE.fullmatch(line)
        text = " ".join(match.groups()) if match else line
        said: list[str] = []
        if todo and (below := _LINE.fullmatch(todo[0])) and match and below.groups() == (match[1], "output:"):
            todo.pop(0)
            while todo and (line := todo.pop(0)):
                said.append(line)
        yield masked([text])[0], tuple(masked(said))


def unlisted(found: Sequence[Said]) -> list[str]:
    """The differences that no row has."""
    return [
        " | ".join((f"{said.command}: {sign} {text}", *below))
        for said in found
        for side, sign in enumerate("-+")
        for text, below in said.different[side]
        if not any(_means(row.sides[side], text) for row in ROWS if row.of(said.command) and not row.moved)
    ]


def surplus(found: Sequence[Said]) -> list[Row]:
    """The rows of these commands of which a side is no difference, and those of what has not moved."""
    rows = {row: [said for said in found if row.of(said.command)] for row in ROWS}
    return [row for row, mine in rows.items() if mine and not _holds(row, mine)]


def _holds(row: Row, found: Sequence[Said]) -> bool:
    if row.moved:
        return any(_place(row.sides[0], said.theirs) != _place(row.sides[1], said.ours) for said in found)
    texts = [[text for said in found for text, _ in said.different[side]] for side in (0, 1)]
    return all(any(_means(row.sides[side], text) for text in texts[side]) for side in (0, 1) if row.sides[side])


def disordered(found: Sequence[Said]) -> list[str]:
    """The commands whose lines that are the same come in another order, but for those that are listed."""
    return [said.command for said in found if _order(said.theirs, said) != _order(said.ours, said)]


def _order(side: Sequence[Entry], said: Said) -> list[Entry]:
    moved = [row.sides[0] for row in ROWS if row.moved and row.of(said.command)]
    both = {*said.theirs} & {*said.ours}
    return [entry for entry in side if entry in both and not any(_means(one, entry[0]) for one in moved)]


def _place(pattern: str, side: Sequence[Entry]) -> int | None:
    return next((n for n, (text, _) in enumerate(side) if _means(pattern, text)), None)


def _means(pattern: str, text: str) -> bool:
    return bool(pattern) and bool(re.fullmatch(".*".join(map(re.escape, masked([pattern])[0].split("…"))), text))
