"""Warm: what a process that looks again and again, each time by another verb, keeps from one look to the next: the host, with its
connections, what was read of the store, and what the texts of specs came to. What is on the machine is seen anew each time."""

from typing import TYPE_CHECKING

from reconciler.engine.config import Config

if TYPE_CHECKING:
    from reconciler.engine.session import Session


class Warm:
    """Cold until `keep`. One thread opens sessions, one after the other."""

    def __init__(self) -> None:
        self._keeps = False
        self._last: Session | None = None

    def keep(self) -> None:
        """From now on."""
        from reconciler.spec.memo import MEMO

        self._keeps = MEMO.keeps = True

    def last(self, config: Config) -> "Session | None":
        """The session before, where it was of the same place."""
        last = self._last
        return last if last is not None and last.config.place == config.place else None

    def ended(self, session: "Session") -> None:
        if self._keeps:
            self._last = session


WARM = Warm()
"""This process."""
