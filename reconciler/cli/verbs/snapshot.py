"""osvc snapshot: record what is on this machine, to plan against elsewhere."""

from __future__ import annotations

import argparse

from reconciler.cli import recorded
from reconciler.cli.display import save_document, show_document
from reconciler.cli.exits import Exit
from reconciler.cli.known import known_specs
from reconciler.cli.request import globs_of, local_now
from reconciler.cli.specs import read_specs, refuse_invalid
from reconciler.engine.config import read_config
from reconciler.engine.session import Session


def run(options: argparse.Namespace) -> Exit:
    """Observe every selected service, and write one document."""
    config = read_config()
    with Session.open(config, write=False) as session:
        loaded = read_specs(options.path, config) if options.path else known_specs(session, config)
        if refuse_invalid(loaded):
            return Exit.INVALID
        surveys = session.survey(session.targets(loaded, globs_of(options)))
        document = recorded.document_of(surveys, session.node, local_now())
    if not options.output:
        show_document(document)
        return Exit.OK
    save_document(options.output, document)
    return Exit.OK
