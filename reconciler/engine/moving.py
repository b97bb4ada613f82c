"""moving: what of a service a selection moves, as far as that can be told before it is planned."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple

from reconciler.core.change import Verdict
from reconciler.core.common import Common
from reconciler.core.diff import diff_up
from reconciler.core.ids import natural
from reconciler.core.kind import ResourceKind
from reconciler.core.model import Model
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.core.ownership import Ownership
from reconciler.core.policy import Aim, Policy, Selection
from reconciler.core.providers import Providers, match
from reconciler.core.selected import as_seen, lacking, taken_along
from reconciler.core.standing import standing
from reconciler.engine.target import Target

_STAYS = frozenset({Verdict.KEEP, Verdict.ADOPT, Verdict.LIVE})
"""What takes nothing from under others."""

NOTHING_SEEN: Final[Mapping[str, Observed]] = {}


class Moving(NamedTuple):
    """certain: the rids that are worked on. possible: these, those that are unless they are up, where that is not known, and what
    holds any of them that may go down or come anew: it goes down where that is taken from under it, and comes up as its spec
    says."""

    certain: Collection[str]
    possible: Collection[str]


class _Part(NamedTuple):
    """A resource of the spec, or one that it names no more. rises: it is wanted up. last: what it was last applied by.
    now: the same, as far as it is not seen to be otherwise."""

    rid: str
    kind: ResourceKind
    common: Common
    subset: str
    rises: bool
    desired: Model
    last: Model
    now: Model
    up: bool | None


def moving(
    target: Target,
    ownership: Ownership,
    kinds: Callable[[str], ResourceKind],
    selection: Selection,
    seen: Mapping[str, Observed] = NOTHING_SEEN,
) -> Moving:
    """What a selection takes of a service, and what that cannot do without, as the planner has it (core/selected.py).

    seen: rid -> what was observed a moment ago, as far as somebody looked.
    """
    if selection.everything:
        every = _rids(target, ownership)
        return Moving(every, every)
    parts = {part.rid: part for part in _parts(target, ownership, kinds, selection, seen)}
    there = [part for part in parts.values() if not part.common.disable]
    will = Providers((fact, part.rid) for part in there for fact in part.kind.provides(part.desired))
    now = Providers((fact, part.rid) for part in there for fact in part.kind.provides(part.last))
    holders: dict[str, list[str]] = {}
    for part in parts.values():
        for rid in match(part.kind.needs(part.last), now, part.rid):
            holders.setdefault(rid, []).append(part.rid)
    taken = [part.rid for part in parts.values() if selection.takes(part.rid, part.kind.name, part.common.tags, part.subset)]

    def needed(part: _Part, brought: Collection[bool | None]) -> Iterable[str]:
        needs = part.kind.needs(part.desired)
        others = [parts[other] for other in match(needs, will, part.rid)]
        return [one.rid for one in others if one.up in brought or lacking(needs, one.kind, one.desired, one.now)]

    def for_certain(rid: str) -> Iterable[str]:
        return needed(parts[rid], (False,)) if parts[rid].rises else holders.get(rid, ())

    bounced: set[str] = set()

    def maybe(rid: str) -> Iterable[str]:
        part = parts[rid]
        if rid in bounced or _stirs(part, target, ownership, seen):
            bounced.update(holders.get(rid, ()))
        return [*(needed(part, (False, None)) if part.rises else ()), *(one for one in holders.get(rid, ()) if one in bounced)]

    certain, known = taken_along(taken, for_certain), -1
    while known < len(bounced):
        known, possible = len(bounced), taken_along(taken, maybe)
    return Moving({*taken, *certain}, {*taken, *possible})


def _stirs(part: _Part, target: Target, ownership: Ownership, seen: Mapping[str, Observed]) -> bool:
    """Whether it may go down, or come anew, for all that is known."""
    if not part.rises or part.up is not True or part.rid in target.restarts:
        return True
    change = diff_up(part.kind, part.rid, part.desired, seen[part.rid], ownership.owned.get(part.rid), Policy())
    return change.verdict not in _STAYS


def _rids(target: Target, ownership: Ownership) -> frozenset[str]:
    """Of all that there is of a service: what its spec names, and what it owns."""
    return frozenset(target.service.resources if target.service is not None else ()).union(ownership.owned)


def _parts(
    target: Target,
    ownership: Ownership,
    kinds: Callable[[str], ResourceKind],
    selection: Selection,
    seen: Mapping[str, Observed],
) -> Iterable[_Part]:
    """One that is of another type now goes before it comes anew: until then it is the old one."""
    service = target.service
    wanted = service.resources if service is not None else {}
    stands = standing(service, target.goal, selection, kinds)
    for rid in sorted(_rids(target, ownership), key=natural):
        resource, owned = wanted.get(rid), ownership.owned.get(rid)
        if resource is not None and (owned is None or owned.type == resource.type):
            kind, common, subset, desired = kinds(resource.type), resource.in_force, resource.subset, resource.desired
            rises = target.goal.aim is Aim.UP or rid in stands
        else:
            assert owned is not None
            kind, common, subset, desired = kinds(owned.type), owned.common.orphaned, owned.subset, owned.applied or owned.wanted
            rises = False
        last = desired if owned is None else owned.applied or owned.wanted
        look = seen.get(rid)
        yield _Part(rid, kind, common, subset, rises, desired, last, as_seen(kind, last, look), _up(kind, look))


def _up(kind: ResourceKind, seen: Observed | None) -> bool | None:
    """None where that is not known."""
    seen = seen.assume if isinstance(seen, Unknown) else seen
    if isinstance(seen, Present):
        return kind.is_up(seen.state) if isinstance(seen.state, kind.state) else None
    return False if isinstance(seen, Absent) else None
