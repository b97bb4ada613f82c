"""Events of a Docker engine: one GET /events over its socket that never ends, read without waiting.

Only events after which a container, network or volume may be another than it was are asked for; not what a health check runs. The
request is HTTP/1.0, so that the answer is nothing but lines.
"""

import json
import select
import socket
import time
from collections.abc import Collection, Iterator
from typing import Any, Final
from urllib.parse import urlencode

from reconciler.host.linux.bells.wire import ALL

_FILTERS: Final = {
    "type": ["container", "network", "volume"],
    "event": [
        *("create", "destroy", "die", "health_status", "oom", "pause", "rename", "start", "unpause", "update"),
        *("connect", "disconnect"),
    ],
}
_MOST: Final = 1 << 20
"""Bytes of one event, or of the head of the answer."""


class EngineWire:
    """key: the engine's socket. The stream begins with the very moment in which it is made, whenever the engine gets to it."""

    events = select.EPOLLIN
    lasting = True

    def __init__(self, key: str) -> None:
        self._buffer, self.begun = b"", False
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self._socket.connect(key)
            query = urlencode({"since": f"{time.time():.9f}", "filters": json.dumps(_FILTERS)})
            self._socket.sendall(f"GET /events?{query} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def heard(self) -> Collection[str]:
        """What the events are about, by name and by id. Raises OSError when the engine has ended, or refuses."""
        found: set[str] = set()
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return found
            if not data:
                raise ConnectionResetError("it broke off")
            self._buffer += data
            for line in self._lines():
                found.update(_parts(line))

    def close(self) -> None:
        self._socket.close()

    def _lines(self) -> Iterator[bytes]:
        if not self.begun:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                self._limit()
                return
            status = head.split(None, 2)[1:2]
            if status != [b"200"]:
                raise ConnectionRefusedError(f"the engine answers {head.splitlines()[0].decode(errors='replace')}")
            self.begun, self._buffer = True, rest
        *lines, self._buffer = self._buffer.split(b"\n")
        self._limit()
        yield from lines

    def _limit(self) -> None:
        if len(self._buffer) > _MOST:
            raise ConnectionAbortedError("an event of it never ends")


def _parts(line: bytes) -> Collection[str]:
    """What one event is about; ALL when it cannot be understood."""
    try:
        event: dict[str, Any] = json.loads(line)
        kind, actor = event["Type"], event["Actor"]
        known: dict[str, str] = actor.get("Attributes") or {}
        if kind == "network" and known.get("container"):
            return {f"container {known['container']}"}
        named = {actor.get("ID"), known.get("name"), known.get("oldName", "").lstrip("/")}
        return {f"{kind} {name}" for name in named if name}
    except (ValueError, KeyError, TypeError, AttributeError):
        return ALL if line.strip() else ()
