"""osvc images: which image each container is to run, and which it runs; with --prune, which ones nobody uses any more go."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from reconciler.cli.display import paint_for, say, show_document
from reconciler.cli.exits import Exit
from reconciler.cli.known import known_specs
from reconciler.cli.request import globs_of
from reconciler.cli.specs import read_specs, refuse_invalid
from reconciler.cli.terminal import width_of
from reconciler.cli.verb import Usage
from reconciler.core.change import Change
from reconciler.core.ids import short
from reconciler.core.observed import Present, Unknown
from reconciler.core.plan import Plan
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.report.images_text import Used, images_text
from reconciler.report.texts import fitted
from reconciler.resources.container.model import Around, Desired, State


def run(options: argparse.Namespace) -> Exit:
    """Which images there are, or which go."""
    if options.prune:
        from reconciler.cli.unused import prune

        return prune(options)
    for name in ("yes", "dry_run", "quiet", "verbose", "log_format"):
        if getattr(options, name):
            raise Usage(f"--{name.replace('_', '-')} belongs to --prune")
    return _show(options)


def _show(options: argparse.Namespace) -> Exit:
    """Show what is known; an invalid spec is told, and hides no other service."""
    config = read_config()
    with Session.open(config, write=False) as session:
        loaded = read_specs(options.path, config) if options.path else known_specs(session, config)
        targets = session.targets(loaded, globs_of(options), stored=not loaded.errors)
        used = [one for survey in session.survey(targets) for one in _used(survey.plan)]
    if options.json:
        from reconciler.report.json_out import images_document

        show_document(images_document(used))
    elif used or not loaded.errors:
        say(fitted(images_text(used, paint=paint_for(options, sys.stdout)), width_of(sys.stdout)))
    refuse_invalid(loaded)
    return Exit.INVALID if loaded.errors else Exit.OK


def _used(plan: Plan) -> Iterator[Used]:
    for change in plan.changes:
        if isinstance(change.desired, Desired):
            yield _of(plan.service, change, change.desired)


def _of(service: str, change: Change, desired: Desired) -> Used:
    seen = change.seen
    around = seen.around if seen is not None and isinstance(seen.around, Around) else None
    state = seen.state if isinstance(seen, Present) and isinstance(seen.state, State) else None
    there = around.image.id if around is not None and around.image is not None else ""
    runs = state.image_id if state is not None else ""
    if isinstance(change.observed, Unknown):
        note = "its engine cannot be asked"
    elif not there:
        note = "not on the engine"
    elif around is not None and around.moved:
        note = "another one is in its registry"
    elif runs and runs != there:
        note = f"its container runs {short(runs)}"
    else:
        note = ""
    return Used(service, change.rid, desired.image, there, runs, note)
