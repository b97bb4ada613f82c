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
from reconciler.core.past import Past, Word, ends
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.report.history_text import history_text


def run(options: argparse.Namespace) -> Exit:
    """The newest first: runs, and what persons said beside the specs, with the ends that it came to by itself."""
    globs = globs_of(options)
    with Session.open(read_config(), write=False) as session:
        runs, words = session.store.runs(limit=0 if globs else options.number), session.store.words()
        every: tuple[Past | Word, ...] = (*runs, *words, *ends(words, session.host.clock.now()))
        found = [one for one in every if not globs or any(fnmatchcase(one.service, glob) for glob in globs)]
        found.sort(key=lambda one: one.began, reverse=True)
        told = [past(one, session) if isinstance(one, Past) else one for one in found[: options.number or None]]
    if options.json:
        from reconciler.report.json_out import history_document

        show_document(history_document(told))
    else:
        say(history_text(told, paint=paint_for(options, sys.stdout), now=local_now(), width=width_of(sys.stdout)))
    return Exit.OK
