"""log: the face that verbs of osvc have under svcmgr."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime

from reconciler.core.outcome import Event


def under_svcmgr(options: argparse.Namespace) -> bool:
    """Whether a verb was asked for in the words of the reference, and is followed in its form."""
    return bool(getattr(options, "svcmgr", False))


def as_logged(options: argparse.Namespace) -> Callable[[Event, datetime], str] | None:
    """What makes of an event lines of the reference's log; None for a verb of osvc itself."""
    if not under_svcmgr(options):
        return None
    from reconciler.cli.request import selection_of
    from reconciler.cli.svcmgr.already import already
    from reconciler.report.svc_log import SvcLog

    selection = selection_of(options)
    return SvcLog(lambda plan: already(plan, selection)).text
