"""svc_tree: a service and its resources as the reference's `print status` shows them, column for column. Pure.

A resource has a line, and a line for each thing that is to be known of it. What osvc knows beside the reference (that something is
unknown, differs from its spec, must not be touched) stands in such lines, with what to do.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from reconciler.core.change import Verdict
from reconciler.core.observed import Present
from reconciler.core.status import ResourceStatus, ServiceStatus, Status, merge_all
from reconciler.report import svc_words
from reconciler.report.texts import plain

_STATUS_AT: Final = 26
_TEXT_AT: Final = 35
_RID_WIDTH: Final = 14

CODES: Final = {
    Status.UP: 0,
    Status.DOWN: 1,
    Status.WARN: 2,
    Status.NA: 3,
    Status.UNDEF: 5,
    Status.UNKNOWN: 5,
    Status.STDBY_UP: 6,
    Status.STDBY_DOWN: 7,
}
"""Exit codes of the reference's `status`. It has no word for what cannot be told: that is undefined."""


_HINDERED: Final = (Verdict.REFUSE, Verdict.DEFER)


class SvcStatus(NamedTuple):
    """A service as the reference counts it. lines: what has a line, in the order of the tree. notes: of the service as a whole."""

    service: str
    avail: Status
    overall: Status
    lines: tuple[ResourceStatus, ...]
    status: ServiceStatus
    notes: tuple[str, ...] = ()


def svc_status(status: ServiceStatus, notes: tuple[str, ...] = ()) -> SvcStatus:
    """A service's status without its engine, unless there is something to be told of that."""
    lines = sorted((line for line in status.resources if line.type != svc_words.ENGINE or _told(line, status)), key=_place)
    avail = merge_all(line.status for line in lines if not line.common.dispensable)
    overall = merge_all(line.status for line in lines)
    drifted = any(line.drifted for line in lines) and overall in (Status.UP, Status.STDBY_UP)
    return SvcStatus(status.service, avail, Status.WARN if drifted else overall, tuple(lines), status, notes)


def _place(line: ResourceStatus) -> int:
    order = svc_words.ORDER
    return order.index(line.type) if line.type in order else len(order)


def _told(line: ResourceStatus, status: ServiceStatus) -> bool:
    """Whether something is to be told of an engine that its containers do not tell."""
    differs = line.drifted and line.status is Status.UP
    return differs or line.status in (Status.WARN, Status.UNKNOWN) or status.plan.change(line.rid).verdict in _HINDERED


def svc_tree(shown: SvcStatus) -> str:
    """The tree of one service, ending in a newline."""
    return "\n".join(line.rstrip() for line in _lines(shown)) + "\n"


def _lines(shown: SvcStatus) -> Iterator[str]:
    yield shown.service
    yield f"{'overall':<{_STATUS_AT}}{shown.overall.value}"
    for note in shown.notes:
        yield from _messages("|", note)
    yield f"{'|- avail':<{_STATUS_AT}}{shown.avail.value}"
    engine_up = any(line.type == svc_words.ENGINE and line.status is Status.UP for line in shown.status.resources)
    for number, line in enumerate(shown.lines):
        last = number == len(shown.lines) - 1
        change = shown.status.plan.change(line.rid)
        head = f"|  {chr(39) if last else '|'}- {line.rid:<{_RID_WIDTH}} {line.common.flags} {line.status.value:<8} "
        yield head + svc_words.label_of(change, line.label) + ("" if line.owned else "  (not ours)")
        bar = "|" if last else "|  |  |" if line.type == "container" else "|  |"
        for message in _reasons(shown, line, engine_up):
            yield from _messages(bar, message)
    yield f"{'|- sync':<{_STATUS_AT}}{Status.NA.value}"
    yield f"{chr(39) + '- hb':<{_STATUS_AT}}{Status.NA.value}"


def _messages(bar: str, text: str) -> Iterator[str]:
    for number, line in enumerate(plain(text).splitlines()):
        yield f"{bar:<{_TEXT_AT}}{'  ' if number else '# '}{line}"


def _reasons(shown: SvcStatus, line: ResourceStatus, engine_up: bool) -> Iterator[str]:
    """What is to be known of a resource. That one is down needs no reason, where bringing it up is all that is to be done."""
    change = shown.status.plan.change(line.rid)
    down = line.status in (Status.DOWN, Status.STDBY_DOWN)
    lacks = svc_words.lacks(change, engine_up) if down else ""
    if lacks:
        yield lacks
    hindered = change.verdict in _HINDERED
    died = line.type in ("container", "app") and isinstance(change.observed, Present)
    if line.reason and (hindered or died or not down):
        yield f"{line.reason} → {line.remedy}" if line.remedy and (hindered or not down) else line.reason
    yield from (f"| {words}" for words in line.words)
