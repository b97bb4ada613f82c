"""Phases: which steps of a plan a round does, and which of them last."""

from reconciler.core.action import Slot
from reconciler.core.plan import Plan


def phases(plan: Plan) -> tuple[frozenset[int], frozenset[int]]:
    """The certain steps to do now, and those to do when all of these went well: commits, and what comes after one.

    What comes after a provisional step waits for a later round, with all the commits.
    """
    waits = _behind(plan, {step.n for step in plan.steps if step.provisional})
    commits = _behind(plan, {step.n for step in plan.steps if step.slot is Slot.COMMIT})
    certain = {step.n for step in plan.certain}
    main = certain - waits - commits
    if not waits:
        return frozenset(main), frozenset(certain & commits)
    return (frozenset(main), frozenset()) if main else (frozenset(certain), frozenset())


def _behind(plan: Plan, steps: set[int]) -> set[int]:
    """These steps, and every step that comes after one of them."""
    found = set(steps)
    for step in plan.steps:
        if found & {*step.after, *step.needs}:
            found.add(step.n)
    return found
