"""osvc show: one run of the past, step by step."""

from __future__ import annotations

import argparse
import sys

from reconciler.cli.display import paint_for, say, show_document
from reconciler.cli.exits import Exit
from reconciler.cli.past import run_called, steps_of
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.report.history_text import run_story


def run(options: argparse.Namespace) -> Exit:
    """The run whose id begins as given. Raises Usage when there is none, or more than one."""
    with Session.open(read_config(), write=False) as session:
        shown = run_called(options.run, session)
        steps = tuple(steps_of(session.store.journal(shown.id)))
    if options.json:
        from reconciler.report.json_out import run_document

        show_document(run_document(shown, steps))
    else:
        say(run_story(shown, steps, paint=paint_for(options, sys.stdout)))
    return Exit.OK
