"""Term: a keyword of a spec as people are told of it: what it means, what it takes, what a change of it costs."""

from collections.abc import Mapping
from dataclasses import field

from reconciler.core.lazy import dataclass
from reconciler.core.rules import Impact


@dataclass(frozen=True, slots=True)
class Term:
    """One keyword.

    owner: the resource type that has it; SERVICE for one of the service's own section only, EVERY for one of all resources.
    section: where it stands, in words. older: other spellings -> the flags that each turns on. form: what sort of value it takes.
    default: as a spec would write it, "" for nothing; needed: there is none, and it has to be said. impact: what a difference
    costs; None for what is never compared with a machine. flags: what it is for `docker run`. inherited: whether it may stand in
    the service's own section, for all resources that do not say otherwise.
    """

    owner: str
    section: str
    name: str
    meaning: str
    form: str
    older: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default: str = ""
    needed: bool = False
    impact: Impact | None = None
    flags: tuple[str, ...] = ()
    inherited: bool = False


SERVICE = "service"
"""The owner of what only the service's own section holds."""
EVERY = "resource"
"""The owner of what any resource's section holds."""
