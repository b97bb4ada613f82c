"""Plain HTTP over a unix socket: all short calls on a Docker engine, without its SDK.

Connections are kept alive and shared: each request borrows one, so that a thread never sees another's answer.
"""

import contextlib
import json
import select
import socket
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from reconciler.core.lazy import dataclass
from reconciler.host.errors import Permanent
from reconciler.host.linux.docker_errors import message_of, refusal, unreachable
from reconciler.host.linux.http_wire import Garbled, HttpWire

IDLE = 4
"""Connections that are kept; more may be open at once."""
CHUNK = 64 << 10
"""Bytes of a stream that are taken at once."""
NEWEST = (1, 45)
"""The newest version of the engine's API that this code was written for; an older engine is spoken to in its own."""
_DONE = frozenset({200, 201, 204, 304})
"""The statuses of a write that has its effect. 304: it was there before."""


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    body: bytes | None = None

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent once more when nobody knows whether it arrived."""
        return self.method == "GET"


class DockerHttp:
    """Requests to one engine. Safe to use from several threads."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._idle: list[HttpWire] = []
        self._version: str | None = None

    def ping(self, timeout: float) -> None:
        """Ask whether it is there; learn which version it speaks. Raises HostError."""
        status, fields, body = self._exchange(_Request("GET", "/_ping"), timeout)
        if status != 200:
            raise refusal(status, message_of(body.decode(errors="replace")))
        self._version = _spoken(fields.get("api-version", ""))

    def version(self, timeout: float) -> str:
        """The API version that is spoken with it: its own, or ours if that is older. Asked once. Raises HostError."""
        if self._version is None:
            self.ping(timeout)
        return self._version or ""

    def get(self, *path: str, timeout: float, **query: str | int) -> bytes:
        """GET of a path made of these parts, each one quoted: the answer's body. Raises HostError."""
        status, _, body = self._exchange(_Request("GET", self._target(path, query, timeout)), timeout)
        if status != 200:
            raise refusal(status, message_of(body.decode(errors="replace")))
        return body

    def json(self, *path: str, timeout: float, **query: str | int) -> Any:
        """The same, the body read as JSON."""
        body = self.get(*path, timeout=timeout, **query)
        try:
            return json.loads(body)
        except ValueError as error:
            raise Permanent(f"the engine on {self.path} answered with something other than JSON") from error

    def stream(self, *path: str, timeout: float, **query: str | int) -> "Stream":
        """GET of such a path, on a connection of its own: the body while it is still coming. timeout: for its beginning; between
        two parts of it any time may pass. Raises HostError."""
        target, wire = self._target(path, query, timeout), HttpWire(self.path, timeout)
        try:
            wire.ask("GET", target)
            if wire.status != 200:
                raise refusal(wire.status, message_of(wire.read().decode(errors="replace")))
            return Stream(wire)
        except (OSError, Garbled) as error:
            wire.close()
            raise unreachable(self.path, error) from error
        except BaseException:
            wire.close()
            raise

    def post(self, *path: str, timeout: float, record: Mapping[str, Any] | None = None, **query: str | int) -> bytes:
        """POST to such a path, of a record as JSON or of nothing: the answer's body. It is sent once, whatever happens to the
        connection. Raises HostError."""
        body = None if record is None else json.dumps(record).encode()
        return self._write(_Request("POST", self._target(path, query, timeout), body), timeout)

    def delete(self, *path: str, timeout: float, **query: str | int) -> None:
        """DELETE of such a path, sent once. Raises HostError."""
        self._write(_Request("DELETE", self._target(path, query, timeout)), timeout)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _target(self, path: tuple[str, ...], query: Mapping[str, str | int], timeout: float) -> str:
        target = f"/v{self.version(timeout)}/" + "/".join(quote(part, safe=":") for part in path)
        return f"{target}?{urlencode(query)}" if query else target

    def _write(self, request: _Request, timeout: float) -> bytes:
        status, _, body = self._exchange(request, timeout)
        if status not in _DONE:
            raise refusal(status, message_of(body.decode(errors="replace")))
        return body

    def _exchange(self, request: _Request, timeout: float) -> tuple[int, Mapping[str, str], bytes]:
        """One request: status, fields and body of its answer. An idle connection that turns out to be dead (the engine was
        restarted) costs a read one more try, never two; a write is not tried again."""
        wire = self._borrow()
        if wire is not None:
            try:
                return self._ask(wire, request, timeout)
            except (OSError, Garbled) as error:
                self.close()
                if isinstance(error, TimeoutError) or not request.repeatable:
                    raise unreachable(self.path, error) from error
        try:
            return self._ask(HttpWire(self.path, timeout), request, timeout)
        except (OSError, Garbled) as error:
            raise unreachable(self.path, error) from error

    def _borrow(self) -> HttpWire | None:
        with self._lock:
            while self._idle:
                wire = self._idle.pop()
                if wire.socket is not None and not _spoke_or_hung_up(wire.socket):
                    return wire
                wire.close()
        return None

    def _ask(self, wire: HttpWire, request: _Request, timeout: float) -> tuple[int, Mapping[str, str], bytes]:
        try:
            wire.timeout = timeout
            wire.ask(request.method, request.target, request.body)
            answer = wire.status, wire.fields, wire.read()
        except BaseException:
            wire.close()
            raise
        with self._lock:
            if wire.again and len(self._idle) < IDLE:
                self._idle.append(wire)
                return answer
        wire.close()
        return answer


class Stream:
    """A body that is still coming. wire: the connection that it comes over, which is nobody else's; for a part of it any time may
    pass."""

    def __init__(self, wire: HttpWire) -> None:
        assert wire.socket is not None
        wire.socket.settimeout(None)
        self._wire, self._socket = wire, wire.socket
        self._broken = False

    def read(self) -> bytes:
        """The next part; b"" at the end, and once it was broken off here. Raises Transient where the engine breaks off."""
        try:
            return self._wire.part(CHUNK)
        except (OSError, Garbled) as error:
            if self._broken:
                return b""
            raise unreachable(self._wire.path, error) from error

    def break_off(self) -> None:
        """End the reading, from whichever thread: a read that waits answers b""."""
        self._broken = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection up. Of the thread that reads."""
        self._wire.close()


def demultiplexed(body: bytes) -> bytes:
    """The output in a log of a container without a terminal: frames of 8 bytes (stream, 0, 0, 0, length) and their data.

    What is cut off or not framed is taken as it is.
    """
    out, at = bytearray(), 0
    while at < len(body):
        head = body[at : at + 8]
        if len(head) < 8 or head[0] > 2 or head[1:4] != bytes(3):
            out += body[at:]
            break
        length = int.from_bytes(head[4:], "big")
        out += body[at + 8 : at + 8 + length]
        at += 8 + length
    return bytes(out)


def _spoke_or_hung_up(sock: socket.socket) -> bool:
    """Whether an idle connection is readable: nothing was asked, so it can only be the end of it."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _spoken(offered: str) -> str:
    """The lower of the engine's newest version and ours; ours when it does not say."""
    try:
        major, minor = (int(part) for part in offered.split("."))
    except ValueError:
        return f"{NEWEST[0]}.{NEWEST[1]}"
    return "{}.{}".format(*min(NEWEST, (major, minor)))
