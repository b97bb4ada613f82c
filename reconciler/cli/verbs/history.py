"""osvc history: what was done on this machine, run by run."""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatchcase

from reconciler.cli.display import paint_for, say, show_document
from reconciler.cli.exits import Exit
from reconciler.cli.past import past
from reconciler.cli.request import globs_of, local_now
from reconciler.cli.terminal import width_of
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.report.history_text import history_text


def run(options: argparse.Namespace) -> Exit:
    """The newest runs first."""
    globs = globs_of(options)
    with Session.open(read_config(), write=False) as session:
        found = [
            one
            for one in session.store.runs(limit=0 if globs else options.number)
            if not globs or any(fnmatchcase(one.service, glob) for glob in globs)
        ]
        runs = [past(one, session) for one in found[: options.number or None]]
    if options.json:
        from reconciler.report.json_out import history_document

        show_document(history_document(runs))
    else:
        say(history_text(runs, paint=paint_for(options, sys.stdout), now=local_now(), width=width_of(sys.stdout)))
    return Exit.OK
