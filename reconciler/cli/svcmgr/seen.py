"""seen: the services that svcmgr shows, as the reference counts them."""

from __future__ import annotations

from reconciler.cli.exits import Exit
from reconciler.cli.failures import Told
from reconciler.cli.known import known_specs
from reconciler.cli.looking import Troubles, shown_of, troubles_of
from reconciler.cli.request import local_now
from reconciler.cli.specs import refuse_invalid
from reconciler.core.ban import Sort
from reconciler.core.policy import Aim
from reconciler.engine.config import Config
from reconciler.engine.errors import Unselected
from reconciler.engine.session import Session
from reconciler.engine.target import Survey
from reconciler.report.plan_text import ban_text
from reconciler.report.svc_tree import SvcStatus, svc_status


def seen(session: Session, config: Config, globs: tuple[str, ...]) -> tuple[tuple[SvcStatus, Survey], ...]:
    """The status of these services (all without patterns), each with what it was seen in. An invalid spec is told, and hides no
    other service. Raises Told where no other is meant."""
    loaded = known_specs(session, config, globs)
    hidden = refuse_invalid(loaded, globs)
    try:
        targets = tuple(target.thawed for target in session.targets(loaded, globs, stored=not loaded.errors))
    except Unselected:
        if hidden:
            raise Told(Exit.INVALID) from None
        raise
    surveys, troubles = session.survey(targets), troubles_of(session)
    return tuple((_status(survey, session, troubles), survey) for survey in surveys)


def _status(survey: Survey, session: Session, troubles: Troubles) -> SvcStatus:
    shown = shown_of(survey, session, troubles, words=True)
    note = " → ".join(filter(None, (shown.note, shown.remedy)))
    alone = survey.plan.goal.reason if survey.plan.goal.aim is Aim.NONE else ""
    ban = survey.target.frozen
    frozen = ban_text(Sort.FROZEN.value, ban, local_now()) if ban is not None else ""
    return svc_status(shown.status, tuple(filter(None, (frozen, alone, note))))
