"""Looking: what status and ls are made of: the services that are meant, each as it is now."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from reconciler.cli.exits import Exit
from reconciler.cli.known import known_specs
from reconciler.cli.request import globs_of
from reconciler.cli.specs import in_the_way, read_specs, told_apart, unfound
from reconciler.core.lazy import dataclass
from reconciler.core.status import WANTED, ServiceStatus, State, status_of
from reconciler.engine.config import Config
from reconciler.engine.errors import Unselected
from reconciler.engine.session import Session
from reconciler.engine.store import Failure
from reconciler.engine.target import Survey
from reconciler.report.status_tree import Shown
from reconciler.resources.registry import kind_of
from reconciler.spec.load import SpecError

if TYPE_CHECKING:
    from reconciler.report.json_out import Record


NOBODY = "no services: nothing was applied here, and no spec is given → osvc apply PATH\n"


@dataclass(frozen=True, slots=True)
class Looked:
    """The services, and what is wrong with the specs. unfound: what is to be said of names that mean none of them. code: INVALID
    where an error may hide something that was asked for."""

    shown: tuple[Shown, ...]
    errors: tuple[SpecError, ...]
    code: Exit
    unfound: tuple[str, ...] = ()

    @property
    def told(self) -> tuple[str, ...]:
        """The errors, as messages."""
        return (*map(str, self.errors), *self.unfound)

    @property
    def error_records(self) -> list[Record]:
        """The errors, as plain data."""
        from reconciler.report.json_out import error_record

        records = [error_record(error.origin, error.message) for error in self.errors]
        return [*records, *(error_record(None, message) for message in self.unfound)]


def look(options: argparse.Namespace, config: Config, session: Session, *, words: bool = False) -> Looked:
    """Every service that the operands and `-s` name; all that are known where they name none. An invalid spec hides no other.

    words: with the last words of whatever fails again and again. Raises Unselected when a name names nothing.
    """
    paths, names = told_apart(options.path)
    globs = (*names, *globs_of(options))
    loaded = read_specs(paths, config) if paths else known_specs(session, config, globs)
    code = Exit.INVALID if in_the_way(loaded, globs) else Exit.OK
    try:
        targets = tuple(target.thawed for target in session.targets(loaded, globs, stored=not loaded.errors))
    except Unselected:
        if code is Exit.OK:
            raise
        targets = ()
    surveys, troubles = session.survey(targets), troubles_of(session)
    shown = tuple(shown_of(survey, session, troubles, words=words) for survey in surveys)
    return Looked(shown, _stays(loaded.errors, session), code, tuple(unfound(loaded, globs)))


def _stays(errors: Sequence[SpecError], session: Session) -> tuple[SpecError, ...]:
    """The errors, each file's first with what holds on of its services meanwhile: what they were last applied by."""
    kept: dict[str, list[str]] = {}
    for name, item in session.store.kept().items() if errors else ():
        kept.setdefault(os.path.realpath(item.file), []).append(name)
    told: list[SpecError] = []
    for error in errors:
        names = kept.pop(os.path.realpath(error.origin.file), [])
        stays = f"; until it is right, watch keeps {', '.join(names)} as its spec last said" if names else ""
        told.append(SpecError(error.origin, f"{error.message}{stays}"))
    return tuple(told)


class Troubles(NamedTuple):
    """What is kept of services that do not get to their goal, by name: how the last run failed, and what watch remarks."""

    failures: Mapping[str, Failure]
    remarks: Mapping[str, str]


def troubles_of(session: Session) -> Troubles:
    """Those of all services, in one reading."""
    return Troubles(session.store.failures(), session.store.remarks())


def shown_of(survey: Survey, session: Session, troubles: Troubles, *, words: bool) -> Shown:
    """What is shown of a service. words: as in `look`."""
    plan, target = survey.plan, survey.target
    kinds = {change.type: kind_of(change.type) for change in plan.changes}
    status = status_of(plan, kinds, session.host.clock.now(), target.frozen)
    if words:
        status = _with_words(status, survey, session)
    ended = survey.run[1] if survey.run else None
    state = WANTED[plan.goal.aim] if target.frozen is None else State.FROZEN
    shown = Shown(status, target.source, state=state, changed=datetime.fromisoformat(ended) if ended else None)
    holder = session.holder(target.name)
    if holder:
        return replace(shown, note=f"a run works on it: {holder}", state=State.BUSY)
    if target.gone or target.service is None:
        return replace(shown, note="its spec is gone", remedy="osvc plan --prune", state=State.GONE)
    failure = troubles.failures.get(target.name)
    if failure is not None and failure.message:
        times = f" ({failure.count} times)" if failure.count > 1 else ""
        note, remedy = f"the last run failed{times}: {failure.message}", f"osvc plan -s {target.name}"
        shown = replace(shown, note=note, remedy=remedy, state=State.FAILED if target.frozen is None else state)
    remark = troubles.remarks.get(target.name)
    if remark:
        note, remedy = f"watch: {remark}", f"osvc apply -s {target.name}"
        return replace(shown, note=note, remedy=remedy, state=State.DEGRADED if target.frozen is None else state)
    return shown


def _with_words(status: ServiceStatus, survey: Survey, session: Session) -> ServiceStatus:
    """The status, with the last words of whatever fails again and again."""
    if not any(line.failing for line in status.resources):
        return status
    told = (replace(line, words=session.words(survey, line.rid)) if line.failing else line for line in status.resources)
    return replace(status, resources=tuple(told))
