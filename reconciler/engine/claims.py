"""claims: which services are worked before which, when something moves from one to another, and whose it is then."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, TypeAlias

from reconciler.core.facts import Claim
from reconciler.core.ids import natural
from reconciler.core.kind import ResourceKind
from reconciler.core.observed import Observed
from reconciler.core.order import in_turn
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.policy import Aim, Selection
from reconciler.core.providers import Providers
from reconciler.core.service import Service
from reconciler.core.standing import standing
from reconciler.engine.errors import Refused
from reconciler.engine.moving import NOTHING_SEEN, moving
from reconciler.engine.target import Target
from reconciler.spec.check import DEVICE
from reconciler.spec.files import device_of

Key: TypeAlias = tuple[str, str, str]
_ALL: Final = Selection()
_NOTHING: Final = Ownership()
_UNSEEN: Final[Mapping[str, Mapping[str, Observed]]] = {}


def in_order(
    targets: Sequence[Target],
    owned: Mapping[str, Ownership],
    kinds: Callable[[str], ResourceKind],
    *,
    prune: bool,
    selection: Selection = _ALL,
    seen: Mapping[str, Mapping[str, Observed]] = _UNSEEN,
    device_of: Callable[[str], str] = device_of,
) -> dict[str, tuple[str, ...]]:
    """name -> the services that are worked before it and stand before it here: those that release what it takes, and, unless that
    goes in a circle, those whose mounts it lies in (for going down, those that lie in its mounts); in natural order otherwise.

    owned: what every service of the store owns, the untargeted ones too. prune: whether orphans release what they hold. selection:
    what a verb was asked for: what it leaves alone keeps what it holds, and takes nothing; a shutdown keeps nothing on standby.
    seen: service -> rid -> what was observed a moment ago, as far as somebody looked. device_of: gives one spelling for those of a
    device. Raises Refused for a swap in both directions, and for a claim that is held by a service that is not worked on, or by a
    resource that is left alone.
    """
    moves = {
        target.name: moving(target, owned.get(target.name, _NOTHING), kinds, selection, seen.get(target.name, NOTHING_SEEN))
        for target in targets
    }
    holds = {name: _held(ownership, kinds, device_of) for name, ownership in owned.items()}
    wants = {target.name: _wanted(target, kinds, selection, moves[target.name].possible, device_of) for target in targets}
    keeps = {
        target.name: _kept(
            target, holds[target.name], wants[target.name], owned[target.name], prune, selection, moves[target.name].certain
        )
        for target in targets
        if target.name in holds
    }
    first: dict[str, set[str]] = {target.name: set() for target in targets}
    holders: dict[Key, list[str]] = {}
    for other, held in holds.items():
        for key in held:
            holders.setdefault(key, []).append(other)
    for name, wanted in wants.items():
        for key, claim in wanted.items():
            for other in holders.get(key, ()):
                if other == name:
                    continue
                keeping = keeps[other].get(key) if other in keeps else f"which is not worked on here; apply {other} as well"
                if keeping is not None:
                    why = f"{claim.label} is held by {other}, {keeping}"
                    raise Refused(f"cannot work on {name}: {why}", [name])
                first[name].add(other)
    nested = {name: first[name] | others for name, others in _nested(targets, kinds).items()}
    if len(in_turn(nested, nested, natural)) == len(nested):
        first = nested
    return {name: tuple(sorted(first[name], key=natural)) for name in _sorted(first)}


def _nested(targets: Sequence[Target], kinds: Callable[[str], ResourceKind]) -> dict[str, set[str]]:
    """name -> the services that are worked before it because one provides what the other needs, as inside a service. What a service
    provides itself it has from no other: those on the machine's own engine, which each of them names, do not wait for one another.
    """
    parts = [
        (target, kinds(resource.type), resource.desired)
        for target in targets
        if target.service is not None
        for resource in target.service.resources.values()
        if not resource.in_force.disable
    ]
    provided = [(fact, target.name) for target, kind, desired in parts for fact in kind.provides(desired)]
    providers, own = Providers(provided), frozenset(provided)
    aims = {target.name: target.goal.aim for target in targets}
    first: dict[str, set[str]] = {target.name: set() for target in targets}
    for target, kind, desired in parts:
        for need in kind.needs(desired):
            other = None if (need.fact, target.name) in own else providers.of(need.fact)
            if other is None or other == target.name or aims[other] is not target.goal.aim:
                continue
            later, sooner = (target.name, other) if target.goal.aim is Aim.UP else (other, target.name)
            first[later].add(sooner)
    return first


def _sorted(first: Mapping[str, set[str]]) -> list[str]:
    order = in_turn(first, first, natural)
    if len(order) < len(first):
        names = " and ".join(sorted(first.keys() - set(order), key=natural))
        message = f"cannot work on {names}: each takes what the other holds; stop one of them first"
        raise Refused(message, first.keys() - set(order))
    return order


def yielded(
    targets: Sequence[Target],
    owned: Mapping[str, Ownership],
    kinds: Callable[[str], ResourceKind],
    device_of: Callable[[str], str] = device_of,
) -> dict[str, dict[str, str]]:
    """service -> rid -> whose it is now: of what the service's spec names no more, and is what another service of the store owns,
    and still names as far as is known here. It is not the service's to remove."""
    named = {target.name: target.service for target in targets}
    orphans = [
        (name, rid, one)
        for name, service in named.items()
        for rid, one in owned[name].owned.items()
        if _orphaned(service, rid, one)
    ]
    theirs: dict[Key, set[str]] = {}
    for other, ownership in owned.items() if orphans else ():
        for rid, one in ownership.owned.items():
            if other not in named or not _orphaned(named[other], rid, one):
                for key in _identity(one, kinds, device_of):
                    theirs.setdefault(key, set()).add(other)
    found: dict[str, dict[str, str]] = {}
    for name, rid, one in orphans:
        others = set[str]().union(*(theirs.get(key, ()) for key in _identity(one, kinds, device_of))) - {name}
        if others:
            found.setdefault(name, {})[rid] = min(others, key=natural)
    return found


