"""Bell: what may ring when something happens to a resource. Nobody goes by what it says of that: whoever hears it looks.

A resource type names its bells; the port Doorbells listens to them (host/doorbells.py); the watch knows whose they are.
"""

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Final, NamedTuple, TypeAlias


class Source(Enum):
    """Where a bell hangs; the value is how messages name it."""

    ENGINE = "events of the engine"
    """Key: the engine's socket. Part: what it is of ("container web.db", "network web.net", "volume data")."""
    LINKS = "network devices"
    """Part: the name of a device."""
    MOUNTS = "the mount table"
    """Part: a mount point."""
    PROCESS = "process"
    """Rings once, when the process has ended. Key: its pid and its start time ("812 48213"); 0 for one that is not known."""
    FILES = "files"
    """Key: the absolute path of a folder or file. Links on the way to it, and in it, are followed."""


class Bell(NamedTuple):
    """key: which one of its source. part: what of it is meant; "" for all of it."""

    source: Source
    key: str = ""
    part: str = ""

    @property
    def whole(self) -> "Bell":
        """The bell of all that this one is a part of."""
        return Bell(self.source, self.key)


EXCHANGED: Final = "exchanged"
"""The part of a folder of files that rings, instead of the whole, where nothing else happened than that files were put there by a
rename, and so whole: nobody writes more to such a one."""

Rings: TypeAlias = Mapping[Bell, str]
"""What rang -> what is said of it, for people, in words of osvc ("died (exit 137)"); "" where nothing is known."""


def both(said: str, more: str) -> str:
    """What is said of a bell that rang once more: each thing once, in its order."""
    return ", ".join(dict.fromkeys(filter(None, (*said.split(", "), *more.split(", ")))))


def concerns(rung: Collection[Bell], hung: Collection[Bell]) -> bool:
    """Whether one of the bells that rang is heard by somebody who listens to these: a whole rings for each of its parts."""
    wholes = {bell.whole for bell in rung}
    return any(bell in rung or bell.whole in rung or (not bell.part and bell in wholes) for bell in hung)
