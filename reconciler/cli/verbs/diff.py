"""osvc diff: what differs between the specs and the machine, keyword by keyword. Nothing is changed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from reconciler.cli.display import note, paint_for, say, show_document
from reconciler.cli.exits import Exit, worst
from reconciler.cli.known import known_specs
from reconciler.cli.request import Named, check_selection, globs_of, local_now, policy_of, selection_of
from reconciler.cli.specs import in_the_way, read_specs, refuse_invalid
from reconciler.cli.terminal import width_of
from reconciler.core.difference import Stand, differences_of
from reconciler.core.policy import Aim
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.report.diff_json import diff_document
from reconciler.report.diff_text import diff_text
from reconciler.report.json_out import Record, error_record
from reconciler.report.plan_text import ban_text, stopped_text
from reconciler.resources.registry import kind_of
from reconciler.spec.load import Loaded


def run(options: argparse.Namespace) -> Exit:
    """Compare every selected service. What an operator stopped is compared with that wish; a note says so."""
    config, globs = read_config(), globs_of(options)
    with Session.open(config, write=False) as session:
        loaded = read_specs(options.path, config, prune=options.prune) if options.path else known_specs(session, config, globs)
        errors = [error_record(error.origin, error.message) for error in loaded.errors]
        if in_the_way(loaded, globs):
            return _invalid(options, errors, loaded)
        if not options.json:
            refuse_invalid(loaded)
        targets = [target.thawed for target in session.targets(loaded, globs, stored=not loaded.errors)]
        surveys = session.survey(targets, selection=selection_of(options), policy=policy_of(options), prune_all=True)
    check_selection(options, [Named.of(change) for survey in surveys for change in survey.plan.changes])
    found = []
    for survey in surveys:
        service = None if survey.target.gone else survey.target.service
        kinds = {change.type: kind_of(change.type) for change in survey.plan.changes}
        found.append((survey.plan, service, survey.target.source, differences_of(survey.plan, service, kinds)))
    code = worst(Exit.UNKNOWN if item.before is Stand.UNKNOWN else Exit.PENDING for *_, items in found for item in items)
    if options.json:
        show_document(diff_document(found, errors, code))
        return code
    paint, now, width = paint_for(options, sys.stdout), local_now(), width_of(sys.stdout)
    texts = (diff_text(plan.service, items, service, source, paint=paint, width=width) for plan, service, source, items in found)
    say("\n".join(filter(None, texts)))
    for plan, *_ in found:
        if plan.goal.aim is not Aim.UP:
            said = stopped_text(plan.goal, now) if plan.goal.aim is Aim.DOWN else plan.goal.reason
            note(f"note: {plan.service}: {said}; what its spec says is not compared while that holds")
    for target in targets:
        if target.frozen is not None:
            note(f"note: {target.name}: {ban_text('frozen', target.frozen, now)}; apply and watch leave it alone")
    return code


def _invalid(options: argparse.Namespace, errors: Sequence[Record], loaded: Loaded) -> Exit:
    if options.json:
        show_document(diff_document([], errors, Exit.INVALID))
    else:
        refuse_invalid(loaded, globs_of(options))
    return Exit.INVALID
