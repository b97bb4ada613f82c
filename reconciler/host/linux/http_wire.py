"""HTTP/1.1 over a unix socket, as far as engines speak it. The standard library's client brings TLS and the headers of mail along,
which takes as long to import as all ports of the host.

One request at a time goes over a connection; the answer's body is read to its end before the next.
"""

import socket
import struct
from collections.abc import Mapping
from typing import Final

_LINE: Final = 64 << 10
"""Bytes of a line of an answer's head."""
_LINES: Final = 200
_HEXADECIMAL: Final = frozenset("0123456789abcdefABCDEF")
_BARE: Final = frozenset({204, 304})
"""The statuses whose answers have no body."""


class Garbled(Exception):
    """What came is no HTTP, or not all of it."""


class HttpWire:
    """A connection; none is made before the first request. Methods raise OSError and Garbled: it is good for nothing then.

    status, fields: of the last answer; the names of fields are in lower case. again: whether it can be asked once more.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self.path, self.timeout = path, timeout
        self.socket: socket.socket | None = None
        self.status = 0
        self.fields: Mapping[str, str] = {}
        self.again = False
        self._left: int | None = 0
        """Bytes of the body, or of the chunk of it, that are still to come; None where the end of the connection is its end."""
        self._chunked = False

    def ask(self, method: str, target: str, body: bytes | None = None) -> None:
        """Send a request, and read the head of its answer. timeout counts for each wait."""
        if self.socket is None:
            self._connect()
        assert self.socket is not None
        self.socket.settimeout(self.timeout)
        kind = "" if body is None else f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        if body is None and method == "POST":
            kind = "Content-Length: 0\r\n"
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n{kind}\r\n"
        self.socket.sendall(head.encode("ascii") + (body or b""))
        self._begin()
        while 100 <= self.status < 200:
            self._begin()

    def read(self) -> bytes:
        """The body, or what is left of it."""
        parts: list[bytes] = []
        while self._more():
            part = self._file.read() if self._left is None else self._file.read(self._left)
            parts.append(self._took(part))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def part(self, most: int) -> bytes:
        """The next part of the body, as soon as there is one; b"" at its end."""
        if not self._more():
            return b""
        return self._took(self._file.read1(most if self._left is None else min(most, self._left)))

    def close(self) -> None:
        if self.socket is not None:
            self._file.close()
            self.socket.close()
            self.socket = None

    def _connect(self) -> None:
        """Connect, waiting for a place in the engine's queue: with a time-out of Python's own it would fail at once when full."""
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            seconds = int(self.timeout), int(self.timeout % 1 * 1_000_000)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", *seconds))
            made.connect(self.path)
        except BlockingIOError as error:
            made.close()
            raise TimeoutError from error
        except OSError:
            made.close()
            raise
        self.socket, self._file = made, made.makefile("rb")

    def _begin(self) -> None:
        """Read the head of an answer."""
        line = self._line()
        version, _, rest = line.partition(" ")
        if not version.startswith("HTTP/1.") or not rest[:3].isdecimal():
            raise Garbled(f"it does not speak HTTP: {line[:60]!r}")
        self.status, self.fields = int(rest[:3]), self._fields()
        bare = self.status in _BARE or self.status < 200
        self._chunked = not bare and self.fields.get("transfer-encoding", "").lower() == "chunked"
        length = "0" if bare or self._chunked else self.fields.get("content-length", "")
        if length and not length.isdecimal():
            raise Garbled(f"the answer is {length!r} bytes long")
        self._left = int(length) if length else None
        kept = version != "HTTP/1.0" and self.fields.get("connection", "").lower() != "close"
        self.again = kept and self._left is not None

    def _fields(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for _ in range(_LINES):
            line = self._line()
            if not line:
                return found
            name, _, value = line.partition(":")
            found[name.lower()] = value.strip()
        raise Garbled("the head of an answer never ends")

    def _more(self) -> bool:
        """Whether more of the body is to come."""
        if self._left != 0 or not self._chunked:
            return self._left != 0
        line = self._line() or self._line()  # the chunk before this one ends with an empty line
        size = line.partition(";")[0].strip()
        if not size or not set(size) <= _HEXADECIMAL:
            raise Garbled(f"a part of the answer is {line[:60]!r} bytes long")
        self._left = int(size, 16)
        if self._left == 0:
            self._chunked = False
            self._fields()
        return self._left != 0

    def _took(self, part: bytes) -> bytes:
        if self._left is None:
            self._left = None if part else 0
        elif not part:
            raise Garbled(f"{self._left} bytes of the answer did not come")
        else:
            self._left -= len(part)
        return part

    def _line(self) -> str:
        """One line. Raises ConnectionResetError where none begins: what was idle may have been dead."""
        line = self._file.readline(_LINE)
        if not line:
            raise ConnectionResetError("it hung up")
        if not line.endswith(b"\n"):
            raise Garbled("a line of the answer never ends" if len(line) == _LINE else "the answer broke off")
        return line.decode("latin-1").rstrip("\r\n")
