"""Protocol: what is said over an agent's socket (docs/agent.md): one JSON line that asks, JSON lines that answer.

Every thin client imports this. So it does without json, socket and typing, whose import takes as long as the whole interpreter
needs to begin: below the first two are the same modules in C.
"""

from __future__ import annotations

from _json import encode_basestring_ascii, make_encoder, make_scanner
from _socket import SO_PEERCRED, SOL_SOCKET, socket

Record = dict[str, object]

PROTOCOL = 1
LARGEST = 64 << 10
"""Bytes of a request, at most."""
HEARD = b'{"heard": true}\n'
"""The first line of every answer: somebody is there, and at it."""


def socket_path(run_dir: str) -> str:
    return f"{run_dir}/agent.sock"


def peer_uid(sock: socket) -> int:
    """Whose process is at the other end: of pid, uid and gid the second."""
    return memoryview(sock.getsockopt(SOL_SOCKET, SO_PEERCRED, 12)).cast("i")[1]


def line_of(record: Record) -> bytes:
    """A line. It is ASCII whatever the record has in it: the name of a file may be no text."""
    return "".join(_encode(record, 0)).encode() + b"\n"


def record_of(line: bytes) -> Record:
    """What a line says. Raises ValueError for anything that is no object."""
    try:
        found, _ = _scan(line.decode(), 0)
    except (StopIteration, RecursionError):
        raise ValueError("not a JSON object") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


class _Plain:
    """What the scanner of json.JSONDecoder() goes by."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float
    memo: dict[str, str] = {}


def _unknown(found: object) -> object:
    raise TypeError(f"no JSON: {type(found).__name__}")


_scan = make_scanner(_Plain())  # type: ignore[arg-type]
_encode = make_encoder(None, _unknown, encode_basestring_ascii, None, ": ", ", ", False, False, True)
