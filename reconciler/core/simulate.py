"""simulate: what would be observed once a plan's steps are done. Pure: each action knows its own effect."""

from collections.abc import Iterable, Mapping

from reconciler.core.observed import Observed, Unknown
from reconciler.core.plan import Plan, Step


def simulate(plan: Plan, observed: Mapping[str, Observed], steps: Iterable[Step] | None = None) -> dict[str, Observed]:
    """rid -> what would be observed after these steps (all of the plan's, in its order, by default).

    What is unknown behind something counts as assumed. Raises ValueError for a step on something nothing is assumed of.
    """
    state = dict(observed)
    for change in plan.changes:
        if change.seen is not None:
            state[change.rid] = change.seen
    for step in plan.steps if steps is None else steps:
        before = state[step.rid]
        if isinstance(before, Unknown):
            raise ValueError(f"step {step.n} acts on {step.rid}, of which nothing is known")
        state[step.rid] = step.action.after(before)
    return state
