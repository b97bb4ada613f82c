"""status_tree: each service and its resources as a tree, in the layout that operators of the reference know."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from reconciler.core.common import Common
from reconciler.core.policy import Aim
from reconciler.core.status import ResourceStatus, ServiceStatus, Status
from reconciler.report.paint import PLAIN, Paint
from reconciler.report.plan_text import stopped_text
from reconciler.report.texts import plain

_COLOUR = {
    Status.UP: "good",
    Status.DOWN: "bad",
    Status.WARN: "warn",
    Status.UNKNOWN: "warn",
    Status.NA: "faint",
    Status.UNDEF: "faint",
    Status.STDBY_UP: "good",
    Status.STDBY_DOWN: "bad",
}

_STATUS_AT = 26
_STATUS_WIDTH = 9
_FLAGS_WIDTH = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """A service in the tree. source: where its spec is. note: what is to be known of the service as a whole; remedy: what to do."""

    status: ServiceStatus
    source: str = ""
    note: str = ""
    remedy: str = ""


def status_tree(shown: Shown, *, paint: Paint = PLAIN, now: datetime | None = None) -> str:
    """The tree of one service, ending in a newline."""
    return "\n".join(line.rstrip() for line in _lines(shown, paint, now)) + "\n"


def _lines(shown: Shown, paint: Paint, now: datetime | None) -> Iterator[str]:
    status = shown.status
    flags = {line.rid: _flags(line.common) for line in status.resources}
    flagged = _FLAGS_WIDTH if any(flag.strip(".") for flag in flags.values()) else 0
    at = max([_STATUS_AT, len(status.service) + 1, *(len(line.rid) + 4 + flagged for line in status.resources)])
    goal = status.plan.goal
    extra = {Aim.DOWN: stopped_text(goal, now), Aim.NONE: goal.reason}.get(goal.aim, shown.source)
    yield f"{paint('strong', status.service)}{'':<{at - len(status.service)}}{_word(status.overall, paint)}{paint('faint', extra)}"
    if goal.aim is Aim.DOWN:
        yield f"|{'':<{at + _STATUS_WIDTH - 1}}# → osvc start {status.service}"
    if shown.note:
        yield f"|{'':<{at + _STATUS_WIDTH - 1}}# {plain(_told(shown.note, shown.remedy))}"
    for number, line in enumerate(status.resources):
        last = number == len(status.resources) - 1
        name = f"{line.rid:<{at - 3 - flagged}}" + (f"{flags[line.rid]} " if flagged else "")
        yield f"{chr(39) if last else '|'}- {name}{_word(line.status, paint)}{line.label}{_marks(line)}"
        if line.reason or line.remedy:
            mark = "≠" if line.drifted else "#"
            bar = "   " if last else "|  "
            first, *more = plain(_told(line.reason, line.remedy)).splitlines() or [""]
            yield f"{bar}{'':<{at + _STATUS_WIDTH - 3}}{mark} {first}"
            for text in (*more, *(f"| {plain(words)}" for words in line.words)):
                yield f"{bar}{'':<{at + _STATUS_WIDTH - 3}}  {text}"


def _word(status: Status, paint: Paint) -> str:
    return paint(_COLOUR[status], status.value) + " " * max(1, _STATUS_WIDTH - len(status.value))


def _flags(common: Common) -> str:
    """What is said of a resource, in the reference's places: monitored, disabled, optional, and encapsulated, which none is yet."""
    said = ((common.monitor, "M"), (common.disable, "D"), (common.dispensable, "O"), (False, "E"))
    return "".join(sign if holds else "." for holds, sign in said)


def _marks(line: ResourceStatus) -> str:
    return "" if line.owned else "  (not ours)"


def _told(reason: str, remedy: str) -> str:
    if not remedy:
        return reason
    return f"{reason} → {remedy}" if reason else f"→ {remedy}"
