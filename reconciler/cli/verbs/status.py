"""osvc status: each service and its resources."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from reconciler.cli.display import paint_for, say, show_document
from reconciler.cli.exits import Exit
from reconciler.cli.known import known_specs
from reconciler.cli.request import globs_of, local_now
from reconciler.cli.specs import read_specs, refuse_invalid
from reconciler.core.status import ServiceStatus, status_of
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.engine.target import Survey
from reconciler.report.json_out import error_record, status_document
from reconciler.report.status_tree import Shown, status_tree
from reconciler.resources.registry import kind_of


def run(options: argparse.Namespace) -> Exit:
    """Show what is known; an invalid spec is told, and hides no other service."""
    config = read_config()
    with Session.open(config, write=False) as session:
        loaded = read_specs(options.path, config) if options.path else known_specs(session, config)
        globs = globs_of(options)
        targets = session.targets(loaded, globs, stored=not loaded.errors)
        shown = [_shown(survey, session) for survey in session.survey(targets)]
    code = Exit.INVALID if loaded.errors else Exit.OK
    if options.json:
        errors = [error_record(error.origin, error.message) for error in loaded.errors]
        show_document(status_document([(item.status, item.source) for item in shown], errors, code))
        return code
    if shown or not loaded.errors:
        say(_text(shown, options))
    refuse_invalid(loaded)
    return code


def _text(shown: Sequence[Shown], options: argparse.Namespace) -> str:
    if not shown:
        return "no services: nothing was applied here, and no spec is given → osvc apply PATH\n"
    paint, now = paint_for(options, sys.stdout), local_now()
    return "\n".join(status_tree(item, paint=paint, now=now) for item in shown)


def _shown(survey: Survey, session: Session) -> Shown:
    plan, target = survey.plan, survey.target
    kinds = {change.type: kind_of(change.type) for change in plan.changes}
    status = _with_words(status_of(plan, kinds, session.host.clock.now()), survey, session)
    holder = session.holder(target.name)
    if holder:
        return Shown(status, target.source, f"a run works on it: {holder}")
    if target.gone or target.service is None:
        return Shown(status, target.source, "its spec is gone", "osvc plan --prune")
    failure = session.store.failure(target.name)
    if failure is not None and failure.message:
        times = f" ({failure.count} times)" if failure.count > 1 else ""
        return Shown(status, target.source, f"the last run failed{times}: {failure.message}", f"osvc plan -s {target.name}")
    return Shown(status, target.source)


def _with_words(status: ServiceStatus, survey: Survey, session: Session) -> ServiceStatus:
    """The status, with the last words of whatever fails again and again."""
    if not any(line.failing for line in status.resources):
        return status
    told = (replace(line, words=session.words(survey, line.rid)) if line.failing else line for line in status.resources)
    return replace(status, resources=tuple(told))
