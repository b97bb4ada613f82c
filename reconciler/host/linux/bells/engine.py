"""Events of a Docker engine: one GET /events over its socket that never ends, read without waiting.

Only events after which a container, network or volume may be another than it was are asked for; not what a health check runs. The
request is HTTP/1.0, so that the answer is nothing but lines.
"""

import json
import select
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from reconciler.core.bells import both
from reconciler.host.linux.bells.wire import ALL, Heard

_SAID: Final = {
    "create": "created",
    "destroy": "removed",
    "die": "died",
    "health_status": "health changed",
    "oom": "ran out of memory",
    "pause": "paused",
    "rename": "renamed",
    "start": "started",
    "unpause": "unpaused",
    "update": "updated",
    "connect": "connected",
    "disconnect": "disconnected",
}
"""What is asked for -> how people are told of it. What else an event says may be anybody's secret, and is told to nobody."""
_FILTERS: Final = {"type": ["container", "network", "volume"], "event": list(_SAID)}
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

    def heard(self) -> Heard:
        """What the events are about, by name and by id. Raises OSError when the engine has ended, or refuses."""
        found: dict[str, str] = {}
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return found
            if not data:
                raise ConnectionResetError("it broke off")
            self._buffer += data
            for line in self._lines():
                for part, said in _parts(line).items():
                    found[part] = both(found.get(part, ""), said)

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


def _parts(line: bytes) -> Heard:
    """What one event is about; ALL when it cannot be understood."""
    try:
        event: dict[str, Any] = json.loads(line)
        kind, actor = event["Type"], event["Actor"]
        known: dict[str, str] = actor.get("Attributes") or {}
        said = _said(str(event.get("Action", "")), known)
        if kind == "network" and known.get("container"):
            return {f"container {known['container']}": said}
        named = {actor.get("ID"), known.get("name"), known.get("oldName", "").lstrip("/")}
        return {f"{kind} {name}": said for name in named if name}
    except (ValueError, KeyError, TypeError, AttributeError):
        return ALL if line.strip() else {}


def _said(action: str, known: Mapping[str, Any]) -> str:
    """known: the attributes of what it is about."""
    name, _, health = action.partition(": ")
    if name == "health_status" and health in ("healthy", "unhealthy"):
        return f"is {health}"
    code = str(known.get("exitCode", ""))
    return f"died (exit {code})" if name == "die" and code.isdecimal() else _SAID.get(name, "")
