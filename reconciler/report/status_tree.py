"""status_tree: each service and its resources as a tree, in the layout that operators of the reference know."""

from collections.abc import Iterator
from datetime import datetime

from reconciler.core.lazy import dataclass
from reconciler.core.policy import Aim
from reconciler.core.status import ResourceStatus, ServiceStatus, State, Status
from reconciler.report.paint import PLAIN, Paint
from reconciler.report.plan_text import ban_text, stopped_text
from reconciler.report.texts import duration, folded, plain, tail

COLOUR = {
    Status.UP: "good",
    Status.DOWN: "bad",
    Status.WARN: "warn",
    Status.UNKNOWN: "unsure",
    Status.NA: "faint",
    Status.UNDEF: "faint",
    Status.STDBY_UP: "good",
    Status.STDBY_DOWN: "bad",
}
"""Of each word, what paint makes of it."""
_HEALTH = {"unhealthy": "bad", "starting": "warn"}

_STATUS_AT = 26
_STATUS_WIDTH = 9
_FLAGS_WIDTH = 5
_NARROW = 24
"""Columns that a text gets at least, however narrow the terminal is."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A service in the tree. source: where its spec is. note: what is to be known of the service as a whole; remedy: what to do.

    state: how it stands with it as a whole. changed: when a run last did anything to it; None where none is known.
    """

    status: ServiceStatus
    source: str = ""
    note: str = ""
    remedy: str = ""
    state: State = State.STARTED
    changed: datetime | None = None

    @property
    def since(self) -> datetime | None:
        """The last change that is known: of a run, of what is wanted, or that something came up by itself."""
        frozen = self.status.frozen.at if self.status.frozen is not None else None
        moments = (self.changed, self.status.plan.goal.at, frozen, *(line.since for line in self.status.resources))
        return max((at for at in moments if at is not None), default=None)


def status_tree(shown: Shown, *, paint: Paint = PLAIN, now: datetime | None = None, width: int = 0) -> str:
    """The tree of one service, ending in a newline. width: of the terminal; 0 is none, and every line is as long as it is."""
    return "\n".join(line.rstrip() for line in _Tree(shown, paint, now, width).lines()) + "\n"


class _Tree:
    def __init__(self, shown: Shown, paint: Paint, now: datetime | None, width: int) -> None:
        self.shown, self.paint, self.now, self.width = shown, paint, now, width
        status = shown.status
        self.flags = {line.rid: line.common.flags for line in status.resources}
        self.flagged = _FLAGS_WIDTH if any(flag.strip(".") for flag in self.flags.values()) else 0
        rids = (len(line.rid) + 4 + self.flagged for line in status.resources)
        self.at = max([_STATUS_AT, len(status.service) + 1, *rids])
        self.room = max(_NARROW, width - self.at - _STATUS_WIDTH) if width else 0
        """Behind the column of the status."""

    def lines(self) -> Iterator[str]:
        shown, status, paint = self.shown, self.shown.status, self.paint
        goal = status.plan.goal
        said = {Aim.DOWN: stopped_text(goal, self.now), Aim.NONE: goal.alone}.get(goal.aim)
        first, *more = [tail(shown.source, self.room)] if said is None else folded(said, self.room)
        name = f"{paint('strong', status.service)}{'':<{self.at - len(status.service)}}"
        yield f"{name}{self._word(status.overall)}{paint('faint', first)}"
        yield from (self._under("|", paint("faint", line)) for line in more)
        if goal.aim is Aim.DOWN:
            yield from self._told("|", "#", "", f"osvc start {status.service}")
        if status.frozen is not None:
            yield from self._told("|", "#", ban_text("frozen", status.frozen, self.now), f"osvc thaw {status.service}")
        if shown.note:
            yield from self._told("|", "#", shown.note, shown.remedy)
        for number, line in enumerate(status.resources):
            yield from self._resource(line, last=number == len(status.resources) - 1)

    def _resource(self, line: ResourceStatus, *, last: bool) -> Iterator[str]:
        bar = " " if last else "|"
        name = f"{line.rid:<{self.at - 3 - self.flagged}}" + (f"{self.flags[line.rid]} " if self.flagged else "")
        first, *more = self._label(line)
        yield f"{chr(39) if last else '|'}- {name}{self._word(line.status)}{first}"
        yield from (self._under(bar, text) for text in more)
        reason = ban_text("disabled", line.ban, self.now) if line.ban is not None else line.reason
        if reason or line.remedy:
            yield from self._told(bar, "≠" if line.drifted else "#", reason, line.remedy)
            yield from (self._under(bar, f"  {part}") for words in line.words for part in self._folded(f"| {plain(words)}"))

    def _label(self, line: ResourceStatus) -> list[str]:
        """What it is, and how it is with it: in a line, or what does not fit below."""
        age = f"for {duration(max(0, int((self.now - line.since).total_seconds())))}" if self.now and line.since else ""
        marks = [("faint", "" if line.owned else "(not ours)"), ("faint", age), (_HEALTH.get(line.health, "faint"), line.health)]
        marks = [(meaning, text) for meaning, text in marks if text]
        said = ", ".join(text for _, text in marks)
        painted = ", ".join(self.paint(meaning, text) for meaning, text in marks)
        if not said:
            return folded(line.label, self.room)
        if not line.label or not self.room or len(line.label) + 2 + len(said) <= self.room:
            return [f"{line.label}  {painted}".strip()]
        return [*folded(line.label, self.room), painted]

    def _told(self, bar: str, mark: str, reason: str, remedy: str) -> Iterator[str]:
        """A reason and what to do about it. A command is never parted: where it is too long for its column it begins before it."""
        lines = plain(reason).splitlines()
        sign, remedy = self.paint("change" if mark == "≠" else "faint", mark), f"→ {plain(remedy)}" if remedy else ""
        if remedy and lines and (not self.room or len(lines[-1]) + 3 + len(remedy) <= self.room):
            lines[-1], remedy = f"{lines[-1]} {remedy}", ""
        parts = [part for line in lines for part in self._folded(line)]
        for number, part in enumerate(parts):
            yield self._under(bar, f"{sign if number == 0 else ' '} {part}")
        if remedy:
            left = max(0, len(remedy) + 2 - self.room) if self.room else 0
            yield self._under(bar, f"{' ' if parts else sign} {remedy}", left)

    def _folded(self, text: str) -> list[str]:
        """Beside a mark."""
        return folded(text, max(0, self.room - 2))

    def _under(self, bar: str, text: str, left: int = 0) -> str:
        """A line below a status, in the column behind it; so much more to the left, as far as there is room."""
        return f"{bar:<{max(3, self.at + _STATUS_WIDTH - left)}}{text}"

    def _word(self, status: Status) -> str:
        return self.paint(COLOUR[status], status.value) + " " * max(1, _STATUS_WIDTH - len(status.value))
