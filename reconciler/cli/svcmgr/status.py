"""svcmgr status: the status as a word, and its number in the reference as the exit code."""

from __future__ import annotations

import argparse

from reconciler.cli.display import say
from reconciler.cli.request import globs_of
from reconciler.cli.svcmgr.seen import seen
from reconciler.core.status import merge_all
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.report.svc_tree import CODES


def run(options: argparse.Namespace) -> int:
    """Of several services a line each, and the number of what they come to together, as resources of one do."""
    config = read_config()
    with Session.open(config, write=False) as session:
        shown = [status for status, _ in seen(session, config, globs_of(options))]
    one = len(shown) == 1
    say("".join(f"{item.overall.value}\n" if one else f"{item.service}: {item.overall.value}\n" for item in shown))
    options.told = True
    return CODES[merge_all(item.overall for item in shown)]
