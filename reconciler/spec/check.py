"""What several services together must keep: one name once, and nothing claimed twice."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from reconciler.core.facts import Claim
from reconciler.core.service import Origin, Resource, Service
from reconciler.resources.registry import kind_of
from reconciler.spec.error import SpecError

PORT = "port"
DEVICE = "device"


class Conflict(NamedTuple):
    """An error between services, and the names of those that it spoils."""

    error: SpecError
    services: tuple[str, ...]


class _Held(NamedTuple):
    claim: Claim
    service: str
    resource: Resource


def names_taken_twice(named: Sequence[tuple[str, Origin]]) -> list[Conflict]:
    """Services of one name. named: (name, where it was written), in the order of loading."""
    first: dict[str, Origin] = {}
    found: list[Conflict] = []
    for name, origin in named:
        if name in first:
            message = f"the service '{name}' is written twice, first in {_line(first[name])}; name one of them otherwise"
            found.append(Conflict(SpecError(origin, message), (name,)))
        else:
            first[name] = origin
    return found


def claims_taken_twice(held: Sequence[tuple[str, Resource]], device_of: Callable[[str], str] = str) -> list[Conflict]:
    """Resources that claim the same thing, in one service or in two. held: (service name, resource). device_of: gives one spelling
    for those of a device."""
    groups: dict[tuple[str, str, str], list[_Held]] = {}
    found: list[Conflict] = []
    for service, resource in held:
        for claim in kind_of(resource.type).claims(resource.desired):
            mine, others = _Held(claim, service, resource), groups.setdefault(_group(claim, device_of), [])
            other = next((other for other in others if _meet(mine, other)), None)
            if other is not None:
                found.append(_conflict(mine, other))
            others.append(mine)
    return found


def _conflict(mine: _Held, other: _Held) -> Conflict:
    whose = other.resource.rid if other.service == mine.service else f"{other.service} {other.resource.rid}"
    where = _origin(other.resource, other.claim)
    both = mine.claim.label if mine.claim.label == other.claim.label else f"{mine.claim.label}, {other.claim.label}"
    message = f"{mine.service} {mine.resource.rid} and {whose} ({_line(where)}) both claim {both}; change one of them"
    return Conflict(SpecError(_origin(mine.resource, mine.claim), message), (mine.service, other.service))


def spoiled(services: Sequence[Service], conflicts: Sequence[Conflict]) -> tuple[Service, ...]:
    """The services that no conflict names."""
    bad = {name for conflict in conflicts for name in conflict.services}
    return tuple(service for service in services if service.name not in bad)


def _group(claim: Claim, device_of: Callable[[str], str]) -> tuple[str, str, str]:
    """What a claim can meet: the ports of one number, whatever their addresses, and the parts of one whole."""
    if claim.kind == PORT:
        return claim.kind, claim.scope, claim.key.rpartition(":")[2]
    whole = claim.of or claim.key
    return claim.kind, claim.scope, device_of(whole) if claim.kind == DEVICE else whole


def _meet(mine: _Held, other: _Held) -> bool:
    """Whether two claims of one group exclude each other. What a service looks after its own resources may use."""
    one, two = mine.claim, other.claim
    if one.kind == PORT:
        return _overlap(_address(one), _address(two))
    if mine.service == other.service and one.shared != two.shared:
        return False
    return not (one.of and two.of) or one.key.removeprefix(one.of) == two.key.removeprefix(two.of)


def _address(claim: Claim) -> str:
    address = claim.key.rpartition(":")[0].strip("[]")
    return "::" if address in ("", "*") else address


def _overlap(one: str, two: str) -> bool:
    """ "0.0.0.0" is every IPv4 address, "::" every one."""
    if one == two or "::" in (one, two):
        return True
    return "0.0.0.0" in (one, two) and ":" not in one + two


def _origin(resource: Resource, claim: Claim) -> Origin:
    """The keyword that says it, where its value or its name shows that; else the section."""
    for name, origin in resource.fields.items():
        if getattr(resource.desired, name) == claim.key or name in (claim.kind, f"{claim.kind}s"):
            return origin
    return resource.origin


def _line(origin: Origin) -> str:
    return f"{origin.file}:{origin.line}"
