"""Sweep: how much of what is owned may be pruned, at once or little by little: a folder emptied file by file is one accident."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from reconciler.core.change import Verdict
from reconciler.core.outcome import End, Result
from reconciler.core.plan import Plan
from reconciler.engine.errors import Refused
from reconciler.engine.store import Store
from reconciler.engine.target import Target
from reconciler.host.ports import Clock

LASTS: Final = 3600.0
"""Seconds without anything to prune after which a sweep is over."""
_NAMED: Final = 5


class Sweep:
    """What is pruned by one verb, or little by little by the watches of a node.

    verb: whose earlier runs count: what these pruned is in the history, but not whether anything was to be pruned since. So that
    sweep goes on until this one has seen nothing to prune for so long, or somebody agreed to all of it (`end`). "" counts none.
    """

    def __init__(self, clock: Clock, verb: str = "") -> None:
        self._clock, self._verb, self._began = clock, verb, clock.monotonic()
        self._most: dict[frozenset[str], tuple[int, float, int]] = {}
        """Folders of specs -> the most that was owned of them in this sweep, when something was to be pruned last, and behind which
        run it began."""

    def check(self, store: Store, plans: Mapping[str, Plan], targets: Sequence[Target]) -> None:
        """An emptied folder, or a mistyped path, must not take the machine down; nor when some of what would go went by itself.
        Raises Refused."""
        lost = tuple(_lost(plans, targets))
        if not lost:
            return
        kept = store.kept()
        folders = frozenset(kept[name].folder for name in plans if name in kept)
        beside = {name for name, item in kept.items() if item.folder in folders} | set(plans)
        owned = sum(len(store.ownership(name).owned) for name in store.owners() if name in beside)
        if not any(target.service is not None for target in targets) and len(lost) == owned:
            raise Refused("cannot prune: no spec is left, and everything that osvc owns there would go; if so, say --prune-all")
        now, ended = self._clock.monotonic(), store.swept(folders)
        if self._verb and folders not in self._most and now < self._began + LASTS:
            elsewhere = {name for name, item in kept.items() if item.folder not in folders}
            self._most[folders] = _most_before(store, self._verb, elsewhere, ended), now, ended
        most, last, behind = self._most.get(folders, (0, now, ended))
        most = max(owned, most if now < last + LASTS and behind == ended else 0)
        self._most[folders] = most, now, ended
        going, before = len(lost) + most - owned, most - owned
        if 2 * going > most:
            names = ", ".join(lost[:_NAMED]) + (", …" if len(lost) > _NAMED else "")
            after, say = (f", after {before} that went before", "osvc apply --prune-all") if before else ("", "--prune-all")
            raise Refused(f"cannot prune: {going} of {most} owned resources would go ({names}{after}); if that is meant, say {say}")


def end(store: Store, targets: Sequence[Target], results: Sequence[Result]) -> None:
    """Somebody agreed to whatever pruning takes (`--prune-all`), and these runs came of it: the sweeps of the folders of which
    every service is a target are over, if all of it was done. Raises StoreError."""
    if any(result.end is not End.CONVERGED for result in results):
        return
    names = {target.name for target in targets}
    folders = {os.path.dirname(target.source) if target.service is None else target.service.folder for target in targets}
    store.sweep_ends(folders - {"", *(item.folder for name, item in store.kept().items() if name not in names)})


def _most_before(store: Store, verb: str, elsewhere: Collection[str], ended: int) -> int:
    """The most that was owned in the last sweep of the runs of this verb. elsewhere: the services that it leaves out. ended: the
    run behind which it began, at the earliest."""
    owned = {(name, rid) for name in store.owners() if name not in elsewhere for rid in store.ownership(name).owned}
    begins = later = None
    for pruned in store.pruned():
        if pruned.run <= ended:
            break
        if pruned.verb == verb:
            if later is not None and (later - pruned.began).total_seconds() > LASTS:
                break
            begins, later = pruned.run, pruned.began
    most = 0
    for name, rid, stood in store.changed(begins) if begins is not None else ():
        if name not in elsewhere:
            (owned.add if stood else owned.discard)((name, rid))
            most = max(most, len(owned))
    return most


def _lost(plans: Mapping[str, Plan], targets: Sequence[Target]) -> Iterator[str]:
    """What pruning takes away; with what went by itself, where anything is taken."""
    gone = {target.name for target in targets if target.service is None}
    going = [(name, change) for name, plan in plans.items() for change in plan.changes]
    if any(change.verdict is Verdict.REMOVE for _, change in going):
        for name, change in going:
            if change.verdict is Verdict.REMOVE or (change.verdict is Verdict.RELEASE and name in gone):
                yield f"{name} {change.rid}"
