"""run_text: what a run is doing, a line for each event, and what it came to. Pure."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from reconciler.core.outcome import (
    Began,
    End,
    Event,
    Noticed,
    Outcome,
    Result,
    Status,
    StepBegan,
    StepEnded,
    StepMoved,
    StepSaid,
    Undid,
    UndoBegan,
    Waiting,
)
from reconciler.report.paint import PLAIN, Paint
from reconciler.report.texts import amount, duration, listed, many, plain

_SLOW = 2.0
"""A step that took longer says when it is done."""


def progress_line(event: Event, now: datetime | None, *, verbose: bool = False) -> str | None:
    """ "12:03:11 web container#1 create busybox:latest"; None for what needs no line. now: None where whoever reads it keeps the
    time. verbose: each step says when it is done."""
    said = _said(event, 0.0 if verbose else _SLOW)
    return " ".join(filter(None, (f"{now:%H:%M:%S}" if now else "", event.service, plain(said)))) if said else None


def moving_line(event: StepMoved) -> str:
    """ "web container#1: 2 of 5 layers, 12.4 of 48.0 MiB: pull busybox:latest": what stands until there is news. What is long comes
    last, for it may be cut off."""
    step, progress = event.step, event.progress
    loaded = f", {amount(progress.current, progress.size)}" if progress.size else ""
    far = f"{progress.done} of {progress.total} {progress.unit}{loaded}"
    return f"{event.service} {step.rid}: {far}: {plain(step.action.says())}"


def _said(event: Event, slow: float) -> str:
    match event:
        case Noticed(text=text):
            return text
        case Waiting(holder=holder):
            return f"waits for another run: {holder}"
        case Began(round=number, plan=plan) if number > 1 and plan.steps:
            return f"looked again: {many(len(plan.steps), 'step')} more"
        case StepBegan(step=step):
            return f"{step.rid} {step.action.says()}"
        case StepSaid(step=step, text=text):
            return f"{step.rid} {text}"
        case StepEnded(outcome=outcome):
            return _ended(outcome, slow)
        case UndoBegan(rid=rid, lane=lane):
            return f"{rid} is not done: undoing {listed(lane)}"
        case Undid(step=step, action=action, error=error):
            return f"{step.rid} cannot undo ({action.says()}): {error}" if error else f"{step.rid} undone: {action.says()}"
        case _:
            return ""


def _ended(outcome: Outcome, slow: float) -> str:
    what = f"{outcome.step.rid} {outcome.step.action.says()}"
    match outcome.status:
        case Status.FAILED:
            return f"{outcome.step.rid} failed: {_failure(outcome)}"
        case Status.DONE:
            return f"{what}: done in {duration(outcome.seconds)}" if outcome.seconds >= slow else ""
        case Status.ALREADY | Status.UNDONE:
            return ""
        case _:
            return f"{what}: {outcome.status.value}" + (f": {outcome.message}" if outcome.message else "")


def _failure(outcome: Outcome) -> str:
    """ "cannot start web: exited right after its start"; a message that says so itself is left as it is."""
    message = plain(outcome.message)
    return message if message.startswith("cannot ") else f"cannot {outcome.step.action.says()}: {message}"


def result_text(result: Result, *, paint: Paint = PLAIN) -> str:
    """What the run came to, ending in a newline: a line when all is well, what failed and what was undone when not."""
    return "\n".join(_result_lines(result, paint)) + "\n"


def _result_lines(result: Result, paint: Paint) -> Iterator[str]:
    name = result.service
    if result.end is End.CONVERGED:
        yield f"{name}: {paint('good', _converged(result))}"
        yield from _failures(result)
        yield from _left(result)
        if result.failures and result.casefile:
            yield f"  case file: {result.casefile}"
        return
    told = any(outcome.message and outcome.message in result.message for outcome in result.failures)
    yield f"{name}: {paint('bad', result.end.value)}" + (f": {plain(result.message)}" if result.message and not told else "")
    yield from _failures(result)
    for step in result.uncovered:
        yield f"  not shown before: {step.rid} {step.action.says()}"
    yield from _left_open(result)
    undone = Counter(outcome.step.rid for outcome in result.outcomes if outcome.status is Status.UNDONE)
    if undone:
        said = [f"{many(count, 'step')} of {rid}" for rid, count in undone.items()]
        yield f"  undone: {', '.join(said)}"
    yield from _left(result)
    if not result.undone:
        yield f"  {'undoing is not complete' if undone else 'nothing was undone'}: look at the plan before you go on"
    elif result.held:
        yield "  rollback is off: what was done stays as it is"
    if result.casefile:
        yield f"  case file: {result.casefile}"
    yield f"  → {result.remedy or f'osvc plan -s {name}'}"


def _failures(result: Result) -> Iterator[str]:
    for outcome in result.failures:
        yield f"  {outcome.step.rid}: {_failure(outcome)}"
        for line in plain(outcome.output).splitlines():
            if line.strip(" .") not in outcome.message:
                yield f"    | {line}"


def _left(result: Result) -> Iterator[str]:
    """What was not led back, although it should have been."""
    for left in result.left:
        yield f"  {plain(left.says())}"
        for command in left.commands:
            yield f"    $ {command}"


def _converged(result: Result) -> str:
    failed = list(dict.fromkeys(outcome.step.rid for outcome in result.failures))
    return _did(result) + (f", without {listed(failed)}, which {'are' if len(failed) > 1 else 'is'} optional" if failed else "")


def _did(result: Result) -> str:
    if not result.touched:
        return "nothing to do" if not result.outcomes else f"converged in {duration(result.seconds)}, nothing touched"
    count = len(result.plan.changes) if result.plan is not None else 0
    of = f" of {count}" if count else ""
    return f"converged in {duration(result.seconds)}, {len(result.touched)}{of} touched"


def _left_open(result: Result) -> Iterator[str]:
    for change in result.plan.open if result.plan is not None else ():
        what = f" → {change.remedy}" if change.remedy else ""
        yield f"  {change.rid}: {change.verdict.value}: {plain(change.reason)}{what}"


def summary(results: tuple[Result, ...], seconds: float) -> str:
    """The last line of a run over several services: "3 services: 2 converged, 1 locked; 3 of 50 touched in 4.1 s"; "" of one.
    A service that was worked on again, for something else, counts once: as it ended the first time."""
    services: dict[str, list[Result]] = {}
    for result in results:
        services.setdefault(result.service, []).append(result)
    if len(services) < 2:
        return ""
    counts = [(end.value, sum(each[0].end is end for each in services.values())) for end in End]
    said = ", ".join(f"{count} {word}" for word, count in counts if count)
    touched = [len(frozenset[str]().union(*(result.touched for result in each))) for each in services.values()]
    known = [max(len(result.plan.changes) if result.plan else 0 for result in each) for each in services.values()]
    of = sum(map(max, known, touched))
    return f"{many(len(services), 'service')}: {said}; {sum(touched)} of {of} touched in {duration(seconds)}\n"
