"""Doorbells: the port that tells when something may have changed. A ring says where to look; what else it says is for people."""

from collections.abc import Collection
from typing import Protocol

from reconciler.core.bells import Bell, Rings


class Doorbells(Protocol):
    """Bells that one thread listens to. Nothing is held before `listen`; `close` lets go of everything."""

    def listen(self, bells: Collection[Bell]) -> None:
        """Hear these from now on, and no others. What happens after this returns is heard.

        One that cannot be listened to yet (an engine that is down) is tried again and again, ever more seldom, and at each call of
        this; it rings once it can be: nobody knows what happened meanwhile. So does one whose stream breaks off, and right then.
        A process that has ended rings at once.
        """

    def wait(self, seconds: float) -> Rings:
        """What rang, as soon as something did: a whole, or a part that is listened to. Nothing when time is over, or at `wake`, or
        when the machine goes on that was suspended."""

    def wake(self) -> None:
        """End the wait that is going on, or else the next one. For signal handlers, too."""

    def deaf(self) -> dict[Bell, str]:
        """The wholes that cannot be listened to now, and why."""

    def close(self) -> None: ...
