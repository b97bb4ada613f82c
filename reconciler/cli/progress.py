"""Progress: how a run is followed while it is at work."""

from __future__ import annotations

import argparse
import sys

from reconciler.cli.below import Below
from reconciler.cli.display import paint_for, show_line
from reconciler.cli.request import local_now
from reconciler.cli.svcmgr.log import as_logged
from reconciler.cli.terminal import moves_cursor
from reconciler.cli.voice import in_json, marked, to_journal
from reconciler.core.level import Level, level_of
from reconciler.core.outcome import Ended, Event, OnEvent, StepEnded, StepMoved, silent
from reconciler.report.json_out import event_record
from reconciler.report.run_text import moving_line, progress_line, result_text


def listener(options: argparse.Namespace, *, ends: bool = False) -> OnEvent:
    """What follows a run: JSON lines on stdout, or plain lines on stderr; under svcmgr the reference's log, on stdout. It never
    raises: a reader who left ends no run.

    How far what takes long is stands below the lines on a terminal, and nowhere else. With `--quiet` only what goes wrong is told.
    Where stderr is for JSON lines, those of the log are there already.
    ends: also tell what each run came to, where nobody else does (watch).
    """
    logged = as_logged(options)
    nothing = options.quiet if options.json else in_json() and logged is None
    if nothing:
        return silent
    gone, paint = False, paint_for(options, sys.stderr)
    stream = sys.stderr if logged is None else sys.stdout
    below, moves = Below(stream), moves_cursor(stream) and not options.quiet
    journal = to_journal()

    def text_of(event: Event) -> str:
        now = local_now()
        if logged is not None:
            return logged(event, now)
        line = progress_line(event, None if journal else now, verbose=options.verbose) or ""
        if not line and ends and isinstance(event, Ended):
            result = result_text(event.result, paint=paint).rstrip("\n")
            line = result if journal else f"{now:%H:%M:%S} {result}"
        return f"{marked(line, level_of(event))}\n" if line else ""

    def tell(event: Event) -> None:
        if isinstance(event, StepMoved):
            if moves:
                below.stand((event.service, event.step.rid), moving_line(event))
            return
        if options.quiet and level_of(event) > Level.WARNING:
            return
        done = (event.service, event.outcome.step.rid) if isinstance(event, StepEnded) else None
        sys.stdout.flush()
        below.write(text_of(event), without=done)

    def on_event(event: Event) -> None:
        nonlocal gone
        if gone:
            return
        try:
            if options.json:
                show_line(event_record(event, local_now()))
            else:
                tell(event)
        except OSError:
            gone = True

    return on_event
