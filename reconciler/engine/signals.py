"""Stop: how far a run shall still go, as the operator's signals say (architecture, section 7)."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """The first SIGINT finishes the step at hand and undoes the lane; a second stops undoing.

    SIGTERM finishes the step at hand and undoes nothing. Shared by every thread of a run.
    halt: set when even undoing shall end. hurry: set by a second signal; what waits for the machine (the clock's sleep)
    returns early then.
    reread: set by SIGHUP, where it is caught: the configuration shall be read again. Whoever does it clears it.
    wakes: called by each signal, once it is noted here: what waits for something else than a sleep ends its wait by it.
    number: the signal that asked (2 or 15), 0 when none did; the exit code is 128 + number.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self.halt = threading.Event()
        self.hurry = threading.Event()
        self.reread = threading.Event()
        self.wakes: list[Callable[[], None]] = []
        self.number = 0

    @property
    def asked(self) -> bool:
        """No new step shall begin."""
        return self._asked.is_set()

    @property
    def undoing(self) -> bool:
        """Whether what failed, or was cut short, may still be undone."""
        return not self.halt.is_set()

    def interrupt(self) -> None:
        """What SIGINT does."""
        if self._asked.is_set():
            self.halt.set()
            self.hurry.set()
        self.number = self.number or int(signal.SIGINT)
        self._asked.set()

    def terminate(self) -> None:
        """What SIGTERM does."""
        if self._asked.is_set():
            self.hurry.set()
        self.number = int(signal.SIGTERM)
        self.halt.set()
        self._asked.set()

    @contextmanager
    def catching(self, *, reread: bool = False) -> Iterator["Stop"]:
        """Take SIGINT and SIGTERM over (and SIGHUP, for `reread`), and give them back at the end. In the main thread only."""

        def on_signal(number: int, frame: FrameType | None) -> None:
            if number == signal.SIGHUP:
                self.reread.set()
            elif number == signal.SIGTERM:
                self.terminate()
            else:
                self.interrupt()
            for wake in self.wakes:
                wake()

        numbers = (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if reread else ()))
        before = {number: signal.signal(number, on_signal) for number in numbers}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
