"""LinuxDoorbells: every bell of this machine in one epoll, heard by whoever waits. No thread, and no process, is started."""

import os
import select
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from math import inf
from random import uniform
from typing import Final

from reconciler.core.bells import Bell, Rings, Source, both
from reconciler.core.lazy import dataclass
from reconciler.host.linux.bells.engine import EngineWire
from reconciler.host.linux.bells.files import FilesWire
from reconciler.host.linux.bells.links import LinksWire
from reconciler.host.linux.bells.mounts import MountsWire
from reconciler.host.linux.bells.process import ProcessWire
from reconciler.host.linux.bells.wall import made_to_ring_when_set
from reconciler.host.linux.bells.wire import Wire

_WIRES: Final[Mapping[Source, Callable[[str], Wire]]] = {
    Source.ENGINE: EngineWire,
    Source.LINKS: LinksWire,
    Source.MOUNTS: MountsWire,
    Source.PROCESS: ProcessWire,
    Source.FILES: FilesWire,
}
_FIRST: Final = 0.1
_LONGEST: Final = 30.0
"""Seconds until what cannot be listened to is tried again: first, doubled each time, and at most."""


@dataclass(slots=True)
class _Hung:
    """wire: None while it cannot be listened to: why, for so many tries, and again when (inf: never; a process has ended)."""

    wire: Wire | None = None
    tries: int = 0
    again: float = 0.0
    why: str = ""


class LinuxDoorbells:
    """See host/doorbells.py."""

    def __init__(self) -> None:
        self._poll: select.epoll | None = None
        self._wake = self._wall = -1
        self._bells: frozenset[Bell] = frozenset()
        self._hung: dict[Bell, _Hung] = {}
        self._fds: dict[int, Bell] = {}
        self._rung: dict[Bell, str] = {}

    def listen(self, bells: Collection[Bell]) -> None:
        self._bells = frozenset(bells)
        wholes = {bell.whole for bell in bells}
        for gone in self._hung.keys() - wholes:
            self._cut(self._hung.pop(gone))
        for whole in wholes - self._hung.keys():
            self._hung[whole] = _Hung()
            self._hang(whole)
        for whole, hung in self._hung.items():
            if whole.source is Source.ENGINE and hung.tries:
                self._hang(whole)

    def wait(self, seconds: float) -> Rings:
        until = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            for whole, hung in self._hung.items():
                if hung.wire is None and hung.again <= now:
                    self._hang(whole)
            if self._rung:
                rung, self._rung = self._rung, {}
                return rung
            if now >= until:
                return {}
            soonest = min((hung.again for hung in self._hung.values() if hung.wire is None), default=inf)
            for fd, _ in self._epoll().poll(max(0.0, min(until, soonest) - now)):
                if fd == self._wake:
                    os.eventfd_read(fd)
                    until = -inf
                elif fd == self._wall:
                    with suppress(OSError):  # ECANCELED, which is how it says so
                        os.read(fd, 8)
                    until = -inf
                elif fd in self._fds:
                    self._hear(self._fds[fd])

    def wake(self) -> None:
        self._epoll()
        os.eventfd_write(self._wake, 1)

    def deaf(self) -> dict[Bell, str]:
        return {whole: hung.why for whole, hung in self._hung.items() if hung.wire is None and hung.again < inf}

    def close(self) -> None:
        self.listen(())
        if self._poll is not None:
            self._poll.close()
            os.close(self._wake)
            if self._wall >= 0:
                os.close(self._wall)
            self._poll, self._wake, self._wall = None, -1, -1

    def _epoll(self) -> select.epoll:
        if self._poll is None:
            self._poll = select.epoll()
            self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            self._wall = made_to_ring_when_set()
            self._poll.register(self._wake, select.EPOLLIN)
            if self._wall >= 0:
                self._poll.register(self._wall, select.EPOLLIN)
        return self._poll

    def _hang(self, whole: Bell) -> None:
        """Listen to it, or again. It rings where it was lost before, and files whenever nobody can listen to them."""
        hung = self._hung[whole]
        try:
            hung.wire = _WIRES[whole.source](whole.key)
        except ProcessLookupError:
            hung.again = inf
            self._ring(whole, "ended")
            return
        except OSError as error:
            self._lose(whole, error)
            return
        self._epoll().register(hung.wire.fileno(), hung.wire.events)
        self._fds[hung.wire.fileno()] = whole
        if hung.wire.begun:
            self._begun(whole)

    def _begun(self, whole: Bell) -> None:
        """It is listened to: what rang while it was not is not known."""
        hung = self._hung[whole]
        if hung.tries:
            self._ring(whole, "is heard again")
        hung.tries, hung.why = 0, ""

    def _hear(self, whole: Bell) -> None:
        hung = self._hung[whole]
        assert hung.wire is not None
        try:
            parts = hung.wire.heard()
        except OSError as error:
            begun = hung.wire.begun
            self._cut(hung)
            self._lose(whole, error)
            if begun:
                self._ring(whole, "broke off")
            return
        if hung.tries and hung.wire.begun:
            self._begun(whole)
        for part, said in parts.items():
            bell = whole._replace(part=part)
            if not part or bell in self._bells:
                self._ring(bell, said)
            elif whole in self._bells:
                self._ring(whole)
        if not hung.wire.lasting:
            self._cut(hung)
            hung.again = inf

    def _lose(self, whole: Bell, error: OSError) -> None:
        hung = self._hung[whole]
        hung.tries += 1
        hung.why = error.strerror or str(error)
        hung.again = time.monotonic() + min(_LONGEST, _FIRST * 2 ** min(hung.tries - 1, 20)) * uniform(0.9, 1.1)
        if whole.source is Source.FILES:
            self._ring(whole, "cannot be listened to")

    def _ring(self, bell: Bell, said: str = "") -> None:
        self._rung[bell] = both(self._rung.get(bell, ""), said)

    def _cut(self, hung: _Hung) -> None:
        if hung.wire is None:
            return
        if self._poll is not None:
            self._poll.unregister(hung.wire.fileno())
        del self._fds[hung.wire.fileno()]
        hung.wire.close()
        hung.wire = None
