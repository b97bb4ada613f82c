"""Golden cases: case files of runs that failed, on the fake machine or a real one; and scenarios as cases."""

from pathlib import Path

from reconciler.core.outline import outline
from reconciler.core.plan import Plan
from reconciler.engine.casefile import Case
from reconciler.resources.registry import kind_of
from tests.plans.golden import NAME, NODE, Scenario
from tests.properties.laws import check_laws

FOLDER = Path(__file__).parent / "cases"


def case_of(scenario: Scenario) -> Case:
    """What a run that ended at this plan would have left."""
    plan = scenario.plan()
    return Case(
        NAME,
        f"{NAME}: {scenario.about}",
        run="20261128T184000-0a1b2c",
        node=NODE,
        service=scenario.service,
        goal=scenario.goal,
        selection=scenario.selection,
        policy=scenario.policy,
        restarts=scenario.restarts,
        observed=scenario.observed,
        types={change.rid: change.type for change in plan.changes},
        ownership=scenario.ownership,
        plan=outline(plan),
    )


def check(case: Case, plan: Plan) -> None:
    """The four laws of every plan."""
    check_laws(plan, case.service, case.goal, case.selection, case.observed, case.ownership, case.policy, kind_of)
