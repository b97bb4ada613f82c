"""svc_log: what a run does, in the form of the reference's action log: time, level, what it is about, and what is done to it.

Each command stands on a line of its own, with what it said below "output:", up to an empty line.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from reconciler.core import shell
from reconciler.core.outcome import (
    Began,
    CommandBegan,
    CommandEnded,
    Event,
    Noticed,
    Outcome,
    Status,
    StepBegan,
    StepEnded,
    StepSaid,
    Undid,
    UndoBegan,
    Waiting,
)
from reconciler.core.plan import Plan, Step
from reconciler.core.trigger import Trigger
from reconciler.report.svc_words import said_by
from reconciler.report.texts import listed, plain

INFO: Final = "INFO"
WARNING: Final = "WARNING"
ERROR: Final = "ERROR"

_LEVEL_WIDTH: Final = 7
_BESIDE_NAME: Final = 8
"""So much wider than the service's name is the column of what a line is about."""


class SvcLog:
    """Turns the events of one verb into text. already: (rid, text) of each resource that a plan finds as it shall be."""

    def __init__(self, already: Callable[[Plan], Iterable[tuple[str, str]]] = lambda plan: ()) -> None:
        self._already = already
        self._told: dict[tuple[str, int], str] = {}
        """The steps at work of which a command has been told -> what the last one said."""

    def text(self, event: Event, now: datetime) -> str:
        """The lines of an event, each ending in a newline; "" where it has none."""
        return "".join(self._lines(event, now))

    def _lines(self, event: Event, now: datetime) -> Iterator[str]:
        name = event.service
        match event:
            case Noticed(text=text):
                yield line(now, WARNING, name, "", text)
            case Waiting(holder=holder):
                yield line(now, INFO, name, "", f"wait for another run: {holder}")
            case Began(round=1, plan=plan):
                yield from (line(now, INFO, name, rid, text) for rid, text in self._already(plan))
            case StepBegan(step=step):
                self._told.pop((name, step.n), None)
                if _unheard(step):
                    yield from self._commands(name, step, now)
            case CommandBegan(step=step, command=command):
                self._told[name, step.n] = ""
                yield line(now, INFO, name, step.rid, command)
            case CommandEnded(step=step, output=output):
                self._told[name, step.n] = output.strip()
                yield from _said(now, name, step.rid, output)
            case StepSaid(step=step, text=text):
                yield line(now, INFO, name, step.rid, text)
            case StepEnded(outcome=outcome):
                yield from self._ended(name, outcome, now)
            case UndoBegan(rid=rid, lane=lane):
                yield line(now, INFO, name, rid, f"trying to rollback {listed(lane)}")
            case Undid(step=step, action=action, error=error) if error:
                yield line(now, ERROR, name, step.rid, f"cannot undo ({action.says()}): {error}")
            case Undid(step=step, action=action):
                yield line(now, INFO, name, step.rid, f"undone: {action.says()}")

    def _commands(self, name: str, step: Step, now: datetime) -> Iterator[str]:
        """What does the same as a step that runs no command itself."""
        self._told[name, step.n] = ""
        commands = shell.commands_of(step.action.command()) if step.action.command() else [step.action.says()]
        yield from (line(now, INFO, name, step.rid, command) for command in commands)

    def _ended(self, name: str, outcome: Outcome, now: datetime) -> Iterator[str]:
        step, said = outcome.step, self._told.pop((name, outcome.step.n), None)
        match outcome.status:
            case Status.DONE:
                if said is None:
                    yield from self._commands(name, step, now)
                    del self._told[name, step.n]
                yield from _said(now, name, step.rid, said_by(step.action, outcome.after))
            case Status.FAILED:
                yield line(now, ERROR, name, step.rid, outcome.message)
                if outcome.output.strip() != said:
                    yield from _said(now, name, step.rid, outcome.output, ERROR)
            case Status.SKIPPED | Status.CANCELLED:
                why = f": {outcome.message}" if outcome.message else ""
                yield line(now, WARNING, name, step.rid, f"{step.action.says()}: {outcome.status.value}{why}")


def line(now: datetime, level: str, service: str, rid: str, text: str) -> str:
    """ "07:17:58 INFO    WEB.FS#1   mount /dev/vg/web /srv/web", with its newline."""
    name = f"{service}.{rid}" if rid else service
    return f"{now:%H:%M:%S} {level:<{_LEVEL_WIDTH}} {name.upper():<{len(service) + _BESIDE_NAME}} {plain(text)}".rstrip() + "\n"


def _said(now: datetime, service: str, rid: str, output: str, level: str = INFO) -> Iterator[str]:
    """What a command said; nothing where it said nothing."""
    if output.strip():
        yield line(now, level, service, rid, "output:")
        yield "".join(f"{text.rstrip()}\n" for text in plain(output).strip("\n").split("\n")) + "\n"


def _unheard(step: Step) -> bool:
    """Whether a step is done without a command of the machine, so that what does the same is told at its beginning: an engine is
    asked by its API; and a trigger's command tells itself what it says."""
    return isinstance(step.action, Trigger) or step.action.command().startswith("docker ")
