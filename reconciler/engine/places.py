"""places: where a thing may be that was claimed again and again and never applied: few, and none forgotten where it may be."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from reconciler.core.facts import Claim
from reconciler.core.ids import ResourceId
from reconciler.core.model import Model
from reconciler.core.observed import Absent, Observed, Present
from reconciler.core.ownership import Owned
from reconciler.host.errors import HostError
from reconciler.resources.driver import Wanted


def still(id: ResourceId, owned: Owned, look: Callable[[Wanted], Observed], claims: Callable[[Any], Sequence[Claim]]) -> Owned:
    """The same without those of its earlier claims by which alone nothing is there, and those by which a later one finds the same
    in the same place. One by which it cannot be seen stays."""
    found: list[tuple[Model, Sequence[Claim]]] = []
    left: list[Model] = []
    for one in (owned.wanted, owned.applied, *reversed(owned.earlier)):
        if one is None:
            continue
        try:
            seen = look(Wanted(id, one, replace(owned, wanted=one, applied=None, earlier=(), remembered=None), owned.type))
        except HostError:
            left.append(one)
            continue
        if isinstance(seen, Absent):
            continue
        place = (seen.state, claims(one)) if isinstance(seen, Present) else None
        if place is None or not place[1] or place not in found:
            left.append(one)
        if place is not None:
            found.append(place)
    return replace(owned, earlier=tuple(one for one in owned.earlier if one in left))
