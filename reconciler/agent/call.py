"""Call: a question to the agent of a node. It ends in time, whatever became of that agent. It imports as little as protocol.py."""

from __future__ import annotations

import os
from _socket import AF_UNIX, SOCK_STREAM, socket
from collections.abc import Iterator
from time import monotonic

from reconciler.agent.protocol import Record, line_of, peer_uid, record_of, socket_path

HEARING = 1.0
"""Seconds for the first line: an agent that is at nothing else says it at once."""
ANSWERING = 5.0
"""Seconds for the rest."""
_PART = 256 << 10


class Unanswered(Exception):
    """Whoever asks has to do it alone. The message says why, as a clause."""


class NoAgent(Unanswered):
    """Nobody is there to ask."""


def call(run_dir: str, request: Record, *, hearing: float = HEARING, within: float | None = ANSWERING) -> Iterator[Record]:
    """Ask, and have what is answered, record for record. hearing: seconds for the first word; within: for all that follows, None
    being no end of them.

    Raises Unanswered, before the first record or between two.
    """
    sock = socket(AF_UNIX, SOCK_STREAM)
    try:
        lines = _Lines(sock, hearing)
        _begin(sock, run_dir, request)
        if "heard" not in (lines.next() or {}):
            raise Unanswered("the agent hung up")
        lines.until = None if within is None else monotonic() + within
        while (record := lines.next()) is not None:
            if "unanswered" in record:
                raise Unanswered(str(record["unanswered"]))
            yield record
    except (OSError, ValueError) as err:
        raise Unanswered(f"the agent does not answer: {str(err) or 'in time'}") from None
    finally:
        sock.close()


def _begin(sock: socket, run_dir: str, request: Record) -> None:
    path = socket_path(run_dir)
    try:
        sock.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NoAgent("no agent is at work on this node") from None
    if peer_uid(sock) not in (0, os.geteuid()):
        raise Unanswered(f"another user listens on {path}")
    left = memoryview(line_of(request))
    while left:
        left = left[sock.send(left) :]


class _Lines:
    """The lines that a socket says. until: when that has to have ended."""

    def __init__(self, sock: socket, seconds: float) -> None:
        self._sock = sock
        self._read = b""
        self.until: float | None = monotonic() + seconds
        sock.settimeout(seconds)

    def next(self) -> Record | None:
        """None: it has hung up. Raises OSError, ValueError."""
        parts = [self._read]
        while b"\n" not in parts[-1]:
            left = None if self.until is None else self.until - monotonic()
            if left is not None and left <= 0:
                raise TimeoutError
            self._sock.settimeout(left)
            part = self._sock.recv(_PART)
            if not part:
                return None
            parts.append(part)
        line, _, self._read = b"".join(parts).partition(b"\n")
        return record_of(line)
