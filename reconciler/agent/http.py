"""HTTP: a server that answers GET with what a function of the path returns, one reply a connection, in a thread of its own.

Whoever asks can hold up nobody: a connection has so long for everything, there are few of them, and where one more comes the oldest
goes. A place that cannot be listened on is tried again and again.
"""

import os
import re
import selectors
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field
from http import HTTPStatus
from threading import Thread
from time import monotonic
from typing import Final, NamedTuple, TypeAlias

from reconciler.core.lazy import dataclass
from reconciler.engine.address import Address

CONNECTIONS: Final = 16
"""At once."""
SECONDS: Final = 5.0
"""For a request to come and its reply to be taken."""
LARGEST: Final = 8 << 10
"""Bytes of a request."""
RETRY: Final = 10.0
"""Seconds until an address that could not be listened on is tried again."""


class Reply(NamedTuple):
    status: HTTPStatus
    body: bytes
    type: str = "text/plain; charset=utf-8"


Answer: TypeAlias = Callable[[str], Reply | None]
"""The reply to a path; None where there is nothing of that name."""


@dataclass(slots=True)
class _Caller:
    """One connection. left: what of its reply is not sent yet; None while its request is not read."""

    sock: socket.socket
    until: float
    read: bytes = b""
    left: memoryview | None = field(default=None)


class Server:
    """address: where. answer: called in the server's thread. tell: hears, once for each cause, why nothing can be listened on or
    answered, and "" once it can be."""

    def __init__(
        self, address: Address, answer: Answer, tell: Callable[[str], None], *, retry: float = RETRY, seconds: float = SECONDS
    ) -> None:
        self.tell = tell
        self._address, self._answer, self._retry, self._seconds = address, answer, retry, seconds
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._callers: dict[int, _Caller] = {}
        self._wake, self._woken = socket.socketpair()
        self._thread = Thread(target=self._run, name="http", daemon=True)
        self._closing = False
        self._why = ""
        self._failed = ""
        self._again = 0.0
        """When to listen again, while nothing is listened on."""

    def start(self) -> None:
        """Answer from now on."""
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        self._wake.send(b".")
        self._thread.join()
        for caller in list(self._callers.values()):
            self._drop(caller)
        if self._listener is not None:
            self._listener.close()
            if self._address.path:
                with suppress(OSError):
                    os.unlink(self._address.path)
        self._selector.close()
        self._wake.close()
        self._woken.close()

    def listen(self) -> None:
        """Listen, if that can be now. To be called before the start; afterwards the server's thread tries again."""
        try:
            self._listener = _listener(self._address)
        except OSError as err:
            self._hear(err)
        else:
            self._selector.register(self._listener, selectors.EVENT_READ)
            self._hear(None)

    def _hear(self, err: OSError | None) -> None:
        what = "" if err is None else (err.strerror or str(err)).lower()
        why = what and f"cannot listen on {self._address}: {what}; tried again every {self._retry:g} s"
        if why != self._why:
            self._why = why
            self.tell(why)

    # in the server's thread

    def _run(self) -> None:
        self._again = monotonic() + self._retry
        while not self._closing:
            limits = [caller.until for caller in self._callers.values()]
            if self._listener is None:
                limits.append(self._again)
            for key, _ in self._selector.select(max(0.0, min(limits) - monotonic()) if limits else None):
                if key.fileobj is self._listener:
                    self._accept(self._listener)
                elif key.data is not None and key.fd in self._callers:
                    self._serve(key.data)
            now = monotonic()
            for caller in [caller for caller in self._callers.values() if caller.until <= now]:
                self._drop(caller)
            if self._listener is None and now >= self._again and not self._closing:
                self.listen()
                self._again = monotonic() + self._retry

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as err:  # no file is left: whoever waits would be there again at once
            self._selector.unregister(listener)
            listener.close()
            self._listener, self._again = None, monotonic() + self._retry
            self._hear(err)
            return
        sock.setblocking(False)
        if len(self._callers) >= CONNECTIONS:
            self._drop(min(self._callers.values(), key=lambda caller: caller.until))
        caller = _Caller(sock, monotonic() + self._seconds)
        self._callers[sock.fileno()] = caller
        self._selector.register(sock, selectors.EVENT_READ, caller)

    def _serve(self, caller: _Caller) -> None:
        try:
            if caller.left is None and not self._read(caller):
                return
            while caller.left:
                caller.left = caller.left[caller.sock.send(caller.left) :]
        except BlockingIOError:
            return
        except OSError:
            pass
        self._drop(caller)

    def _read(self, caller: _Caller) -> bool:
        """Read on; whether there is a reply to be sent now. Raises OSError."""
        part = caller.sock.recv(LARGEST)
        caller.read += part
        whole = b"\r\n\r\n" in caller.read or b"\n\n" in caller.read
        if part and not whole and len(caller.read) <= LARGEST:
            return False
        caller.left = memoryview(_reply(caller.read, self._answered) if whole else _bad(HTTPStatus.BAD_REQUEST))
        self._selector.modify(caller.sock, selectors.EVENT_WRITE, caller)
        return True

    def _answered(self, path: str) -> Reply | None:
        """Whatever is wrong with an answer, the next one who asks is answered."""
        try:
            reply = self._answer(path)
        except Exception as err:
            why = f"cannot answer {path}: {type(err).__name__}: {err}"
            if why != self._failed:
                self._failed = why
                self.tell(why)
            return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, b"it failed here; see the log\n")
        self._failed = ""
        return reply

    def _drop(self, caller: _Caller) -> None:
        del self._callers[caller.sock.fileno()]
        self._selector.unregister(caller.sock)
        caller.sock.close()


def _reply(request: bytes, answer: Answer) -> bytes:
    """All that is sent to a request."""
    words = request.split(b"\n", 1)[0].decode("latin-1").split()
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return _bad(HTTPStatus.BAD_REQUEST)
    method, target, _ = words
    if method not in ("GET", "HEAD"):
        return _bad(HTTPStatus.METHOD_NOT_ALLOWED, "Allow: GET, HEAD\r\n")
    path = re.sub("^https?://[^/?]*", "", target, flags=re.IGNORECASE).partition("?")[0]
    reply = answer(path or "/")
    return _bad(HTTPStatus.NOT_FOUND) if reply is None else _sent(reply, body=method == "GET")


def _bad(status: HTTPStatus, more: str = "") -> bytes:
    return _sent(Reply(status, f"{status.phrase}\n".encode()), more)


def _sent(reply: Reply, more: str = "", *, body: bool = True) -> bytes:
    head = (
        f"HTTP/1.1 {reply.status.value} {reply.status.phrase}\r\nContent-Type: {reply.type}\r\n"
        f"Content-Length: {len(reply.body)}\r\nCache-Control: no-store\r\n{more}Connection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (reply.body if body else b"")


def _listener(address: Address) -> socket.socket:
    """Raises OSError. A socket that a dead process left is replaced, and nothing else is."""
    if address.path:
        _clear(address.path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    else:
        sock = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if address.path:
            os.fchmod(sock.fileno(), 0o600)  # the file is made with this mode (unix(7)): it is never open to others
            sock.bind(address.path)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address.host, address.port))
        sock.listen()
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _clear(path: str) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise OSError("something is there that is no socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)
            else:
                raise OSError("somebody else listens there")
