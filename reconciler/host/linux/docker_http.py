"""Plain HTTP over a unix socket, for reading from a Docker engine without its SDK.

Connections are kept alive and shared: each request borrows one, so that a thread never sees another's answer.
"""

import http.client
import json
import select
import socket
import struct
import threading
from http.client import HTTPMessage
from typing import Any
from urllib.parse import quote, urlencode

from reconciler.host.errors import Permanent
from reconciler.host.linux.docker_errors import message_of, refusal, unreachable

IDLE = 4
"""Connections that are kept; more may be open at once."""
NEWEST = (1, 45)
"""The newest version of the engine's API that this code was written for; an older engine is spoken to in its own."""


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
    """GET requests to one engine. Safe to use from several threads."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._version: str | None = None

    def ping(self, timeout: float) -> None:
        """Ask whether it is there; learn which version it speaks. Raises HostError."""
        status, headers, body = self._exchange("/_ping", timeout)
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
        target = f"/v{self.version(timeout)}/" + "/".join(quote(part, safe=":") for part in path)
        status, headers, body = self._exchange(f"{target}?{urlencode(query)}" if query else target, timeout)
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

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _exchange(self, target: str, timeout: float) -> tuple[int, HTTPMessage, bytes]:
        """One GET. An idle connection that turns out to be dead (the engine was restarted) costs one more try, never two."""
        connection = self._borrow()
        if connection is not None:
            try:
                return self._ask(connection, target, timeout)
            except TimeoutError as error:
                raise unreachable(self.path, error) from error
            except (OSError, http.client.HTTPException):
                self.close()
        try:
            return self._ask(_Connection(self.path, timeout), target, timeout)
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

    def _ask(self, connection: _Connection, target: str, timeout: float) -> tuple[int, HTTPMessage, bytes]:
        try:
            connection.timeout = timeout
            if connection.sock is not None:
                connection.sock.settimeout(timeout)
            connection.request("GET", target)
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
