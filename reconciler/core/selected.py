"""selected: what a selection moves beside what it names, for that cannot do without. Pure."""

from collections.abc import Callable, Collection, Iterable

from reconciler.core.facts import Need
from reconciler.core.ids import natural
from reconciler.core.kind import ResourceKind
from reconciler.core.model import Model
from reconciler.core.order import Providers, match


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


def lacking(needs: Iterable[Need], kind: ResourceKind, wanted: Model, last: Model) -> bool:
    """Whether one of these needs is for what a resource provides as it is wanted, and not by what it was last applied by."""
    if last == wanted:
        return False
    there = kind.provides(last)
    return bool(match(needs, Providers((fact, "it") for fact in kind.provides(wanted) if fact not in there)))
