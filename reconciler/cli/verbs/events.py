"""osvc events: what the agent of this node does and notices, as it happens."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from reconciler.agent.call import NoAgent, Unanswered, call
from reconciler.agent.protocol import PROTOCOL
from reconciler.cli.display import paint_for, show_line
from reconciler.cli.exits import Exit
from reconciler.cli.request import globs_of
from reconciler.engine.config import read_config
from reconciler.engine.errors import EngineError
from reconciler.report.events_text import event_line
from reconciler.report.json_out import results_record

_PATIENCE = 10.0
"""Seconds for the agent to take us in: whoever does so may be at a look."""


def run(options: argparse.Namespace) -> Exit:
    """Until the agent ends, or a signal ends it. Raises EngineError where there is no agent, or it is gone without a word."""
    globs, paint = globs_of(options), paint_for(options, sys.stdout)
    request: dict[str, object] = {"protocol": PROTOCOL, "verb": "events"}
    last: object = None
    try:
        for record in call(read_config().run_dir, request, hearing=_PATIENCE, within=None):
            last = record["event"]
            if globs and last not in _OF_THE_STREAM and not _is_of(record, globs):
                continue
            if options.json:
                show_line(record)
            elif line := event_line(record, paint=paint):
                print(line, flush=True)
    except NoAgent as err:
        raise EngineError(f"cannot follow it: {err} → systemctl start osvc, or: osvc agent") from None
    except Unanswered as err:
        raise EngineError(f"cannot follow it: {err}") from None
    if last != _END:
        raise EngineError("cannot follow it any further: the agent is gone")
    if options.json:
        show_line(results_record((), (), Exit.OK))
    return Exit.OK


def _is_of(record: Mapping[str, Any], globs: Sequence[str]) -> bool:
    """Whether an event is of a service that is meant; one that does not name all of its services may be."""
    services = [str(record.get("service", "")), *record.get("services", ())]
    more = record.get("left_out", {}).get("services", 0)
    return more > 0 or any(fnmatchcase(service, glob) for service in services for glob in globs)


_END = "agent ended"
_OF_THE_STREAM = ("lost", _END)
"""What is told of the stream itself, and so to everybody."""
