"""Distant: a stream of another process: what is written to it is kept, to be written there."""

from __future__ import annotations

import io
from collections.abc import Sequence


class Distant(io.TextIOBase):
    """number: 1 for stdout, 2 for stderr. said: what was written so far, to either of them. terminal: its columns and lines; [] for
    one that does not say; None for what is no terminal."""

    def __init__(self, number: int, said: list[tuple[int, str]], terminal: Sequence[int] | None) -> None:
        self._number, self._said, self._terminal = number, said, terminal

    @property
    def size(self) -> Sequence[int]:
        return self._terminal or ()

    def isatty(self) -> bool:
        return self._terminal is not None

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._said.append((self._number, text))
        return len(text)


def joined(said: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """The same in as few parts as there can be: what one stream says in a row is one."""
    parts: list[tuple[int, list[str]]] = []
    for number, text in said:
        if not parts or parts[-1][0] != number:
            parts.append((number, []))
        parts[-1][1].append(text)
    return [(number, "".join(texts)) for number, texts in parts]
