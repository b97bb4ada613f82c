"""What several services together must keep: one name once, and nothing claimed twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from reconciler.core.facts import Claim
from reconciler.core.service import Origin, Resource, Service
from reconciler.resources.registry import kind_of
from reconciler.spec.error import SpecError

PORT = "port"


@dataclass(frozen=True, slots=True)
class Conflict:
    """An error between services, and the names of those that it spoils."""

    error: SpecError
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Held:
    claim: Claim
    service: str
    rid: str
    origin: Origin


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
    first: dict[tuple[str, str, str], list[_Held]] = {}
    found: list[Conflict] = []
    for service, resource in held:
        for claim in kind_of(resource.type).claims(resource.desired):
            mine = _Held(claim, service, resource.rid, _origin(resource, claim))
            others = first.setdefault(_group(claim), [])
            other = next((one for one in others if _overlap(one.claim, claim)), None)
            if other is not None:
                whose = other.rid if other.service == service else f"{other.service} {other.rid}"
                message = f"{service} {resource.rid} and {whose} ({_line(other.origin)}) both claim {_both(claim, other.claim)}"
                found.append(Conflict(SpecError(mine.origin, f"{message}; change one of them"), (service, other.service)))
            others.append(mine)
    return found


def spoiled(services: Sequence[Service], conflicts: Sequence[Conflict]) -> tuple[Service, ...]:
    """The services that no conflict names."""
    bad = {name for conflict in conflicts for name in conflict.services}
    return tuple(service for service in services if service.name not in bad)


def _group(claim: Claim) -> tuple[str, str, str]:
    """Claims of different groups never meet. Ports meet whatever their address."""
    if claim.kind == PORT:
        return (claim.kind, claim.scope, claim.key.rpartition(":")[2])
    return (claim.kind, claim.scope, claim.key)


def _overlap(one: Claim, two: Claim) -> bool:
    """Two claims of one group. A port on every address overlaps the same port on any address of that family."""
    if one.kind != PORT:
        return True
    left, right = _address(one), _address(two)
    if left == right or "" in (left, right) or "::" in (left, right):
        return True
    for every, single in ((left, right), (right, left)):
        if every == "0.0.0.0":
            return ":" not in single
    return False


def _address(claim: Claim) -> str:
    text = claim.key.rpartition(":")[0].strip("[]")
    try:
        return str(ip_address(text))
    except ValueError:
        return "" if text in ("", "*") else text


def _both(mine: Claim, other: Claim) -> str:
    return mine.label if mine.label == other.label else f"{mine.label}, {other.label}"


def _origin(resource: Resource, claim: Claim) -> Origin:
    """The keyword that says it, as far as one can tell from the claim's kind; else the section."""
    for name in (claim.kind, f"{claim.kind}s", claim.kind.replace(" ", "_")):
        if name in resource.fields:
            return resource.fields[name]
    return resource.origin


def _line(origin: Origin) -> str:
    return f"{origin.file}:{origin.line}"
