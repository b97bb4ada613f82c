"""osvc why: all about one resource: who holds it, what it needs, how it differs, who changed it last."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping

from reconciler.cli.display import paint_for, say, show_document
from reconciler.cli.exits import Exit
from reconciler.cli.known import known_specs
from reconciler.cli.past import past, steps_of
from reconciler.cli.request import globs_of, local_now
from reconciler.cli.specs import in_the_way, refuse_invalid
from reconciler.cli.terminal import width_of
from reconciler.cli.verb import Usage, did_you_mean
from reconciler.core.change import Change
from reconciler.core.ids import natural
from reconciler.core.model import Model
from reconciler.core.policy import Selection
from reconciler.core.status import status_of
from reconciler.core.why import Why, ties_of
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.engine.target import Survey, Target
from reconciler.report.json_out import error_record, why_document
from reconciler.report.texts import fitted, listed
from reconciler.report.why_text import why_text
from reconciler.resources.registry import kind_of


def run(options: argparse.Namespace) -> Exit:
    """Every resource of this rid, of the named services. Raises Usage when there is none, and no invalid spec may have it."""
    config, globs, selection = read_config(), globs_of(options), Selection((options.resource,))
    with Session.open(config, write=False) as session:
        loaded = known_specs(session, config, globs)
        if not options.json:
            refuse_invalid(loaded, globs)
        errors = in_the_way(loaded, globs)
        targets = () if errors and globs else session.targets(loaded, globs, stored=not loaded.errors)
        rids = {target.name: _rids(target, session) for target in targets}
        meant = [target for target in targets if any(selection.takes(rid, name) for rid, name in rids[target.name].items())]
        if not meant and not errors:
            raise Usage(_nothing(options.resource, rids))
        surveys = session.survey([target.thawed for target in meant]) if meant else ()
        found = [(why, survey.target.service) for survey in surveys for why in _all(survey, session, selection)]
    code = Exit.INVALID if errors else Exit.OK
    if options.json:
        show_document(why_document(found, [error_record(error.origin, error.message) for error in loaded.errors], code))
    else:
        paint, now = paint_for(options, sys.stdout), local_now()
        text = "\n".join(why_text(why, service, paint=paint, now=now) for why, service in found)
        say(fitted(text, width_of(sys.stdout)))
    return code


def _rids(target: Target, session: Session) -> dict[str, str]:
    """rid -> type, of what the spec of a service names, and of what it owns."""
    owned = {rid: one.type for rid, one in session.store.ownership(target.name).owned.items()}
    wanted = {rid: one.type for rid, one in target.service.resources.items()} if target.service else {}
    return owned | wanted


def _nothing(resource: str, rids: Mapping[str, Mapping[str, str]]) -> str:
    """What there is instead."""
    known = sorted({rid for types in rids.values() for rid in types}, key=natural)
    has = [f"{name} has {listed(sorted(types, key=natural), 12)}" for name, types in rids.items() if types]
    guess = did_you_mean(resource, known)
    if rids.get(resource):
        guess = f": {resource} is a service; a resource comes first: osvc why {min(rids[resource], key=natural)} {resource}"
    return f"no resource {resource!r}{guess}; {listed(has) or 'there is no service'}"


def _all(survey: Survey, session: Session, selection: Selection) -> Iterator[Why]:
    """What is known of the chosen resources of a service."""
    plan, store, target = survey.plan, session.store, survey.target
    kinds = {change.type: kind_of(change.type) for change in plan.changes}
    status = status_of(plan, kinds, frozen=target.frozen)
    lines = {line.rid: line for line in status.resources}
    disabled = {change.rid for change in plan.changes if change.common.disable}
    ties = ties_of({change.rid: (kinds[change.type], _standing(change, survey)) for change in plan.changes}, disabled)
    since = store.owned_since(target.name)
    for change in sorted(plan.changes, key=lambda change: natural(change.rid)):
        if not selection.takes(change.rid, change.type):
            continue
        resource = target.service.resources.get(change.rid) if target.service and not target.gone else None
        last = next(iter(store.runs(store.last_tried(target.name, change.rid) or "-", limit=1)), None)
        steps = tuple(step for step in steps_of(store.journal(last.id)) if step.rid == change.rid) if last else ()
        yield Why(
            target.name,
            plan.goal,
            change,
            lines[change.rid],
            ties[change.rid],
            resource.origin if resource else None,
            change.rid in survey.ownership.owned,
            since.get(change.rid),
            past(last, session) if last else None,
            steps,
            target.frozen,
        )


def _standing(change: Change, survey: Survey) -> Model:
    """The desired state by which a resource runs now, as far as is known."""
    owned = survey.ownership.owned.get(change.rid)
    return change.desired if owned is None else owned.applied or owned.wanted
