"""claims: which services are worked before which, when something moves from one to another."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from reconciler.core.facts import Claim
from reconciler.core.ids import natural
from reconciler.core.kind import ResourceKind
from reconciler.core.order import Providers, in_turn
from reconciler.core.ownership import Ownership
from reconciler.core.policy import Aim, Selection
from reconciler.core.standing import standing
from reconciler.engine.errors import Refused
from reconciler.engine.target import Target
from reconciler.spec.check import DEVICE
from reconciler.spec.files import device_of

Key: TypeAlias = tuple[str, str, str]
_ALL: Final = Selection()


def in_order(
    targets: Sequence[Target],
    owned: Mapping[str, Ownership],
    kinds: Callable[[str], ResourceKind],
    *,
    prune: bool,
    selection: Selection = _ALL,
    device_of: Callable[[str], str] = device_of,
) -> dict[str, tuple[str, ...]]:
    """name -> the services that are worked before it and stand before it here: those that release what it takes, and, unless that
    goes in a circle, those whose mounts it lies in (for going down, those that lie in its mounts); in natural order otherwise.

    owned: what every service of the store owns, the untargeted ones too. prune: whether orphans release what they hold. selection:
    what a verb was asked for; a shutdown keeps nothing on standby. device_of: gives one spelling for those of a device. Raises
    Refused for a swap in both directions, and for a claim that a service holds which is not worked on.
    """
    holds = {name: _held(ownership, kinds, device_of) for name, ownership in owned.items()}
    wants = {target.name: _wanted(target, kinds, selection, device_of) for target in targets}
    releases = {
        target.name: _released(holds.get(target.name, {}), wants[target.name])
        for target in targets
        if target.goal.aim is not Aim.NONE and (target.service is not None or prune)
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
                if key not in releases.get(other, set()):
                    why = f"{claim.label} is held by {other}, {_remedy(other, wants, targets)}"
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


def _remedy(other: str, wants: Mapping[str, Mapping[Key, Claim]], targets: Sequence[Target]) -> str:
    if other not in wants:
        return f"which is not worked on here; apply {other} as well"
    if any(target.name == other and target.service is None for target in targets):
        return "whose spec is gone; give it up with --prune"
    if any(target.name == other and target.goal.aim is Aim.NONE for target in targets):
        return f"which is left alone here; osvc stop {other} first"
    return "which wants to keep it"


def _sorted(first: Mapping[str, set[str]]) -> list[str]:
    order = in_turn(first, first, natural)
    if len(order) < len(first):
        names = " and ".join(sorted(first.keys() - set(order), key=natural))
        message = f"cannot work on {names}: each takes what the other holds; stop one of them first"
        raise Refused(message, first.keys() - set(order))
    return order


def _held(ownership: Ownership, kinds: Callable[[str], ResourceKind], device_of: Callable[[str], str]) -> dict[Key, Claim]:
    return {
        _key(claim, device_of): claim
        for owned in ownership.owned.values()
        if owned.applied is not None
        for claim in kinds(owned.type).claims(owned.applied)
    }


def _released(held: Mapping[Key, Claim], wanted: Mapping[Key, Claim]) -> set[Key]:
    return {
        key for key, claim in held.items() if key not in wanted and not (claim.by and (claim.kind, claim.scope, claim.by) in wanted)
    }


def _wanted(
    target: Target, kinds: Callable[[str], ResourceKind], selection: Selection, device_of: Callable[[str], str]
) -> dict[Key, Claim]:
    if target.service is None:
        return {}
    stands = standing(target.service, target.goal, selection, kinds)
    return {
        _key(claim, device_of): claim
        for rid, resource in target.service.resources.items()
        if (target.goal.aim is Aim.UP or rid in stands) and not resource.in_force.disable
        for claim in kinds(resource.type).claims(resource.desired)
    }


def _key(claim: Claim, device_of: Callable[[str], str]) -> Key:
    if claim.kind != DEVICE:
        return (claim.kind, claim.scope, claim.key)
    whole = claim.of or claim.key
    return (claim.kind, claim.scope, device_of(whole) + claim.key.removeprefix(whole))
