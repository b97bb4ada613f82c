"""Wire: one source of rings, as the doorbells poll it."""

from collections.abc import Mapping
from typing import Final, Protocol, TypeAlias

Heard: TypeAlias = Mapping[str, str]
"""The parts that rang -> what is said of each (core/bells.py: Rings)."""

ALL: Final[Heard] = {"": ""}
"""All parts rang."""


class Wire(Protocol):
    """Made when it is listened to: the constructor raises OSError when that is not possible now.

    events: what its descriptor is polled for. lasting: False of one that rings once and is over. begun: whether it is known that
    it listens; one that only asks for it may be refused yet.
    """

    events: int
    lasting: bool

    @property
    def begun(self) -> bool: ...

    def fileno(self) -> int: ...

    def heard(self) -> Heard:
        """The parts that rang; ALL where that is not known. Never waits. Raises OSError when the stream is over."""

    def close(self) -> None: ...
