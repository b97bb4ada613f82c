"""course: what a run has planned and done so far, and what follows from that for what it plans next."""

from collections.abc import Iterable

from reconciler.core.action import Slot
from reconciler.core.change import Verdict
from reconciler.core.outcome import Outcome
from reconciler.core.plan import Plan

_MADE = frozenset({Verdict.CREATE, Verdict.REPLACE})


class Course:
    """plans: one of each round. outcomes: of all rounds. spared: rid -> why it is not tried, or not again."""

    def __init__(self, spared: dict[str, str], restarts: Iterable[str]) -> None:
        self.plans: list[Plan] = []
        self.outcomes: list[Outcome] = []
        self.spared = spared
        self._restarts = frozenset(restarts)

    def made(self) -> set[str]:
        """What this run has made, or made anew: it is by the spec of now, although that was not written down yet."""
        done = {outcome.step.rid for outcome in self.outcomes if outcome.happened}
        changes = (change for plan in self.plans for change in plan.changes if change.rid in done)
        return {change.rid for change in changes if change.verdict in _MADE}

    def restarts(self) -> frozenset[str]:
        """What is still to go down and come up again: not what this run has moved already."""
        moved = {outcome.step.rid for outcome in self.outcomes if outcome.happened and outcome.step.slot in (Slot.DOWN, Slot.UP)}
        return self._restarts - moved
