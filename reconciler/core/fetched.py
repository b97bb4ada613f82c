"""Fetched: what osvc brought to an engine and is remembered for, and what is to become of it once nobody uses it any more."""

from enum import Enum

from reconciler.core.lazy import dataclass


@dataclass(frozen=True, slots=True)
class Fetched:
    """One image. place, name: see Brought. id: of what came; "" until that was seen. service: for which it was fetched last."""

    place: str
    name: str
    id: str
    service: str


class Fate(Enum):
    """What is to become of it. The value is the word that people and programs read."""

    REMOVE = "remove"
    UNTAG = "untag"
    """It has other names as well: only ours goes."""
    USE = "in use"
    """A spec names it."""
    KEEP = "keep"
    """No spec names it, and it is not to be taken away all the same."""
    GONE = "gone"
    """It is not there any more."""


@dataclass(frozen=True, slots=True)
class Judged:
    """why: as a clause. size: bytes of an image that goes, with what it shares with others. target: by which the engine knows
    what is to be removed; command: that does it, as a person may paste it; both "" for what is left alone."""

    fetched: Fetched
    fate: Fate
    why: str
    size: int = 0
    target: str = ""
    command: str = ""

    @property
    def goes(self) -> bool:
        return self.fate in (Fate.REMOVE, Fate.UNTAG)


@dataclass(frozen=True, slots=True)
class Judgement:
    """On all that was fetched for one service to one engine. unseen: why that could not be asked; nothing is removed then."""

    service: str
    place: str
    images: tuple[Judged, ...] = ()
    unseen: str = ""

    @property
    def doomed(self) -> tuple[Judged, ...]:
        return tuple(one for one in self.images if one.goes)

    @property
    def size(self) -> int:
        return sum(one.size for one in self.doomed)
