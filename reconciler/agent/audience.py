"""Audience: whoever listens to the events of an agent. Nobody is waited for: who is too slow loses lines, and is told how many."""

import socket
from collections import deque
from collections.abc import Collection
from threading import Lock
from typing import Final

from reconciler.agent.protocol import HEARD, line_of

SEATS: Final = 64
"""Listeners at once; one more is turned away."""
BEHIND: Final = 2000
"""Lines that are kept for one who does not read them."""


class _Listener:
    """One of them, by its socket. left: what was begun to be sent and is not gone yet."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.lines: deque[bytes] = deque()
        self.left = HEARD
        self.lost = 0

    def hear(self, line: bytes) -> None:
        if len(self.lines) >= BEHIND:
            self.lost += 1
            return
        if self.lost:
            self.lines.append(line_of({"event": "lost", "lines": self.lost}))
            self.lost = 0
        self.lines.append(line)

    def send(self) -> bool:
        """Send what can be sent now; whether anything is left. Raises OSError for one that is gone."""
        while self.left or self.lines:
            self.left = self.left or self.lines.popleft()
            try:
                self.left = self.left[self.sock.send(self.left) :]
            except BlockingIOError:
                return True
        return False


class Audience:
    """Lines come from any thread; sockets are written to, and closed, in one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._listeners: dict[int, _Listener] = {}

    def __len__(self) -> int:
        return len(self._listeners)

    def join(self, sock: socket.socket) -> bool:
        """Take one in; whether there was a seat."""
        with self._lock:
            if len(self._listeners) >= SEATS:
                return False
            sock.setblocking(False)
            self._listeners[sock.fileno()] = _Listener(sock)
            return True

    def hear(self, line: bytes) -> None:
        """Keep a line for everybody."""
        with self._lock:
            for listener in self._listeners.values():
                listener.hear(line)

    def send(self) -> Collection[int]:
        """Send what can be sent; the handles of those who still have something to come. Who is gone is let go."""
        behind: set[int] = set()
        with self._lock:
            for handle, listener in list(self._listeners.items()):
                try:
                    if listener.send():
                        behind.add(handle)
                except OSError:
                    self._listeners.pop(handle).sock.close()
        return behind

    def handles(self) -> Collection[int]:
        return tuple(self._listeners)

    def leave(self, handle: int) -> None:
        """One has hung up."""
        with self._lock:
            self._listeners.pop(handle).sock.close()

    def close(self) -> None:
        with self._lock:
            for listener in self._listeners.values():
                listener.sock.close()
            self._listeners.clear()
