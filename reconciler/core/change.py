"""FieldChange and Change: the difference between desired and observed, with a verdict and a cause."""

from enum import Enum
from typing import Any, NamedTuple

from reconciler.core.ban import Ban
from reconciler.core.common import PLAIN, Common
from reconciler.core.model import Model
from reconciler.core.observed import Observed, Seen
from reconciler.core.policy import Aim, Selection
from reconciler.core.rules import Impact


class Verdict(Enum):
    """What a difference comes to. The value is the word that people read."""

    __hash__ = object.__hash__  # by identity, as members are compared

    KEEP = "keep"
    CREATE = "create"
    START = "start"
    LIVE = "update"
    RESTART = "restart"
    REPLACE = "replace"
    STOP = "stop"
    REMOVE = "remove"
    DESTROY = "destroy"
    RELEASE = "release"
    ADOPT = "adopt"
    DEFER = "defer"
    REFUSE = "refuse"


class Cause(Enum):
    """Whose doing a difference is: the user's edit, the machine's drift, or both (three-way with what was last applied)."""

    SPEC = "spec"
    DRIFT = "drift"
    BOTH = "spec and drift"


class FieldChange(NamedTuple):
    """One field that differs. before: observed. after: desired. Sensitive values never stand here: they are masked by the diff."""

    path: str
    before: Any
    after: Any
    impact: Impact
    cause: Cause


class Change(NamedTuple):
    """What has to happen to one resource, and why.

    desired: what it shall be (settled), or what was last applied when it is to be stopped or removed.
    seen: what the plan is computed on: the observation, or what is assumed of an unknown one.
    reason: a clause for people; never drives behaviour.
    basis: the evidence of an assumption; a change with a basis is provisional.
    remedy: what to do next, for a verdict that leaves work to a person (DEFER, REFUSE).
    last: what it was last applied by, which is what it runs by now; None where that is not known.
    aim: what it is brought to. That is its service's goal, but for what is up in one that is not wanted up (standby).
    common: what is said of it whatever its type. subset: which of its type's it is in, or "".
    ban: who disabled it, beside its spec.
    added: why it is worked on although the selection does not name it, as a clause; "" for what was asked for.
    unselected: of what is left alone because it is not selected, the change that it would be.
    """

    rid: str
    type: str
    verdict: Verdict
    reason: str
    desired: Model
    observed: Observed
    seen: Seen | None = None
    fields: tuple[FieldChange, ...] = ()
    cause: Cause | None = None
    basis: str = ""
    remedy: str = ""
    last: Model | None = None
    aim: Aim = Aim.UP
    common: Common = PLAIN
    subset: str = ""
    ban: Ban | None = None
    added: str = ""
    unselected: "Change | None" = None

    @property
    def provisional(self) -> bool:
        return bool(self.basis)

    @property
    def impact(self) -> Impact:
        return max((change.impact for change in self.fields), default=Impact.NONE)


def takes(selection: Selection, change: Change) -> bool:
    """Whether a selection asks for this very resource."""
    return selection.takes(change.rid, change.type, change.common.tags, change.subset)
