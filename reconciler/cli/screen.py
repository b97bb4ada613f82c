"""Screen: a terminal's other screen, on which a page is drawn in place of the last one; what was on the terminal comes back."""

from __future__ import annotations

from types import TracebackType
from typing import Self, TextIO

from reconciler.cli.terminal import moves_cursor, size_of

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _ERASE_LINE, _ERASE_BELOW = "\x1b[H", "\x1b[2K", "\x1b[J"


class Screen:
    """A context manager. On what is no terminal that takes screens pages follow one another, with a blank line between."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._on = stream, moves_cursor(stream)
        self._shown = 0

    def __enter__(self) -> Self:
        self._put(_ENTER if self._on else "")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._put(_LEAVE if self._on else "")

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines that a page has; 0 where there is no end of them."""
        return size_of(self._stream) if self._on else (0, 0)

    def show(self, text: str) -> None:
        """A page of lines that fit. Those that there is no room for are counted in the last one."""
        self._shown += 1
        if not self._on:
            self._put(f"\n{text}" if self._shown > 1 else text)
            return
        height, lines = self.size[1], text.splitlines()
        if len(lines) > height:
            lines = [*lines[: height - 1], f"… and {len(lines) - height + 1} lines more"]
        end = f"\n{_ERASE_BELOW}" if len(lines) < height else ""
        self._put(_HOME + "\n".join(f"{_ERASE_LINE}{line}" for line in lines) + end)

    def _put(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
