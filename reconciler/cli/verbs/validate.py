"""osvc validate: every error of every spec, at once. Nothing is looked at but the specs."""

from __future__ import annotations

import argparse
from dataclasses import replace

from reconciler.cli.display import note, say, show_document
from reconciler.cli.exits import Exit
from reconciler.cli.specs import read_specs, refuse_invalid
from reconciler.engine.config import read_config
from reconciler.report.texts import many


def run(options: argparse.Namespace) -> Exit:
    """Read the specs and say of each service whether it is valid."""
    config = read_config()
    loaded = read_specs(options.path, replace(config, node=options.node or config.node), chosen=False)
    code = Exit.INVALID if loaded.errors else Exit.OK
    if options.json:
        from reconciler.report.json_out import error_record, validate_document

        errors = [error_record(error.origin, error.message) for error in loaded.errors]
        show_document(validate_document(loaded.services, errors, code))
        return code
    for service in loaded.services:
        what = many(len(service.resources), "resource") if service.here else service.goal.reason
        say(f"{service.name}: ok, {what} ({service.origin.file})\n")
    for ignored in loaded.ignored:
        note(f"note: {ignored.file} is left out: {ignored.reason}")
    refuse_invalid(loaded, shown=None)
    return code
