"""svcmon: a line for each service."""

from __future__ import annotations

import argparse

from reconciler.cli.display import say
from reconciler.cli.exits import Exit
from reconciler.cli.request import globs_of
from reconciler.cli.svcmgr.seen import seen
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.report.svc_table import Row, svc_table


def run(options: argparse.Namespace) -> Exit:
    """Show the table."""
    config = read_config()
    with Session.open(config, write=False) as session:
        shown = seen(session, config, globs_of(options))
    say(svc_table([Row(status, survey.target.service.env if survey.target.service else "") for status, survey in shown]))
    return Exit.OK
