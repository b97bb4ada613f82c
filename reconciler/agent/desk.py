"""Desk: where an agent is spoken to: its socket, the clerk who answers there, and those who listen to what it does."""

import os
import select
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Final

import reconciler
from reconciler.agent.audience import Audience
from reconciler.agent.protocol import HEARD, line_of, socket_path
from reconciler.core.level import Level
from reconciler.core.outcome import Event
from reconciler.engine.errors import StoreError
from reconciler.engine.log import note
from reconciler.engine.watch import Watch
from reconciler.report.json_out import event_record

_QUEUE: Final = 128
"""Connections that may wait for the clerk."""
_PAUSE: Final = (1.0, 60.0)
"""Seconds before another clerk is begun, when one has not lasted: at first, and at most; twice as long each time."""
_LASTED: Final = 60.0
"""Seconds after which a clerk has lasted."""
_LEAVING: Final = 1.0
"""Seconds that a clerk has to end."""


class Desk:
    """A part of an agent, for whoever holds the claim to run_dir: so a socket that is left there is nobody's.

    clerk: the command that begins a clerk; its last two words will be the handles of the two sockets (agent/clerk.py).
    """

    def __init__(self, run_dir: str, clerk: Sequence[str]) -> None:
        self._path = socket_path(run_dir)
        self._command = tuple(clerk)
        self._audience = Audience()
        self._wake, self._woken = socket.socketpair()
        self._thread = Thread(target=self._run, name="desk", daemon=True)
        self._closing = False
        self._pause = 0.0

    def start(self, watch: Watch) -> None:
        """Raises StoreError when there can be no socket."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            Path(self._path).unlink(missing_ok=True)
            os.fchmod(self._listener.fileno(), 0o600)  # the file is made with this mode (unix(7)): it is never open to others
            self._listener.bind(self._path)
            self._listener.listen(_QUEUE)
        except OSError as err:
            raise StoreError(f"cannot listen on {self._path}: {(err.strerror or str(err)).lower()}") from None
        self._listener.setblocking(False)
        self._wake.setblocking(False)
        self._thread.start()

    def tell(self, event: Event) -> None:
        if self._audience:
            self._audience.hear(line_of(event_record(event, _now())))
            self._ring()

    def close(self) -> None:
        self._closing = True
        self._ring()
        self._thread.join()
        Path(self._path).unlink(missing_ok=True)
        for sock in (self._listener, self._wake, self._woken):
            sock.close()

    def _ring(self) -> None:
        with suppress(BlockingIOError):
            self._wake.send(b".")

    # in the desk's thread

    def _run(self) -> None:
        while not self._closing:
            self._employ()
        self._audience.hear(line_of({"event": "agent ended", "at": _now().isoformat(), "service": ""}))
        self._audience.send()
        self._audience.close()

    def _employ(self) -> None:
        """Have a clerk, for as long as it works; and after one that did not last, have none for a while."""
        began = monotonic()
        try:
            why = self._with(*socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        except OSError as err:
            why = f"it cannot be begun: {err.strerror}"
        if self._closing:
            return
        lasted = not why or monotonic() - began > _LASTED
        self._pause = 0.0 if lasted else min(max(_PAUSE[0], 2 * self._pause), _PAUSE[1])
        if why:
            note("clerk ended", Level.WARNING, message=why, again_in=self._pause)
        if self._pause:
            self._serve(None, monotonic() + self._pause)

    def _with(self, ours: socket.socket, theirs: socket.socket) -> str:
        """Serve beside a clerk, from its beginning to its end. Why it ended, unless it was in order. Raises OSError."""
        with ours:
            with theirs:
                handles = (self._listener.fileno(), theirs.fileno())
                clerk = subprocess.Popen(
                    [*self._command, *map(str, handles)],
                    pass_fds=handles,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": _python_path()},
                )
            self._serve(ours, None)
        code = _ended(clerk)
        return "" if code == 0 else f"it came to {code}" if code is not None else "it cannot be ended"

    def _serve(self, clerk: socket.socket | None, until: float | None) -> None:
        """Send events and let listeners in and out, until the clerk is gone, or until then, or until the end."""
        behind = self._audience.send()
        while not self._closing and (until is None or monotonic() < until):
            waits = select.poll()
            waits.register(self._woken, select.POLLIN)
            if clerk is not None:
                waits.register(clerk, select.POLLIN)
            for handle in self._audience.handles():
                waits.register(handle, select.POLLIN | (select.POLLOUT if handle in behind else 0))
            for handle, happened in waits.poll(None if until is None else max(0.0, until - monotonic()) * 1000):
                if handle == self._woken.fileno():
                    self._woken.recv(4096)
                elif clerk is not None and handle == clerk.fileno():
                    if not self._receive(clerk):
                        return
                elif happened & ~select.POLLOUT:
                    self._audience.leave(handle)
            behind = self._audience.send()

    def _receive(self, clerk: socket.socket) -> bool:
        """A listener whom the clerk brings. False: it brings nobody any more."""
        try:
            said, handles, _, _ = socket.recv_fds(clerk, 16, 1)
        except OSError:
            return False
        for handle in handles:
            sock = socket.socket(fileno=handle)
            if not self._audience.join(sock):
                with sock, suppress(OSError):
                    sock.send(HEARD + line_of({"unanswered": "too many listen already"}))
        return bool(said)


def _ended(clerk: "subprocess.Popen[bytes]") -> int | None:
    """Its code, once it has ended, for it was told to. None: it cannot even be killed, for the kernel has it wait for something."""
    for _ in range(2):
        with suppress(subprocess.TimeoutExpired):
            return clerk.wait(_LEAVING)
        clerk.kill()
    return None


def _python_path() -> str:
    """For a process that is to find this very package, and nothing in whatever folder it is begun in."""
    here = str(Path(reconciler.__file__).parent.parent)
    return os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))


def _now() -> datetime:
    return datetime.now(UTC).astimezone()
