"""Streams: stdout and stderr as osvc has them: they can be written, and a failure to write the result is told from all others."""

from __future__ import annotations

import io
import os
import sys

TYPE_CHECKING = False  # as in typing, which takes longer to import than all of this
if TYPE_CHECKING:
    from typing_extensions import Buffer


class Unwritten(OSError):
    """The result cannot be written. Nobody can read more of it then."""


class _Result(io.FileIO):
    """What stdout leads to."""

    def write(self, data: Buffer, /) -> int:
        """As of any file. Raises BrokenPipeError, where the reader has gone, and Unwritten."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as err:
            raise Unwritten(err.errno, err.strerror) from None


def open_streams() -> None:
    """A stream that is closed swallows; a character that a stream cannot write becomes a question mark, not an error."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _told_apart(sys.stdout)


def _told_apart(stream: io.TextIOWrapper) -> io.TextIOWrapper:
    """The same stream, but for what it raises. Its buffer is a file itself where Python was told not to buffer."""
    buffered = isinstance(getattr(stream.buffer, "raw", None), io.FileIO)
    if not (buffered or isinstance(stream.buffer, io.FileIO)):
        return stream
    stream.flush()
    result = _Result(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(result) if buffered else result,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def silence() -> None:
    """Nobody can read our output any more: what is left of it goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
