"""Below: lines that stand below everything that was written to a terminal, rewritten in place until there is news."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import TextIO

from reconciler.cli.terminal import size_of

_EVERY = 0.1
"""Seconds between two drawings."""


class Below:
    """The lines, by what they are about. What else is written to the terminal meanwhile goes through `write`. May raise OSError."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._lines: dict[Hashable, str] = {}
        self._drawn = 0
        self._next = float("-inf")

    def stand(self, about: Hashable, line: str) -> None:
        """From now on this line; it is drawn with the next drawing."""
        self._lines[about] = line
        now = self._clock()
        if now >= self._next:
            self._next = now + _EVERY
            self._put("")

    def write(self, text: str, *, without: Hashable = None) -> None:
        """Text that stays, above the lines; `without` has no line any more."""
        gone = self._lines.pop(without, None)
        if text or gone is not None:
            self._put(text)

    def _put(self, text: str) -> None:
        erased = f"\x1b[{self._drawn}A\x1b[J" if self._drawn else ""
        lines = self._fitting()
        self._drawn = len(lines)
        out = erased + text + "".join(f"{line}\n" for line in lines)
        if out:
            self._stream.write(out)
            self._stream.flush()

    def _fitting(self) -> list[str]:
        """What the terminal has room for: a line that wraps, or scrolls away, could not be rewritten."""
        width, height = size_of(self._stream)
        lines = list(self._lines.values())
        most = max(1, height - 2)
        if len(lines) > most:
            lines = [*lines[: most - 1], f"and {len(lines) - most + 1} more"]
        return [line[: width - 1] for line in lines]
