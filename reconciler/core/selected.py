"""selected: what a selection moves beside what it names, for that cannot do without. Pure."""

from collections.abc import Callable, Collection, Iterable

from reconciler.core.facts import Need
from reconciler.core.ids import natural
from reconciler.core.kind import ResourceKind
from reconciler.core.model import Model, changed
from reconciler.core.observed import Observed, Present, Unknown
from reconciler.core.providers import Providers, match


def taken_along(taken: Collection[str], ways: Callable[[str], Iterable[str]]) -> dict[str, str]:
    """rid -> for whose sake, of what is not taken itself. ways: a rid -> what this one cannot do without: what it needs where it
    rises, what holds it where it falls."""
    found: dict[str, str] = {}
    todo = sorted(taken, key=natural)
    while todo:
        rid = todo.pop(0)
        for other in sorted(ways(rid), key=natural):
            if other not in taken and other not in found:
                found[other] = rid
                todo.append(other)
    return found


def as_seen(kind: ResourceKind, last: Model, seen: Observed | None) -> Model:
    """What a resource runs by: what it was last applied by, but for all that is seen of it: that goes by the same names."""
    seen = seen.assume if isinstance(seen, Unknown) else seen
    if not isinstance(seen, Present) or not isinstance(seen.state, kind.state):
        return last
    return changed(last, **{name: value for name, value in seen.state if name in kind.desired.model_fields})


def lacking(needs: Iterable[Need], kind: ResourceKind, wanted: Model, now: Model) -> bool:
    """Whether one of these needs is for what a resource provides as it is wanted, and not by what it runs by now."""
    if now == wanted:
        return False
    there = kind.provides(now)
    return bool(match(needs, Providers((fact, "it") for fact in kind.provides(wanted) if fact not in there)))
