"""osvc explain: what a keyword of a spec means, what it takes, what a change of it costs. Nothing is looked at."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from reconciler.cli.display import paint_for, say
from reconciler.cli.exits import Exit
from reconciler.cli.verb import Usage, did_you_mean
from reconciler.core.term import EVERY, SERVICE, Term
from reconciler.report.term_text import list_text, term_text
from reconciler.report.texts import listed
from reconciler.spec.glossary import COSTS, found, owned_by, owners, owners_of, section_of, terms
from reconciler.spec.vocabulary import known_anywhere, known_type

_TITLES = {SERVICE: "the service's own section", EVERY: "any resource"}


def run(options: argparse.Namespace) -> Exit:
    """A keyword, or the keywords of a resource type; without either, the types. Raises Usage for what is neither."""
    word, paint = options.keyword, paint_for(options, sys.stdout)
    if not word:
        say("".join(f"{name:<12}{_title(name)}\n" for name in owners()) + "\nosvc explain TYPE lists its keywords\n")
        return Exit.OK
    named = found(word)
    group = "" if named and "." in word else word
    members = owned_by(group)
    if not owners_of(group) and not named:
        raise Usage(_unknown(word))
    parts = [list_text(title, terms, paint=paint) for title, terms in _lists(group, members).items()]
    if owners_of(group) and not members:
        parts.append(f"{_title(word)} has no keywords of its own; osvc explain resource lists those that every resource has\n")
    if named:
        parts.append(term_text(named, COSTS, paint=paint))
    say("\n".join(parts))
    return Exit.OK


def _lists(word: str, members: Sequence[Term]) -> dict[str, list[Term]]:
    """The keywords, by where they stand: what rids begin with may mean several types."""
    lists: dict[str, list[Term]] = {}
    for term in members:
        lists.setdefault(_title(word) if _title(word) in _TITLES.values() else term.section, []).append(term)
    return lists


def _title(word: str) -> str:
    """Where the keywords stand that this word means."""
    group = word.partition("#")[0]
    return _TITLES.get(SERVICE if group == "DEFAULT" else group) or section_of(group) or f"{group}#…"


def _unknown(word: str) -> str:
    """Why there is nothing to explain, and what was meant."""
    owner, _, name = word.partition("@")[0].rpartition(".")
    among = owned_by(owner) if owner else terms()
    if owner and not among:
        return f"no resource type {owner!r}{did_you_mean(owner, owners()) or '; osvc explain lists them'}"
    elsewhere = dict.fromkeys(term.section for term in found(name)) if owner else {}
    if elsewhere:
        return f"no keyword {name!r} of {owner}; it stands in {listed([*elsewhere])}"
    if known_anywhere(name) or (not owner and known_type(name)):
        return f"{name!r} is known, and not supported yet"
    known = {spelling for term in among for spelling in (term.name, *term.older)} | (set() if owner else {*owners()})
    guess = did_you_mean(name, sorted(known))
    return f"no keyword {name!r}{f' of {owner}' if owner else ''}{guess or '; osvc explain lists the types, and what each has'}"
