"""seen: the services that svcmgr shows, as the reference counts them."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.cli.exits import Exit
from reconciler.cli.failures import Told
from reconciler.cli.known import known_specs
from reconciler.cli.specs import refuse_invalid
from reconciler.core.policy import Aim
from reconciler.core.status import status_of
from reconciler.engine.config import Config
from reconciler.engine.errors import Unselected
from reconciler.engine.session import Session
from reconciler.engine.target import Survey
from reconciler.report.svc_tree import SvcStatus, svc_status
from reconciler.resources.registry import kind_of


def seen(session: Session, config: Config, globs: tuple[str, ...]) -> tuple[tuple[SvcStatus, Survey], ...]:
    """The status of these services (all without patterns), each with what it was seen in. An invalid spec is told, and hides no
    other service. Raises Told where no other is meant."""
    loaded = known_specs(session, config, globs)
    hidden = refuse_invalid(loaded, globs)
    try:
        targets = session.targets(loaded, globs, stored=not loaded.errors)
    except Unselected:
        if hidden:
            raise Told(Exit.INVALID) from None
        raise
    return tuple((_status(survey, session), survey) for survey in session.survey(targets))


def _status(survey: Survey, session: Session) -> SvcStatus:
    kinds = {change.type: kind_of(change.type) for change in survey.plan.changes}
    return svc_status(status_of(survey.plan, kinds, session.host.clock.now()), tuple(_notes(survey, session)))


def _notes(survey: Survey, session: Session) -> Iterator[str]:
    """What is to be known of a service as a whole; that it is down by a person's wish is not."""
    target, goal = survey.target, survey.plan.goal
    holder = session.holder(target.name)
    failure = session.store.failure(target.name)
    if goal.aim is Aim.NONE:
        yield goal.reason
    if holder:
        yield f"a run works on it: {holder}"
    elif target.gone or target.service is None:
        yield "its spec is gone → osvc plan --prune"
    elif failure is not None and failure.message:
        yield f"the last run failed: {failure.message} → osvc plan -s {target.name}"
