"""history_text: what was done on this machine, run by run, and each run's steps with their commands. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.report.paint import PLAIN, Paint
from reconciler.report.texts import duration, plain

_BRIEF = 0.05
"""Seconds: what took less took no time."""
_COLOUR = {"converged": "good", "rolled back": "warn", "stopped": "warn", "": "bad"}


@dataclass(frozen=True, slots=True)
class Past:
    """A run. ended: None without an end; works: whether it goes on just now. result: converged, rolled back, …"""

    id: str
    service: str
    verb: str
    by: str
    began: datetime
    ended: datetime | None
    result: str
    message: str
    works: bool = False

    @property
    def became(self) -> str:
        """What it came to, in a word or two."""
        return "at work" if self.works else self.result or "died"


@dataclass(frozen=True, slots=True)
class Did:
    """A step of a run. became: done, already, failed, undone; "" when nobody knows. commands: that it was done with.

    back: the commands that led it back.
    """

    n: int
    rid: str
    at: str
    seconds: float | None
    became: str
    commands: tuple[str, ...]
    message: str = ""
    back: tuple[str, ...] = ()


def history_text(runs: Sequence[Past], *, paint: Paint = PLAIN) -> str:
    """A line for each run, ending in a newline."""
    if not runs:
        return "no runs: nothing was done here yet, or it is longer ago than the journal is kept\n"
    rows = [(run.id, _moment(run.began), _lasted(run), run.service, run.verb, run.by, run.became) for run in runs]
    heads = ("run", "began", "took", "service", "verb", "by", "")
    widths = [max(len(row[at]) for row in (heads, *rows)) for at in range(len(heads))]
    lines = [paint("faint", "  ".join(f"{word:<{width}}" for word, width in zip(heads, widths, strict=True)).rstrip())]
    for run, row in zip(runs, rows, strict=True):
        cells = [f"{word:<{width}}" for word, width in zip(row, widths, strict=True)]
        cells[-1] = paint(_COLOUR.get(run.result, "bad"), run.became)
        about = f": {_first(run.message)}" if run.message else ""
        lines.append("  ".join(cells).rstrip() + about)
    return "\n".join(lines) + "\n"


def run_story(run: Past, steps: Sequence[Did], *, paint: Paint = PLAIN) -> str:
    """One run with all its steps, ending in a newline."""
    return "\n".join(line.rstrip() for line in _story(run, steps, paint)) + "\n"


def _story(run: Past, steps: Sequence[Did], paint: Paint) -> Iterator[str]:
    by = f" by {run.by}" if run.by else ""
    yield (
        f"{paint('strong', run.service)}: {run.verb}{by}, {_moment(run.began)}, {paint(_COLOUR.get(run.result, 'bad'), run.became)}"
        + (f" in {_lasted(run)}" if run.ended else "")
    )
    yield from (f"  {line}" for line in plain(run.message).splitlines())
    if not steps:
        yield "  no step was tried"
    for step in steps:
        took = f" ({duration(step.seconds)})" if step.seconds is not None and step.seconds >= _BRIEF else ""
        yield ""
        yield f"  {step.n:>3}  {_clock(step.at)}  {step.rid:<14} {step.became or 'nobody knows what became of it'}{took}"
        yield from (f"       $ {line}" for command in step.commands for line in command.splitlines())
        yield from (f"       {line}" for line in plain(step.message).splitlines())
        yield from (f"       undo $ {line}" for command in step.back for line in command.splitlines())


def _first(text: str) -> str:
    return plain(text).partition("\n")[0]


def _moment(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _clock(at: str) -> str:
    return datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S")


def _lasted(run: Past) -> str:
    return duration((run.ended - run.began).total_seconds()) if run.ended else ""
