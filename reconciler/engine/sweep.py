"""Sweep: how much of what is owned may be pruned, at once or little by little: a watch that sees a folder being emptied, one file
after another, sees one accident."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from reconciler.core.change import Verdict
from reconciler.core.plan import Plan
from reconciler.engine.errors import Refused
from reconciler.engine.store import Store
from reconciler.engine.target import Target
from reconciler.host.ports import Clock

LASTS: Final = 3600.0
"""Seconds for which what was pruned counts with what would go now."""
_NAMED: Final = 5

Lost: TypeAlias = tuple[str, str]
"""(service, rid)"""


class Sweep:
    """What one watch prunes. While pruning is refused none of it is forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._went: dict[Lost, float] = {}

    def note(self, target: Target, plan: Plan) -> None:
        """A service is given to be worked on by this plan."""
        now = self._clock.monotonic()
        self._went |= dict.fromkeys(_lost({target.name: plan}, [target]), now)

    def went(self, targets: Sequence[Target]) -> frozenset[Lost]:
        """What was pruned of late, and is not wanted again. targets: all that there are."""
        since = self._clock.monotonic() - LASTS
        wanted = {(target.name, rid) for target in targets if target.service is not None for rid in target.service.resources}
        self._went = {lost: at for lost, at in self._went.items() if at > since and lost not in wanted}
        return frozenset(self._went)

    def refused(self) -> None:
        self._went = dict.fromkeys(self._went, self._clock.monotonic())


def guard(store: Store, plans: Mapping[str, Plan], targets: Sequence[Target], went: Collection[Lost] = ()) -> None:
    """An emptied folder, or a mistyped path, must not take the machine down; nor when some of what would go went by itself.

    went: what was pruned just before. Raises Refused.
    """
    lost = tuple(_lost(plans, targets))
    if not lost:
        return
    kept = store.kept()
    folders = {kept[name].folder for name in plans if name in kept}
    beside = {name for name, item in kept.items() if item.folder in folders} | set(plans)
    owned = {(name, rid) for name in store.owners() if name in beside for rid in store.ownership(name).owned}
    if not any(target.service is not None for target in targets) and len(lost) == len(owned):
        raise Refused("cannot prune: no spec is left, and everything that osvc owns there would go; if so, say --prune-all")
    before = set(went).difference(lost)
    going, all_of_it = len(lost) + len(before), len(owned.union(before))
    if 2 * going > all_of_it:
        names = ", ".join(" ".join(one) for one in lost[:_NAMED]) + (", …" if len(lost) > _NAMED else "")
        of_late = f", after {len(before)} that went within an hour" if before else ""
        say = "osvc apply --prune-all" if before else "--prune-all"
        raise Refused(
            f"cannot prune: {going} of {all_of_it} owned resources would go ({names}{of_late}); if that is meant, say {say}"
        )


def _lost(plans: Mapping[str, Plan], targets: Sequence[Target]) -> Iterator[Lost]:
    """What pruning takes away; with what went by itself, where anything is taken."""
    gone = {target.name for target in targets if target.service is None}
    going = [(name, change) for name, plan in plans.items() for change in plan.changes]
    if any(change.verdict is Verdict.REMOVE for _, change in going):
        for name, change in going:
            if change.verdict is Verdict.REMOVE or (change.verdict is Verdict.RELEASE and name in gone):
                yield name, change.rid
