"""graph: the resources of a service and what ties them, as its spec alone tells it. Pure; the edges are core/order.py's."""

from collections.abc import Callable
from typing import NamedTuple

from reconciler.core.facts import Bond, Claim, Fact
from reconciler.core.ids import natural
from reconciler.core.kind import ResourceKind
from reconciler.core.order import Placed, line_up
from reconciler.core.providers import Providers, match
from reconciler.core.service import Service


class Tie(NamedTuple):
    """What a resource needs of another one: whose facts, and what becomes of it when that goes down."""

    rid: str
    bond: Bond
    facts: tuple[Fact, ...]


class Node(NamedTuple):
    """A resource. depth: 0 where it needs no other, else one more than the deepest of those that it needs. idle: nothing is ever
    done to it."""

    rid: str
    label: str
    subset: str
    ties: tuple[Tie, ...]
    claims: tuple[Claim, ...]
    depth: int
    idle: bool = False


def graph_of(service: Service, kinds: Callable[[str], ResourceKind]) -> tuple[Node, ...]:
    """The resources in the order in which they come up. kinds: type name -> its pure half. Raises Cycle."""
    resources = {rid: service.resources[rid] for rid in sorted(service.resources, key=natural)}
    kind = {rid: kinds(one.type) for rid, one in resources.items()}
    providers = Providers(
        (fact, rid) for rid, one in resources.items() if not one.common.disable for fact in kind[rid].provides(one.desired)
    )
    placed = {
        rid: Placed(
            rid,
            kind[rid].rank,
            one.subset,
            service.moves_together(one),
            kind[rid].sequence(one.desired),
            match(kind[rid].needs(one.desired), providers, rid),
        )
        for rid, one in resources.items()
    }
    nodes: dict[str, Node] = {}
    for rid in line_up(placed):
        one, needs = resources[rid], placed[rid].needs
        facts = [need.fact for need in kind[rid].needs(one.desired)]
        ties = tuple(
            Tie(other, bond, tuple(fact for fact in facts if other in (providers.of(fact, rid), providers.folder_of(fact))))
            for other, bond in sorted(needs.items(), key=lambda item: natural(item[0]))
        )
        nodes[rid] = Node(
            rid,
            kind[rid].label(one.desired, None),
            one.subset,
            ties,
            tuple(kind[rid].claims(one.desired)),
            max((nodes[tie.rid].depth + 1 for tie in ties), default=0),
            one.common.idle,
        )
    return tuple(nodes.values())
