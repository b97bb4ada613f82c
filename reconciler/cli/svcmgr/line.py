"""A command line of svcmgr, taken apart: which services, which verb, and the options in osvc's spelling. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Sequence

from reconciler.cli.svcmgr import words
from reconciler.cli.verb import Usage, did_you_mean

PROGRAMS = frozenset({"svcmgr", "svcmgr.py", "__main__.py", "main.py"})
"""What the program is called when it is not called by a link that bears the name of a service."""


class Line:
    """services: names and patterns, with commas between them, or "". verb: "print status". options: osvc's. rest: docker's."""

    __slots__ = ("helps", "options", "rest", "services", "verb")

    def __init__(self) -> None:
        self.services = self.verb = ""
        self.options: list[str] = []
        self.rest: list[str] = []
        self.helps = False


def read(program: str, given: Sequence[str]) -> Line:
    """What a person typed. program: as the system says it was called. Raises Usage."""
    line = Line()
    called = os.path.basename(program)
    linked = called if called and called not in PROGRAMS else ""
    names: list[str] = []
    spoken: list[str] = []
    todo = list(given)
    while todo:
        word = todo.pop(0)
        if word in ("--help", "-h", "help") and not spoken:
            line.helps = True
        elif word == "--" or not word.startswith("-"):
            spoken += [] if word == "--" else [word]
            if spoken == ["docker"]:
                line.rest, todo = todo, []
        else:
            _option(word, todo, line, names)
    if linked and names:
        raise Usage(f"this is svcmgr for {linked}: leave -s out, or call svcmgr itself")
    line.services = linked or ",".join(names)
    if line.services.startswith("-"):
        raise Usage(f"{line.services!r} cannot be the name of a service")
    line.verb = "" if line.helps else verb_in(spoken)
    return line


def _option(word: str, todo: list[str], line: Line, names: list[str]) -> None:
    name, equals, value = word.partition("=")
    if name in ("-s", "--service") or name in words.VALUED:
        if not equals:
            if not todo:
                raise Usage(f"{name} needs a value")
            value = todo.pop(0)
        if name in ("-s", "--service"):
            names.append(value)
        else:
            line.options += [words.OPTIONS[name], value]
    elif name in words.OPTIONS and not equals:
        line.options.append(words.OPTIONS[name])
    elif name in words.OPTIONS_INSTEAD:
        raise Usage(f"{name}: {words.OPTIONS_INSTEAD[name]}")
    elif name in ("--help", "-h"):
        line.helps = True
    elif name not in words.NEEDLESS:
        raise Usage(f"unknown option {name}{did_you_mean(name, ['--service', *words.OPTIONS]) or '; see svcmgr --help'}")


def verb_in(spoken: Sequence[str]) -> str:
    """The verb that these words say, in one word or two. Raises Usage for none, for one that there is not, for words too many."""
    if not spoken:
        raise Usage("a verb is missing; see svcmgr --help")
    first, *more = [*spoken[0].split("_"), *spoken[1:]]
    known = (*words.OWN, *words.OSVC, *words.INSTEAD)
    two = " ".join((first, *more[:1]))
    verb = two if two in known else first if first in known else ""
    if verb in words.INSTEAD:
        raise Usage(f"there is no {verb} here: {words.INSTEAD[verb]}")
    if first in words.PREFIXES:
        raise Usage(f"there is no {' '.join(spoken)} here: {words.PREFIXES[first]}")
    if not verb:
        raise Usage(f"unknown verb {' '.join(spoken)!r}{did_you_mean(two, known) or '; svcmgr --help lists the verbs'}")
    left = more[len(verb.split()) - 1 :]
    if left:
        raise Usage(f"unexpected {left[0]!r} behind {verb}")
    return verb
