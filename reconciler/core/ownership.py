"""Ownership: what this store says it made, and how it last looked when it was applied."""

from collections.abc import Mapping
from dataclasses import field, replace

from reconciler.core.ban import WHOLE, Ban
from reconciler.core.common import PLAIN, Common
from reconciler.core.lazy import dataclass
from reconciler.core.model import Model
from reconciler.core.observed import Seen


@dataclass(frozen=True, slots=True)
class Owned:
    """One owned resource.

    applied: the desired state that was last applied and verified; None between claim and verification.
    wanted: the desired state that was claimed, which `applied` will become.
    earlier: what was claimed since `applied` and before `wanted`, the oldest first: by any of these it may be there still.
    remembered: the last observation, for planning while it cannot be seen.
    subset, parallel, common: its place among its type when it was applied, and what was said of it beside that, for taking it down
    when its spec is gone.
    made: what osvc made of it, if it did (Action.made): that alone may be destroyed.
    """

    type: str
    wanted: Model
    applied: Model | None = None
    remembered: Seen | None = None
    subset: str = ""
    parallel: bool = False
    common: Common = PLAIN
    made: str = ""
    earlier: tuple[Model, ...] = ()

    def claimed(self, desired: Model, *, there: bool) -> "Owned":
        """The same, claimed as it is desired now. there: whether anything of it is: where nothing is, no place is to be kept."""
        earlier = (one for one in (*self.earlier, self.wanted) if one not in (self.applied, desired))
        return replace(self, wanted=desired, earlier=tuple(earlier) if there else ())


@dataclass(frozen=True, slots=True)
class Ownership:
    """What one service owns. store: the uuid of the state folder. disabled: rid, or WHOLE -> who disabled it: that holds for what
    no spec names any more as well. yielded: rid -> the service of this store whose it is now, of what its spec names no more."""

    store: str = ""
    owned: Mapping[str, Owned] = field(default_factory=dict)
    disabled: Mapping[str, Ban] = field(default_factory=dict)
    yielded: Mapping[str, str] = field(default_factory=dict)

    def ban(self, rid: str) -> Ban | None:
        """Who disabled a resource."""
        every = self.disabled.get(WHOLE)
        return self.disabled.get(rid, replace(every, whole=True) if every is not None else None)
