"""bells: what is listened to for a service, as its resources' kinds say."""

from collections.abc import Callable

from reconciler.core.bells import Bell
from reconciler.core.kind import ResourceKind
from reconciler.core.observed import Present
from reconciler.core.plan import Plan
from reconciler.core.service import Service


def expected(service: Service | None, kinds: Callable[[str], ResourceKind]) -> list[Bell]:
    """Before anybody looked."""
    resources = service.resources.values() if service is not None else ()
    return [bell for resource in resources for bell in kinds(resource.type).bells(resource.desired, None)]


def seen(plan: Plan, kinds: Callable[[str], ResourceKind]) -> list[Bell]:
    """By what was seen."""
    found: list[Bell] = []
    for change in plan.changes:
        kind, observed = kinds(change.type), change.observed
        state = observed.state if isinstance(observed, Present) and isinstance(observed.state, kind.state) else None
        found += kind.bells(change.desired, state)
    return found
