"""why_text: all about one resource, as people read it. Pure."""

from collections.abc import Iterator
from datetime import datetime

from reconciler.core.change import Verdict
from reconciler.core.facts import Bond, Fact, Kind
from reconciler.core.observed import Unknown
from reconciler.core.policy import Aim
from reconciler.core.service import Service
from reconciler.core.why import Needed, Why
from reconciler.report.history_text import local, run_line, step_lines
from reconciler.report.paint import PLAIN, Paint
from reconciler.report.plan_text import ban_text, field_lines, reason_text, resource_evidence, stopped_text
from reconciler.report.texts import plain

_WIDTH = 11
"""Of the words at the left."""

WITH_IT = {Bond.HOLD: "goes down with it", Bond.ORDER: "comes after it"}
"""What becomes of whoever needs something, by its bond."""
_INSIDE = (Kind.NETWORK, Kind.VOLUME)
"""Facts whose key says of which engine they are, which whoever reads of a resource of the same service knows."""


def why_text(why: Why, service: Service | None = None, *, paint: Paint = PLAIN, now: datetime | None = None) -> str:
    """Everything of one resource, ending in a newline. service: where the spec's lines are found."""
    return "\n".join(line.rstrip() for line in _lines(why, service, paint, now)) + "\n"


def _lines(why: Why, service: Service | None, paint: Paint, now: datetime | None) -> Iterator[str]:
    yield f"{paint('strong', f'{why.service} {why.rid}')}  {why.status.status.value}  {why.status.label}"
    if why.goal.aim is Aim.DOWN:
        yield _row("goal", f"{stopped_text(why.goal, now)} → osvc start {why.service}")
    if why.goal.aim is Aim.NONE:
        yield _row("goal", f"{why.goal.alone}; left alone")
    if why.frozen is not None:
        yield _row("frozen", f"{ban_text('', why.frozen, now).strip()} → osvc thaw {why.service}")
    yield from _difference(why, service, now)
    yield _row("spec", why.origin.place if why.origin else "none: no spec names it")
    common = why.change.common
    yield from _rows("comment", [plain(common.comment)] if common.comment else [])
    yield from _rows("tags", [" ".join(common.tags)] if common.tags else [])
    yield _row("owned", _owned(why))
    yield from _rows("needs", [_needed(need) for need in why.ties.needs] or ["nothing"])
    yield from _rows("provides", [fact_words(fact) for fact in why.ties.provides])
    yield from _rows("holds", [claim.label for claim in why.ties.claims])
    yield from _rows("held by", [f"{rid}, which {WITH_IT[bond]}" for rid, bond in why.ties.holders.items()] or ["nothing"])
    yield from _last(why, paint)


def _difference(why: Why, service: Service | None, now: datetime | None) -> Iterator[str]:
    """What is different, whose doing that is, and what to do."""
    change, remedy = why.change, why.status.remedy or (why.change.remedy if why.change.ban is not None else "")
    remedy = f" → {remedy}" if remedy else ""
    if isinstance(change.observed, Unknown):
        expected = f"; expected: {change.basis}" if change.basis and change.basis != change.observed.reason else ""
        yield from _rows("not seen", plain(f"{change.observed.reason}{expected}").splitlines())
    quiet = change.verdict is Verdict.KEEP
    what = reason_text(change, now) if quiet else f"{change.verdict.value}: {change.reason}"
    whose = "" if change.fields or quiet else resource_evidence(change, service)
    yield from _rows("to do" if not quiet else "is", plain(f"{what}{whose}{remedy}").splitlines())
    yield from (line.removeprefix("    ") for line in field_lines(change, service, _WIDTH))


def _owned(why: Why) -> str:
    if not why.owned:
        return "not by osvc"
    return f"since {local(why.since)}" if why.since else "by osvc; since when was not kept"


def _needed(need: Needed) -> str:
    what = fact_words(need.fact)
    return f"{need.by}, for {what}; {WITH_IT[need.bond]}" if need.by else f"{what}: the machine's own"


def fact_words(fact: Fact) -> str:
    """ "mount point /srv", "network web.network.lan"."""
    key = fact.key.partition(" of ")[0] if fact.kind in _INSIDE else fact.key
    return f"{fact.kind.value} {key}"


def _last(why: Why, paint: Paint) -> Iterator[str]:
    if why.last is None:
        yield _row("changed", "never, as far as the journal reaches")
        return
    yield _row("changed", f"{run_line(why.last, paint)} → osvc show {why.last.id}")
    for step in why.steps:
        yield from step_lines(step)


def _row(word: str, text: str) -> str:
    return f"  {word:<{_WIDTH}} {text}"


def _rows(word: str, texts: list[str]) -> Iterator[str]:
    """The first behind its word, the others below it."""
    for number, text in enumerate(texts):
        yield _row(word if not number else "", text)
