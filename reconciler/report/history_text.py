"""history_text: what was done on this machine, run by run, and each run's steps with their commands. Pure."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from reconciler.core.past import Did, Past, Word
from reconciler.report.paint import PLAIN, Paint
from reconciler.report.texts import columns, duration, fitted, moment, plain

_BRIEF = 0.05
"""Seconds: what took less took no time."""
_COLOUR = {"converged": "good", "said": "good", "rolled back": "warn", "stopped": "warn", "": "bad"}


def history_text(runs: Sequence[Past | Word], *, paint: Paint = PLAIN, now: datetime | None = None, width: int = 0) -> str:
    """A line for each run, and for what a person said, ending in a newline. width: of the terminal, where a message that has no
    room in the line stands below it; 0 is none. now: for moments that have to be short."""
    if not runs:
        return "no runs: nothing was done here yet, or it is longer ago than the journal is kept\n"
    rows = _rows(runs, lambda run: local(run.began))
    if width and max(map(len, map(_line, rows))) > width:
        rows = _rows(runs, lambda run: moment(run.began, now))
    told = [fitted(paint("faint", _line(rows[0])), width)]
    for run, cells in zip(runs, rows[1:], strict=True):
        end = ", undone" if run.undone else ""
        bare = _line(cells) + end
        painted = fitted(_line([*cells[:-1], paint(_COLOUR.get(run.result, "bad"), run.became)]) + end, width)
        about = _first(run.message)
        if not about or not width or len(bare) + 2 + len(about) <= width:
            told.append(f"{painted}: {about}" if about else painted)
        else:
            told += [painted, fitted(f"    {about}", width, 4)]
    return "\n".join(told) + "\n"


def _rows(runs: Sequence[Past | Word], began: Callable[[Past | Word], str]) -> list[list[str]]:
    """The cells of the table, its head first."""
    rows = [(run.id, began(run), _lasted(run), run.service, run.does, run.by, run.became) for run in runs]
    return columns([("run", "began", "took", "service", "verb", "by", ""), *rows])


def _line(cells: Sequence[str]) -> str:
    return "  ".join(cells).rstrip()


def run_story(run: Past, steps: Sequence[Did], *, paint: Paint = PLAIN) -> str:
    """One run with all its steps, ending in a newline."""
    return "\n".join(line.rstrip() for line in _story(run, steps, paint)) + "\n"


def _story(run: Past, steps: Sequence[Did], paint: Paint) -> Iterator[str]:
    yield f"{paint('strong', run.service)}: {run_line(run, paint)}"
    yield from (f"  {line}" for line in plain(run.message).splitlines())
    if not steps:
        yield "  no step was tried"
    for step in steps:
        yield ""
        yield from step_lines(step)


def step_lines(step: Did) -> Iterator[str]:
    """What was done in one step, and what became of it."""
    took = f" ({duration(step.seconds)})" if step.seconds is not None and step.seconds >= _BRIEF else ""
    yield f"  {step.n:>3}  {_clock(step.at)}  {step.rid:<14} {step.became or 'nobody knows what became of it'}{took}"
    yield from (f"       $ {line}" for command in step.commands for line in command.splitlines())
    yield from (f"       {line}" for line in plain(step.message).splitlines())
    yield from (f"       undo $ {line}" for command in step.back for line in command.splitlines())


def run_line(run: Past, paint: Paint = PLAIN) -> str:
    """ "apply by alice, 2026-11-29 07:41:03, converged in 4 s"."""
    by = f" by {run.by}" if run.by else ""
    lasted = f" in {_lasted(run)}" if run.ended else ""
    undone = f"; undone by {run.undone}" if run.undone else ""
    return f"{run.does}{by}, {local(run.began)}, {paint(_COLOUR.get(run.result, 'bad'), run.became)}{lasted}{undone}"


def _first(text: str) -> str:
    return plain(text).partition("\n")[0]


def local(at: datetime) -> str:
    """ "2026-11-29 07:41:03", in the time zone of this machine."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _clock(at: str) -> str:
    return datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S")


def _lasted(run: Past | Word) -> str:
    return "" if run.seconds is None else duration(run.seconds)
