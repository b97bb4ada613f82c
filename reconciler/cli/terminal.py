"""Terminal: what a stream is written to."""

from __future__ import annotations

import os
from typing import TextIO

from reconciler.cli.distant import Distant


def moves_cursor(stream: TextIO) -> bool:
    """Whether it is a terminal on which the cursor can be moved."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def size_of(stream: TextIO) -> tuple[int, int]:
    """The columns and lines of a terminal; 80 and 24 where it does not say."""
    try:
        columns, lines = stream.size if isinstance(stream, Distant) else os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return 80, 24
    return (columns, lines) if columns > 1 and lines > 1 else (80, 24)


def width_of(stream: TextIO) -> int:
    """The columns of a terminal; 0 for what is none, and has no end of them."""
    return size_of(stream)[0] if stream.isatty() else 0
