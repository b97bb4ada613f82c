"""status_table: a line for each service. Pure."""

from collections.abc import Sequence
from datetime import datetime

from reconciler.core.status import State
from reconciler.report.paint import PLAIN, Paint
from reconciler.report.status_tree import COLOUR, Shown
from reconciler.report.texts import columns, moment, tail

_HEADS = ("service", "state", "status", "up", "drift", "since", "spec")
_STATE = {State.FAILED: "bad", State.DEGRADED: "bad", State.GONE: "warn", State.BUSY: "change", State.FROZEN: "head"}
_GAP = 2
_NARROW = 12
"""Columns that the spec's name gets at least, however narrow the terminal is."""


def status_table(shown: Sequence[Shown], *, paint: Paint = PLAIN, now: datetime | None = None, width: int = 0) -> str:
    """The table, ending in a newline. width: of the terminal, which the name of a spec then fits; 0 is none.

    up: how many resources are, of those that count. drift: how many are not as their spec says. since: the last known change.
    """
    head, *lines = columns([_HEADS, *(_row(one, now) for one in shown)])
    room = max(_NARROW, width - sum(map(len, head[:-1])) - _GAP * (len(head) - 1)) if width else 0
    told = [paint("faint", "  ".join(head).rstrip())]
    for one, cells in zip(shown, lines, strict=True):
        status = one.status
        meanings = ("strong", _STATE.get(one.state, ""), COLOUR[status.overall], "", "change", "", "faint")
        cells[-1] = tail(cells[-1].rstrip(), room)
        told.append("  ".join(_painted(paint, meaning, cell) for meaning, cell in zip(meanings, cells, strict=True)).rstrip())
    return "\n".join(told) + "\n"


def _row(one: Shown, now: datetime | None) -> tuple[str, ...]:
    status = one.status
    up = f"{status.up}/{len(status.counted)}"
    drift = str(status.drifted) if status.drifted else "-"
    return (status.service, one.state.value, status.overall.value, up, drift, moment(one.since, now) or "-", one.source)


def _painted(paint: Paint, meaning: str, cell: str) -> str:
    """A cell whose text is painted, and not what fills it up. Nothing is no drift."""
    text = cell.rstrip()
    return (text if text == "-" else paint(meaning, text)) + cell[len(text) :]
