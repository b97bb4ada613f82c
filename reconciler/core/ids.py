"""ResourceId: which resource of which service, and the natural order of rids; an engine's ids, as people read them."""

import re
from functools import lru_cache
from typing import NamedTuple, TypeAlias

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
"""What may name a service, a resource, a subset: it enters paths, labels and bridge names (safety.md)."""

_DIGITS = re.compile(r"(\d+)")

NaturalKey: TypeAlias = tuple[tuple[int, int, str], ...]


class ResourceId(NamedTuple):
    """A resource, named by its service and its rid (`container#1`)."""

    service: str
    rid: str

    def __str__(self) -> str:
        return f"{self.service} {self.rid}"


def group_of(rid: str) -> str:
    """What a rid begins with: `fs` of `fs#1`, `dockerd` of `dockerd`. Several resource types may share it."""
    return rid.partition("#")[0]


@lru_cache(maxsize=8192)
def natural(text: str) -> NaturalKey:
    """Sort key in natural order: `container#2` before `container#10`."""
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in _DIGITS.split(text) if part)


def short(id: str) -> str:
    """The first twelve digits of an engine's id of an image or a container, as docker shows it."""
    return id.removeprefix("sha256:")[:12]
