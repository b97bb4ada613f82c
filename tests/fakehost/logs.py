"""FakeLog: the log of a fake container, as docker_ports.LogStream."""

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.host.docker_ports import LogLine

if TYPE_CHECKING:
    from tests.fakehost.docker import FakeContainer


class FakeLog:
    """What the container has said when this is made; and, where it is followed, what it says until it ends."""

    def __init__(self, container: "FakeContainer", *, tail: int, since: int, follow: bool) -> None:
        found = [line for line in container.said if line.at >= since]
        self._container = container
        self._lines = found[-tail:] if tail else found
        self._told = len(container.said)
        self._follow = follow
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[LogLine]:
        yield from self._lines
        while self._follow and not self._closed.is_set():
            ended = self._container.process is None
            fresh = self._container.said[self._told :]
            self._told += len(fresh)
            yield from fresh
            if ended:
                return
            self._closed.wait(0.005)

    def close(self) -> None:
        self._closed.set()
