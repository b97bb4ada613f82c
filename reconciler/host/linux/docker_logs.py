"""What a container said, line by line with the time of each, out of the engine's stream: as it comes, and in bounded memory."""

import contextlib
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from reconciler.host.docker_ports import LogLine
from reconciler.host.linux.docker_http import Stream

LONGEST: Final = 1 << 20
"""Bytes of a line; what is longer is told in pieces."""
_PIECE: Final = 16 << 10
"""Bytes after which an engine cuts a line; each piece has its time before it."""
_STAMP: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z ?")
_HEAD: Final = 8
"""Bytes before a frame: stream, three zeros, and the length of what follows."""


class LogReader:
    """The lines of one stream. Implements docker_ports.LogStream.

    framed: whether the container has no terminal: what it wrote to each of its two streams then comes in frames, of a line or a
    piece of one each.
    """

    def __init__(self, stream: Stream, *, framed: bool) -> None:
        self._stream = stream
        self._framed = framed
        self._second, self._epoch = b"", 0
        self._at = 0

    def __iter__(self) -> Iterator[LogLine]:
        with contextlib.closing(self._stream):
            yield from self._from_frames() if self._framed else self._from_terminal()

    def close(self) -> None:
        """End the reading, from whichever thread."""
        self._stream.break_off()

    def _from_frames(self) -> Iterator[LogLine]:
        buffer = bytearray()
        begun: dict[int, tuple[int, bytearray]] = {}
        while chunk := self._stream.read():
            buffer += chunk
            start = 0
            while len(buffer) - start >= _HEAD:
                end = start + _HEAD + int.from_bytes(buffer[start + 4 : start + _HEAD], "big")
                if end > len(buffer):
                    break
                at, text = self._stamped(bytes(buffer[start + _HEAD : end]))
                line_at, line = begun.pop(buffer[start], (at, bytearray()))
                line += text
                if line.endswith(b"\n") or len(line) >= LONGEST:
                    yield _line(line_at, line)
                else:
                    begun[buffer[start]] = (line_at, line)
                start = end
            del buffer[:start]
        for at, line in begun.values():
            yield _line(at, line)

    def _from_terminal(self) -> Iterator[LogLine]:
        buffer, whole = bytearray(), True
        while chunk := self._stream.read():
            buffer += chunk
            start = 0
            while (end := buffer.find(b"\n", start)) >= 0:
                yield self._unframed(bytes(buffer[start : end + 1]), begins=whole)
                start, whole = end + 1, True
            del buffer[:start]
            if len(buffer) >= LONGEST:
                yield self._unframed(bytes(buffer), begins=whole)
                buffer.clear()
                whole = False
        if buffer:
            yield self._unframed(bytes(buffer), begins=whole)

    def _unframed(self, raw: bytes, *, begins: bool) -> LogLine:
        """A line as it was written, without the times that stand before each piece of it."""
        at, text = self._stamped(raw) if begins else (self._at, raw)
        cut = _PIECE
        while len(text) > cut and (found := _STAMP.match(text, cut)):
            text = text[:cut] + text[found.end() :]
            cut += _PIECE
        return _line(at, bytearray(text))

    def _stamped(self, raw: bytes) -> tuple[int, bytes]:
        """The time that a text begins with, in nanoseconds since 1970, and the rest. Of one that has none, the time of the last."""
        found = _STAMP.match(raw)
        if found is None:
            return self._at, raw
        if found[1] != self._second:
            self._second = found[1]
            self._epoch = int(datetime.fromisoformat(f"{found[1].decode()}+00:00").timestamp()) * 1_000_000_000
        self._at = self._epoch + int((found[2] or b"0").ljust(9, b"0"))
        return self._at, raw[found.end() :]


def _line(at: int, raw: bytearray) -> LogLine:
    return LogLine(at, raw.decode(errors="replace").rstrip("\n").rstrip("\r"))
