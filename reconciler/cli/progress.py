"""Progress: how a run is followed while it is at work."""

from __future__ import annotations

import argparse
import sys

from reconciler.cli.display import note, paint_for, show_line
from reconciler.cli.request import local_now
from reconciler.core.outcome import Ended, Event, OnEvent
from reconciler.report.json_out import event_record
from reconciler.report.run_text import progress_line, result_text


def listener(options: argparse.Namespace, *, ends: bool = False) -> OnEvent:
    """What follows a run: JSON lines on stdout, or plain lines on stderr. It never raises: a reader who left ends no run.

    ends: also tell what each run came to, where nobody else does (watch).
    """
    gone, paint = False, paint_for(options, sys.stderr)

    def on_event(event: Event) -> None:
        nonlocal gone
        if gone:
            return
        try:
            now = local_now()
            if options.json:
                show_line(event_record(event, now))
            elif line := progress_line(event, now):
                note(line)
            elif ends and isinstance(event, Ended):
                note(f"{now:%H:%M:%S} {result_text(event.result, paint=paint)}".rstrip("\n"))
        except OSError:
            gone = True

    return on_event
