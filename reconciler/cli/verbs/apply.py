"""osvc apply: make it so."""

from __future__ import annotations

import argparse

from reconciler.cli import saved
from reconciler.cli.display import show_line
from reconciler.cli.exits import Exit
from reconciler.cli.request import globs_of
from reconciler.cli.run import Order, carry_out
from reconciler.cli.specs import in_the_way, read_specs, refuse_invalid
from reconciler.cli.verb import Usage
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.engine.target import Target
from reconciler.report.json_out import error_record, results_record


def run(options: argparse.Namespace) -> Exit:
    """Apply specs, or a saved plan. With one invalid spec among the chosen nothing is touched, unless told to keep going."""
    config = read_config()
    plan = saved.read(options.path)
    if plan is not None:
        plan.restore(options)
    loaded = read_specs(options.path, config, may_be_empty=options.prune_all, prune=options.prune)
    globs = globs_of(options)
    errors = tuple(error_record(error.origin, error.message) for error in loaded.errors)
    if not options.json:
        refuse_invalid(loaded, globs)
    if in_the_way(loaded, globs):
        if not options.keep_going:
            if options.json:
                show_line(results_record((), errors, Exit.INVALID))
            return Exit.INVALID
        if options.prune or options.prune_all:
            raise Usage("cannot prune while a spec is not valid: what it names would look as if it were gone")

    def find(session: Session) -> tuple[Target, ...]:
        return session.targets(loaded, globs, stored=not errors)

    return carry_out(
        Order("apply", find, check=plan.check if plan else None, exact=plan is not None, errors=errors), options, config
    )
