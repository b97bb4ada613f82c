"""difference: what of a service is not as its spec says, resource by resource, out of its plan. Pure."""

from collections.abc import Iterator, Mapping
from enum import Enum

from reconciler.core.change import Change, FieldChange, Verdict
from reconciler.core.diff import told
from reconciler.core.kind import ResourceKind
from reconciler.core.lazy import dataclass
from reconciler.core.observed import Present
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim
from reconciler.core.service import Service


class Stand(Enum):
    """Whether a resource is there, and does its work. The value is the word that people read."""

    UNKNOWN = "unknown"
    ABSENT = "absent"
    DOWN = "down"
    UP = "up"


_ALIKE = (Verdict.KEEP, Verdict.ADOPT, Verdict.RELEASE)


@dataclass(frozen=True, slots=True)
class Difference:
    """One resource that is not as it shall be.

    before: how it stands; UNKNOWN where that cannot be seen, and nothing is assumed. after: how it shall stand. fields: the
    keywords that differ; of what is not there those that its spec sets.
    """

    change: Change
    before: Stand
    after: Stand
    fields: tuple[FieldChange, ...] = ()

    @property
    def rid(self) -> str:
        return self.change.rid


def differences_of(plan: Plan, service: Service | None, kinds: Mapping[str, ResourceKind]) -> tuple[Difference, ...]:
    """In the order of the plan. What only moves because something else does (a holder) is no difference; nor is what osvc owns and
    no spec names, unless the plan removes it. kinds: type name -> its pure half, for every change."""
    return tuple(_differences(plan, service, kinds))


def _differences(plan: Plan, service: Service | None, kinds: Mapping[str, ResourceKind]) -> Iterator[Difference]:
    for change in plan.changes:
        if change.verdict in _ALIKE:
            continue
        stand = _stand(change, kinds[change.type])
        if change.aim is Aim.UP:
            fields = change.fields
            if stand is Stand.ABSENT:
                resource = service.resources.get(change.rid) if service is not None else None
                fields = told(resource.desired if resource is not None else change.desired)
            if fields or stand is not Stand.UP:
                yield Difference(change, stand, Stand.UP, fields)
        elif change.verdict is Verdict.REMOVE:
            yield Difference(change, stand, Stand.ABSENT, told(change.desired, gone=True))
        elif stand is not Stand.ABSENT:
            yield Difference(change, stand, Stand.ABSENT if stand is Stand.DOWN else Stand.DOWN)


def _stand(change: Change, kind: ResourceKind) -> Stand:
    if change.seen is None:
        return Stand.UNKNOWN
    if not isinstance(change.seen, Present):
        return Stand.ABSENT
    return Stand.UP if kind.is_up(change.seen.state) else Stand.DOWN
