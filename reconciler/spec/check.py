"""What several services together must keep: one name once, and nothing claimed twice."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from reconciler.core.facts import Claim
from reconciler.core.service import Origin, Resource, Service
from reconciler.resources.registry import kind_of
from reconciler.spec.error import SpecError

PORT = "port"


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


def claims_taken_twice(held: Sequence[tuple[str, Resource]]) -> list[Conflict]:
    """Resources that claim the same thing, in one service or in two. held: (service name, resource)."""
    groups: dict[tuple[str, str, str], dict[str, _Held]] = {}
    found: list[Conflict] = []
    for service, resource in held:
        for claim in kind_of(resource.type).claims(resource.desired):
            group, address = _group(claim)
            others = groups.setdefault(group, {})
            other = _overlapping(address, others)
            if other is not None:
                found.append(_conflict(_Held(claim, service, resource), other))
            others.setdefault(address, _Held(claim, service, resource))
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


def _group(claim: Claim) -> tuple[tuple[str, str, str], str]:
    """What a claim can meet, and under which address. Only ports have one: they meet on overlapping addresses."""
    if claim.kind != PORT:
        return (claim.kind, claim.scope, claim.key), ""
    address, _, port = claim.key.rpartition(":")
    address = address.strip("[]")
    return (claim.kind, claim.scope, port), "::" if address in ("", "*") else address


def _overlapping(address: str, others: Mapping[str, _Held]) -> _Held | None:
    """Who of one group has an address that overlaps: "0.0.0.0" is every IPv4 address, "::" every one."""
    if not others:
        return None
    if address in others:
        return others[address]
    if "::" in others:
        return others["::"]
    if address == "::":
        return next(iter(others.values()))
    if address == "0.0.0.0":
        return next((held for other, held in others.items() if ":" not in other), None)
    return others.get("0.0.0.0") if ":" not in address else None


def _origin(resource: Resource, claim: Claim) -> Origin:
    """The keyword that says it, where its value or its name shows that; else the section."""
    for name, origin in resource.fields.items():
        if getattr(resource.desired, name) == claim.key or name in (claim.kind, f"{claim.kind}s"):
            return origin
    return resource.origin


def _line(origin: Origin) -> str:
    return f"{origin.file}:{origin.line}"
