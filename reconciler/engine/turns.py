"""Turns: the loop of a watch. A bug in one turn ends none of the later ones: they come after a pause, longer each time."""

from collections.abc import Callable
from typing import Final

from reconciler.engine.backoff import backoff
from reconciler.engine.signals import Stop
from reconciler.engine.tries import CALM
from reconciler.host.ports import Clock

_BREATH: Final = 1.0
"""Seconds that a pause goes on at most before it is seen whether it still has to; whatever has the bug is not asked for that."""


class Turns:
    """beat: called again and again while it pauses: it is alive."""

    def __init__(self, clock: Clock, stop: Stop, beat: Callable[[], None]) -> None:
        self._clock, self._stop, self._beat = clock, stop, beat
        self._bugs, self._calm = 0, 0.0
        """Bugs without a calm time between, and when the last of them is forgiven."""

    def run(self, turn: Callable[[bool], None], struck: Callable[[Exception], None]) -> None:
        """Turn until the run is asked to stop. turn: told whether it is the first one, or the first one after a bug, which has to
        see everything. struck: takes each bug."""
        anew = True
        while not self._stop.asked:
            try:
                turn(anew)
                anew = False
            except Exception as err:
                struck(err)
                self._pause()
                anew = True

    def _pause(self) -> None:
        """As what fails is left alone. A signal ends it."""
        now = self._clock.monotonic()
        self._bugs = self._bugs + 1 if now < self._calm else 1
        until = now + backoff(self._bugs).total_seconds()
        self._calm = until + CALM.total_seconds()
        while (left := until - self._clock.monotonic()) > 0 and not (self._stop.asked or self._stop.reread.is_set()):
            self._clock.sleep(min(left, _BREATH))
            self._beat()
