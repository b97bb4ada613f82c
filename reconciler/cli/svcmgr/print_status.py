"""svcmgr print status: the tree of the reference."""

from __future__ import annotations

import argparse

from reconciler.cli.display import say
from reconciler.cli.exits import Exit
from reconciler.cli.request import globs_of
from reconciler.cli.svcmgr.seen import seen
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.report.svc_tree import svc_tree


def run(options: argparse.Namespace) -> Exit:
    """Show the tree of each service."""
    config = read_config()
    with Session.open(config, write=False) as session:
        shown = seen(session, config, globs_of(options))
    say("\n".join(svc_tree(status) for status, _ in shown))
    return Exit.OK