def _identity(one: Owned, kinds: Callable[[str], ResourceKind], device_of: Callable[[str], str]) -> list[Key]:
    """By which claims two are one thing of the machine: the first (ResourceKind.claims), and what follows from it. Two that lie on
    one device, or publish one port, are two things all the same."""
    claims = kinds(one.type).claims(one.applied or one.wanted)
    return [_key(claim, device_of) for claim in claims if claim is claims[0] or claim.by]


def _orphaned(service: Service | None, rid: str, one: Owned) -> bool:
    """Whether its spec names what is owned no more."""
    return service is None or rid not in service.resources or service.resources[rid].type != one.type


class _Holding(NamedTuple):
    """By which resource something is held."""

    rid: str
    claim: Claim


def _held(ownership: Ownership, kinds: Callable[[str], ResourceKind], device_of: Callable[[str], str]) -> dict[Key, _Holding]:
    return {
        _key(claim, device_of): _Holding(rid, claim)
        for rid, owned in ownership.owned.items()
        if owned.applied is not None
        for claim in kinds(owned.type).claims(owned.applied)
    }


def _kept(
    target: Target,
    held: Mapping[Key, _Holding],
    wanted: Mapping[Key, Claim],
    ownership: Ownership,
    prune: bool,
    selection: Selection,
    moves: Collection[str],
) -> dict[Key, str]:
    """What a service does not release of what it holds -> why not, and what to do, as a clause. It releases what is taken down:
    that is nothing of what is left alone, nor an orphan that is not pruned. moves: the rids that are worked on for certain."""
    alone = {
        rid: _alone(target, rid, ownership, prune) or ("" if rid in moves else _unselected(target, rid, ownership, selection))
        for rid in {holding.rid for holding in held.values()}
    }
    found: dict[Key, str] = {}
    for key, (rid, claim) in held.items():
        if alone[rid]:
            found[key] = alone[rid]
        elif key in wanted or (claim.by and (claim.kind, claim.scope, claim.by) in wanted):
            found[key] = "which wants to keep it"
    return found


def _alone(target: Target, rid: str, ownership: Ownership, prune: bool) -> str:
    """Why a resource stays as it is, as a clause; "" where it does not."""
    name, service, ban = target.name, target.service, ownership.ban(rid)
    if target.goal.aim is Aim.NONE:
        return f"which is left alone here; osvc stop {name} first"
    if ban is not None:
        part = "" if ban.whole else f" --rid {rid}"
        return f"as {rid}, disabled there by {ban.by}; osvc enable {name}{part}"
    if service is None:
        return "" if prune else "whose spec is gone; give it up with --prune"
    if _orphaned(service, rid, ownership.owned[rid]):
        return "" if prune else f"as {rid}, which its spec names no more; give it up with --prune"
    if service.resources[rid].in_force.idle:
        return f"as {rid}, which its spec says to leave alone; take that out of it"
    return ""


def _unselected(target: Target, rid: str, ownership: Ownership, selection: Selection) -> str:
    takes = replace(selection, rids=(*selection.rids, rid)).takes(rid, ownership.owned[rid].type)
    return f"as {rid}, which is not selected; " + (f"give it too: --rid {rid}" if takes else f"osvc apply {target.name} first")


def _wanted(
    target: Target,
    kinds: Callable[[str], ResourceKind],
    selection: Selection,
    moves: Collection[str],
    device_of: Callable[[str], str],
) -> dict[Key, Claim]:
    """moves: the rids that may be worked on."""
    if target.service is None:
        return {}
    stands = standing(target.service, target.goal, selection, kinds)
    return {
        _key(claim, device_of): claim
        for rid, resource in target.service.resources.items()
        if rid in moves and (target.goal.aim is Aim.UP or rid in stands) and not resource.in_force.disable
        for claim in kinds(resource.type).claims(resource.desired)
    }


def _key(claim: Claim, device_of: Callable[[str], str]) -> Key:
    if claim.kind != DEVICE:
        return (claim.kind, claim.scope, claim.key)
    whole = claim.of or claim.key
    return (claim.kind, claim.scope, device_of(whole) + claim.key.removeprefix(whole))
