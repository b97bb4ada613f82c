"""leaving: what a run leaves behind of itself: a case file of the round in which it ended, from which anybody can plan again."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler import __version__
from reconciler.core.model import Model
from reconciler.core.observed import Observed
from reconciler.core.outcome import Outcome
from reconciler.core.outline import outline
from reconciler.core.ownership import Ownership
from reconciler.core.plan import Plan
from reconciler.engine.means import Means
from reconciler.engine.work import Work


@dataclass(frozen=True, slots=True)
class Round:
    """The last round of a run. number: from 1. plan: what it made of what was seen and owned. spared, restarts: as it was made
    with. outcomes: of the whole run."""

    run: str
    number: int
    plan: Plan
    seen: Mapping[str, Observed]
    ownership: Ownership
    spared: Mapping[str, str]
    restarts: Collection[str]
    outcomes: Sequence[Outcome]


def leave(last: Round, work: Work, means: Means, end: str, message: str, known: Iterable[Model], crash: str = "") -> str:
    """Leave it in the state folder. end: the word for how the run ended. known: models whose secrets its texts may repeat. crash: a
    traceback. The path; "" where nothing can be written."""
    from reconciler.engine import cases
    from reconciler.engine.casefile import Case, outcome_record

    case = Case(
        name=work.name,
        about=f"{work.name}: {message}",
        run=last.run,
        verb=work.verb,
        end=end,
        at=means.host.clock.now().isoformat(),
        round=last.number,
        node=means.node,
        service=work.service,
        goal=work.goal,
        selection=work.selection,
        policy=work.policy,
        spared=last.spared,
        restarts=frozenset(last.restarts),
        observed=last.seen,
        types={change.rid: change.type for change in last.plan.changes},
        ownership=last.ownership,
        plan=outline(last.plan),
        outcomes=tuple(map(outcome_record, last.outcomes)),
        crash=crash,
        osvc=__version__,
    )
    return cases.leave(means.store.folder, case, more=known, codec=means.store.codec)
