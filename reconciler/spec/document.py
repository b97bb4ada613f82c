"""Document: one service's spec as it was written: sections of keywords with raw values, each with its position.

Both formats read into this shape; nothing here knows what a keyword means.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import NamedTuple, TypeAlias

from reconciler.core.lazy import dataclass
from reconciler.core.service import Origin

Plain: TypeAlias = str | int | float | bool | None


class Scalar(NamedTuple):
    """One word. Numbers and booleans are native only where their text can be had back from them unchanged."""

    value: Plain
    line: int
    column: int

    @property
    def text(self) -> str:
        """The word as INI would have it."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return "" if self.value is None else str(self.value)


class Items(NamedTuple):
    """A list."""

    items: "tuple[Value, ...]"
    line: int
    column: int


class Entry(NamedTuple):
    """A key as it was written, and its value; line and column are the key's."""

    key: str
    value: "Value"
    line: int
    column: int

    @property
    def word(self) -> str:
        """Its value, or "" where that is not one word."""
        return self.value.text if isinstance(self.value, Scalar) else ""


class Table(NamedTuple):
    """A map, in the order in which it was written. flow: written in braces."""

    entries: Mapping[str, Entry]
    line: int
    column: int
    flow: bool = False


Value: TypeAlias = Scalar | Items | Table


class Section(NamedTuple):
    """A named group of keywords. line and column are those of its header."""

    name: str
    entries: Mapping[str, Entry]
    line: int
    column: int

    def word(self, keyword: str) -> str:
        """What it says of a keyword, as far as that is one word; else ""."""
        entry = self.entries.get(keyword)
        return entry.word if entry is not None else ""


@dataclass(frozen=True, slots=True)
class Document:
    """One service.

    own: the service's own keywords. resources: by rid. subsets: by "container:web". variables: [env].
    text: the source of just this document.
    """

    file: str
    format: str
    text: str
    own: Section
    resources: Mapping[str, Section] = field(default_factory=dict)
    subsets: Mapping[str, Section] = field(default_factory=dict)
    variables: Mapping[str, Entry] = field(default_factory=dict)

    def at(self, place: "Section | Entry | Value") -> Origin:
        """Where something of this document stands."""
        return Origin(self.file, place.line, place.column)


def sort_of(value: Value) -> str:
    """What a value is, for messages."""
    if isinstance(value, Items):
        return "a list"
    if isinstance(value, Table):
        return "a map"
    return "nothing" if value.value is None else f"{value.value!r}"
