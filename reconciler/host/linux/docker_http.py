"""Plain HTTP over a unix socket: all short calls on a Docker engine, without its SDK.

Connections are kept alive and shared: each request borrows one, so that a thread never sees another's answer.
"""

import contextlib
import http.client
import json
import select
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPMessage
from typing import Any
from urllib.parse import quote, urlencode

from reconciler.host.errors import Permanent
from reconciler.host.linux.docker_errors import message_of, refusal, unreachable

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


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect, waiting for a place in the engine's queue: with a time-out of Python's own it would fail at once when full."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        seconds = float(self.timeout or 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000)))
        try:
            self.sock.connect(self._path)
        except BlockingIOError as error:
            raise TimeoutError from error
        self.sock.settimeout(seconds)


class DockerHttp:
    """Requests to one engine. Safe to use from several threads."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._version: str | None = None

    def ping(self, timeout: float) -> None:
        """Ask whether it is there; learn which version it speaks. Raises HostError."""
        status, headers, body = self._exchange(_Request("GET", "/_ping"), timeout)
        if status != 200:
            raise refusal(status, message_of(body.decode(errors="replace")))
        self._version = _spoken(headers.get("Api-Version", ""))

    def version(self, timeout: float) -> str:
        """The API version that is spoken with it: its own, or ours if that is older. Asked once. Raises HostError."""
        if self._version is None:
            self.ping(timeout)
        return self._version or ""

    def get(self, *path: str, timeout: float, **query: str | int) -> tuple[HTTPMessage, bytes]:
        """GET of a path made of these parts, each one quoted: headers and body. Raises HostError."""
        status, headers, body = self._exchange(_Request("GET", self._target(path, query, timeout)), timeout)
        if status != 200:
            raise refusal(status, message_of(body.decode(errors="replace")))
        return headers, body

    def json(self, *path: str, timeout: float, **query: str | int) -> Any:
        """The same, the body read as JSON."""
        _, body = self.get(*path, timeout=timeout, **query)
        try:
            return json.loads(body)
        except ValueError as error:
            raise Permanent(f"the engine on {self.path} answered with something other than JSON") from error

    def stream(self, *path: str, timeout: float, **query: str | int) -> "Stream":
        """GET of such a path, on a connection of its own: the body while it is still coming. timeout: for its beginning; between
        two parts of it any time may pass. Raises HostError."""
        connection = _Connection(self.path, timeout)
        try:
            connection.request("GET", self._target(path, query, timeout))
            sock = connection.sock
            response = connection.getresponse()
            if response.status != 200:
                raise refusal(response.status, message_of(response.read().decode(errors="replace")))
            sock.settimeout(None)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise unreachable(self.path, error) from error
        except BaseException:
            connection.close()
            raise
        return Stream(self.path, connection, sock, response)

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

    def _exchange(self, request: _Request, timeout: float) -> tuple[int, HTTPMessage, bytes]:
        """One request. An idle connection that turns out to be dead (the engine was restarted) costs a read one more try, never
        two; a write is not tried again."""
        connection = self._borrow()
        if connection is not None:
            try:
                return self._ask(connection, request, timeout)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if isinstance(error, TimeoutError) or not request.repeatable:
                    raise unreachable(self.path, error) from error
        try:
            return self._ask(_Connection(self.path, timeout), request, timeout)
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(self.path, error) from error

    def _borrow(self) -> _Connection | None:
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if connection.sock is not None and not _spoke_or_hung_up(connection.sock):
                    return connection
                connection.close()
        return None

    def _ask(self, connection: _Connection, request: _Request, timeout: float) -> tuple[int, HTTPMessage, bytes]:
        try:
            connection.timeout = timeout
            if connection.sock is not None:
                connection.sock.settimeout(timeout)
            kind = {} if request.body is None else {"Content-Type": "application/json"}
            connection.request(request.method, request.target, request.body, kind)
            response = connection.getresponse()
            body = response.read()
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            with self._lock:
                if len(self._idle) < IDLE:
                    self._idle.append(connection)
                    return response.status, response.headers, body
            connection.close()
        return response.status, response.headers, body


class Stream:
    """A body that is still coming."""

    def __init__(self, path: str, connection: _Connection, sock: socket.socket, response: http.client.HTTPResponse) -> None:
        self._path = path
        self._connection = connection
        self._sock = sock
        self._response = response
        self._broken = False

    def read(self) -> bytes:
        """The next part; b"" at the end, and once it was broken off here. Raises Transient where the engine breaks off."""
        try:
            return self._response.read1(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            if self._broken:
                return b""
            raise unreachable(self._path, error) from error

    def break_off(self) -> None:
        """End the reading, from whichever thread: a read that waits answers b""."""
        self._broken = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection up. Of the thread that reads."""
        self._response.close()
        self._connection.close()


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
