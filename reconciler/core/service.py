"""Service and Resource: what the user wants, validated, with where it was written."""

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import NamedTuple

from reconciler.core.ban import WHOLE, Ban
from reconciler.core.common import PLAIN, Common
from reconciler.core.ids import group_of
from reconciler.core.lazy import dataclass
from reconciler.core.model import Model, changed
from reconciler.core.policy import UP, Goal


class Origin(NamedTuple):
    """Where something was written: file path, line and column (from 1; 0 for what stands in no file)."""

    file: str
    line: int = 1
    column: int = 1

    @property
    def place(self) -> str:
        """ "services.d/web.yaml:17"."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a service. fields: field name -> where it was written. common: what its spec says of it whatever its type.
    ban: who disabled it here, beside its spec."""

    rid: str
    type: str
    desired: Model
    origin: Origin
    fields: Mapping[str, Origin] = field(default_factory=dict)
    subset: str = ""
    common: Common = PLAIN
    ban: Ban | None = None

    @property
    def in_force(self) -> Common:
        """What holds for it: what its spec says, but for a ban."""
        return self.common if self.ban is None else changed(self.common, disable=True)


@dataclass(frozen=True, slots=True)
class Service:
    """What one spec says. resources: rid -> resource. parallel: the subsets whose members start together ("container:web").

    text: the spec as it was read, for the store (so that `stop` works when the file is gone).
    env: its environment, one of the reference's ("PRD"), or "". app, comment: for people and for charging.
    goal: what is wanted of it on this node while nobody says otherwise. here: False where it is for other nodes only: it has no
    resources then, and nothing is ever done to it here but a stop of what it left.
    """

    name: str
    origin: Origin
    resources: Mapping[str, Resource]
    parallel: frozenset[str] = frozenset()
    rollback: bool = True
    text: str = ""
    format: str = "yaml"
    folder: str = ""
    env: str = ""
    app: str = ""
    comment: str = ""
    goal: Goal = UP
    here: bool = True

    @property
    def models(self) -> Iterator[Model]:
        """Everything that is said of its resources."""
        for resource in self.resources.values():
            yield resource.desired
            if resource.common is not PLAIN:
                yield resource.common

    @property
    def unwanted(self) -> "Service":
        """The same where no spec wants it any more: nothing of it stands by."""
        resources = {
            rid: replace(one, common=changed(one.common, standby=False)) if one.common.standby else one
            for rid, one in self.resources.items()
        }
        return replace(self, resources=resources)

    def banned(self, bans: Mapping[str, Ban]) -> "Service":
        """The same with what was disabled: rid, or WHOLE -> who did."""
        if not bans:
            return self
        every = replace(bans[WHOLE], whole=True) if WHOLE in bans else None
        resources = {rid: replace(one, ban=bans.get(rid, every)) for rid, one in self.resources.items()}
        return replace(self, resources=resources)

    def moves_together(self, resource: Resource) -> bool:
        """Whether a resource is started and stopped at the same time as the others of its subset."""
        return bool(resource.subset) and f"{group_of(resource.rid)}:{resource.subset}" in self.parallel
