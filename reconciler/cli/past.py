"""Past: what the store kept of runs, as reports show it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from reconciler.cli.verb import Usage
from reconciler.core.past import Did, Past
from reconciler.engine.journal import Entry
from reconciler.engine.session import Session

_TOLD = 4
"""Of the runs that an ambiguous id may mean, at most."""
_LATELY = 20
"""More runs than a verb has at work at once."""


def past(run: Past, session: Session) -> Past:
    """The run, with what has undone it, and with whether it is at work: its service is locked, and it has not ended."""
    works = run.ended is None and bool(session.holder(run.service)) and _newest(run, session)
    return replace(run, works=works, undone=session.store.undone_by(run.id))


def run_called(name: str, session: Session) -> Past:
    """The run whose id begins like this; the newest when it is called last. Raises Usage when there is none, or more than one."""
    begins = "" if name == "last" else name
    found = session.store.runs(begins, limit=_TOLD if begins else 1)
    if not found:
        raise Usage(f"no run {name!r} is kept here; osvc history lists them")
    if len(found) > 1:
        raise Usage(f"several runs begin with {name!r}: {', '.join(one.id for one in found)}")
    return past(found[0], session)


def runs_beside(run: Past, session: Session) -> tuple[Past, ...]:
    """The runs of other services that the same verb had at work when this one began."""
    return tuple(
        one
        for one in session.store.runs(limit=_LATELY)
        if one.service != run.service and (one.verb, one.by) == (run.verb, run.by) and (one.ended is None or one.ended >= run.began)
    )


def _newest(run: Past, session: Session) -> bool:
    last = session.store.last_run(run.service)
    return last is not None and last[0] == run.id


def steps_of(journal: Iterable[Entry]) -> Iterator[Did]:
    """The steps of a run's journal, in the order in which they were begun. A step of a later round has its number anew."""
    begun: list[tuple[Entry, list[Entry]]] = []
    for entry in journal:
        if entry.phase == "intend":
            begun.append((entry, []))
            continue
        for intent, after in reversed(begun):
            if (intent.step, intent.rid, intent.op) == (entry.step, entry.rid, entry.op):
                after.append(entry)
                break
    for intent, after in begun:
        end = next((entry for entry in after if not _of_undo(entry)), None)
        undone = next((entry for entry in after if entry.phase == "undone"), None)
        failed = next((entry for entry in after if _of_undo(entry) and entry.phase != "undone"), None)
        became = "" if end is None else end.phase
        if undone is not None:
            became = "undone" if became == "done" else f"{became}, undone"
        words = [entry.message for entry in (end, failed) if entry is not None and entry.message]
        yield Did(
            intent.step,
            intent.rid,
            intent.at,
            None if end is None else end.seconds,
            became,
            tuple(filter(None, (intent.message,))),
            "\n".join(words),
            tuple(undone.message.splitlines()) if undone is not None else (),
        )


def _of_undo(entry: Entry) -> bool:
    return entry.phase == "undone" or entry.message.startswith("undo: ")
