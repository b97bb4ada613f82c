"""osvc show: one run of the past, step by step."""

from __future__ import annotations

import argparse
import sys

from reconciler.cli.display import paint_for, say, show_document
from reconciler.cli.exits import Exit
from reconciler.cli.past import past, steps_of
from reconciler.cli.verbs import Usage
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.report.history_text import run_story

_TOLD = 4
"""Of the runs that an ambiguous id may mean, at most."""


def run(options: argparse.Namespace) -> Exit:
    """The run whose id begins as given. Raises Usage when there is none, or more than one."""
    with Session.open(read_config(), write=False) as session:
        begins = "" if options.run == "last" else options.run
        found = session.store.runs(begins, limit=_TOLD if begins else 1)
        if not found:
            raise Usage(f"no run {options.run!r} is kept here; osvc history lists them")
        if len(found) > 1:
            raise Usage(f"several runs begin with {options.run!r}: {', '.join(one.id for one in found)}")
        shown = past(found[0], session)
        steps = tuple(steps_of(session.store.journal(shown.id)))
    if options.json:
        from reconciler.report.json_out import run_document

        show_document(run_document(shown, steps))
    else:
        say(run_story(shown, steps, paint=paint_for(options, sys.stdout)))
    return Exit.OK
