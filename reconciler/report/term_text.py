"""term_text: keywords of specs as they are explained on a terminal. Pure, and 80 columns wide."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap

from reconciler.core.rules import Impact
from reconciler.core.term import Term
from reconciler.report.paint import PLAIN, Paint

WIDTH = 80
_LABEL = 15
"""Of the words at the left."""


def term_text(terms: Sequence[Term], costs: Mapping[Impact, str], *, paint: Paint = PLAIN) -> str:
    """All that there is to know of some keywords, one after the other. costs: what each impact is called."""
    return "\n".join("".join(f"{line}\n" for line in _term(term, costs, paint)) for term in terms)


def list_text(title: str, terms: Iterable[Term], *, paint: Paint = PLAIN) -> str:
    """The keywords of a section, a line or two each."""
    lines = [paint("strong", title), ""]
    for term in terms:
        first, *more = wrap(_sentence(term.meaning), WIDTH - 28) or [""]
        name = f"  {term.name:<24}"
        lines += [f"{name}  {first}", *(f"{'':<26}  {line}" for line in more)]
    return "".join(f"{line}\n" for line in lines)


def _sentence(text: str) -> str:
    """The first sentence of a text, without its stop."""
    return text.partition(". ")[0].partition("; ")[0].removesuffix(".")


def _term(term: Term, costs: Mapping[Impact, str], paint: Paint) -> Iterator[str]:
    yield f"{paint('strong', term.name)}  in {term.section}"
    yield from (f"  {line}" for line in wrap(term.meaning, WIDTH - 2))
    yield from _row("value", term.form)
    yield from _row("default", "none: it has to be said" if term.needed else term.default or "nothing")
    if term.inherited:
        yield from _row("for all", "may stand in the service's own section, for what does not say otherwise")
    if term.impact is not None:
        yield from _row("a change costs", _cost(term.impact, costs))
    if term.flags:
        yield from _row("docker run", ", ".join(term.flags))
    for older, implied in term.older.items():
        yield from _row("also", older + (f", which turns {' and '.join(implied)} on" if implied else ""))


def _cost(impact: Impact, costs: Mapping[Impact, str]) -> str:
    if impact is Impact.NONE:
        return f"{costs[impact]}: it is not compared, and counts from the next run on"
    return costs[impact]


def _row(label: str, text: str) -> list[str]:
    first, *more = wrap(text, WIDTH - _LABEL - 3) or [""]
    return [f"  {label:<{_LABEL}}{first}", *(f"  {'':<{_LABEL}}{line}" for line in more)]
