"""standing: what of a service is up although the service is not wanted up."""

from collections.abc import Callable, Iterable, Mapping

from reconciler.core.kind import ResourceKind
from reconciler.core.policy import Aim, Goal, Selection
from reconciler.core.providers import Providers, match
from reconciler.core.service import Service


def standing(service: Service | None, goal: Goal, selection: Selection, kinds: Callable[[str], ResourceKind]) -> frozenset[str]:
    """The rids of what is on standby, and of all that it needs; none where the service is wanted up, or is frozen.

    Left out is what the selection names by its very rid, and what rests on that: a person wants it down. So is everything in a
    shutdown.
    """
    if service is None or goal.aim is Aim.UP or goal.frozen or selection.standby:
        return frozenset()
    takes_part = {rid: one for rid, one in service.resources.items() if not one.in_force.disable}
    standby = {rid for rid, one in takes_part.items() if one.common.standby and not one.common.idle}
    if not standby:
        return frozenset()
    providers = Providers((fact, rid) for rid, one in takes_part.items() for fact in kinds(one.type).provides(one.desired))
    needs = {rid: match(kinds(one.type).needs(one.desired), providers).keys() for rid, one in takes_part.items()}
    users: dict[str, set[str]] = {rid: set() for rid in needs}
    for rid, others in needs.items():
        for other in others:
            users[other].add(rid)
    named = needs.keys() & set(selection.rids)
    return reached(standby - reached(named, users), needs)


def reached(first: Iterable[str], ways: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Where one comes to from these, and these themselves."""
    found, todo = set(first), list(first)
    while todo:
        fresh = [other for other in ways[todo.pop()] if other not in found]
        found.update(fresh)
        todo.extend(fresh)
    return frozenset(found)
