"""Observed: what was seen of a resource. Absent is not unknown."""

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from typing import Generic, TypeAlias, TypeVar

from reconciler.core.ids import ResourceId
from reconciler.core.lazy import dataclass
from reconciler.core.model import Model

StateT_co = TypeVar("StateT_co", bound=Model, covariant=True)
AroundT_co = TypeVar("AroundT_co", bound=Model, covariant=True)


@dataclass(frozen=True, slots=True)
class Present(Generic[StateT_co, AroundT_co]):
    """The resource is there, in this state (up or not).

    around: what the type's planning has to know of the surroundings (which images the engine has, who holds the name).
    """

    state: StateT_co
    around: AroundT_co


@dataclass(frozen=True, slots=True)
class Absent(Generic[AroundT_co]):
    """The resource is certainly not there."""

    around: AroundT_co


@dataclass(frozen=True, slots=True)
class Unknown(Generic[StateT_co, AroundT_co]):
    """The resource could not be seen.

    reason: why, as a clause ("its engine is not running").
    behind: the rid of the same service that has to be up before it can be seen, or None.
    assume: what may be planned on meanwhile, or None when nothing may; such steps are provisional.
    basis: the evidence for `assume` ("new engine, empty data root").
    """

    reason: str
    behind: str | None = None
    assume: "Present[StateT_co, AroundT_co] | Absent[AroundT_co] | None" = None
    basis: str = ""


Observed: TypeAlias = Present[Model, Model] | Absent[Model] | Unknown[Model, Model]
Seen: TypeAlias = Present[Model, Model] | Absent[Model]


@dataclass(frozen=True)
class Snapshot:
    """What was observed of many resources at one moment, and of the machine's boot."""

    observed: Mapping[ResourceId, Observed] = field(default_factory=dict)
    boot_id: str = ""

    def of(self, service: str) -> Mapping[str, Observed]:
        """rid -> observed, of one service."""
        return self._services.get(service, {})

    @cached_property
    def _services(self) -> Mapping[str, Mapping[str, Observed]]:
        found: dict[str, dict[str, Observed]] = {}
        for id, seen in self.observed.items():
            found.setdefault(id.service, {})[id.rid] = seen
        return found


def assumed(observed: Mapping[str, Observed]) -> dict[str, Observed]:
    """The same observations with every assumption taken as seen; unknown ones without an assumption are left out."""
    taken: dict[str, Observed] = {}
    for rid, seen in observed.items():
        if isinstance(seen, (Present, Absent)):
            taken[rid] = seen
        elif seen.assume is not None:
            taken[rid] = seen.assume
    return taken
