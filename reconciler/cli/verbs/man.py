"""osvc man: the manual page, in roff, out of the same parsers that the verbs have."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from reconciler import __version__
from reconciler.cli.display import say
from reconciler.cli.exits import Exit
from reconciler.cli.parser import parser_of
from reconciler.cli.verb import ABOUT, CODES, ENVIRONMENT, VERBS, Verb

_FILES = (
    ("/etc/osvc/osvc.yaml", "what belongs to the machine"),
    ("/etc/osvc/services.d", "the specs of this node"),
    ("/var/lib/osvc", "what osvc remembers"),
    ("/run/osvc", "sockets, pid files and locks"),
)


def run(options: argparse.Namespace) -> Exit:
    """Print it: `osvc man | man -l -`, or into /usr/local/share/man/man8/osvc.8."""
    say("".join(f"{line}\n" for line in page()))
    return Exit.OK


def page() -> Iterator[str]:
    """The lines of the page."""
    yield f'.TH OSVC 8 "" "osvc {__version__}" "System administration"'
    yield from (".SH NAME", f"osvc {_safe('-')} bring what runs on this machine to what a folder of specs says")
    yield from (".SH SYNOPSIS", ".B osvc", r"\fIVERB\fR [\fIOPTIONS\fR] [\fIPATH\fR ...]")
    yield from (".SH DESCRIPTION", *map(_safe, ABOUT))
    yield ".SH VERBS"
    for verb in VERBS:
        yield from _verb(verb)
    yield from _listed("EXIT STATUS", CODES)
    yield from _listed("ENVIRONMENT", ENVIRONMENT)
    yield from _listed("FILES", _FILES)


def _verb(verb: Verb) -> Iterator[str]:
    parser = parser_of(verb)
    actions = [action for action in parser._actions if action.help != argparse.SUPPRESS and action.dest not in _EVERYWHERE]
    operands = [action for action in actions if not action.option_strings]
    usage = " ".join(
        [rf"\fB{verb.name}\fR", *(["[\\fIOPTIONS\\fR]"] if len(actions) > len(operands) else ()), *map(_operand, operands)]
    )
    yield from (f'.SS "{usage}"', _safe(parser.description or ""))
    for action in actions:
        if action.option_strings:
            value = rf" \fI{_safe(str(action.metavar or action.dest))}\fR" if action.nargs != 0 else ""
            if action.choices is not None:
                value = rf" \fI{_safe('|'.join(map(str, action.choices)))}\fR"
            yield from (
                ".TP",
                ", ".join(rf"\fB{_safe(word)}\fR" for word in action.option_strings) + value,
                _safe(action.help or ""),
            )
        elif action.help:
            yield from (".TP", rf"\fI{_safe(str(action.metavar or action.dest))}\fR", _safe(action.help))


_EVERYWHERE = ("help", "color", "debug")
"""Options of every verb, which its --help tells."""


def _operand(action: argparse.Action) -> str:
    name = rf"\fI{_safe(str(action.metavar or action.dest))}\fR"
    more = f"{name} ..." if action.nargs in ("+", "*") else name
    return f"[{more}]" if action.nargs in ("?", "*") else more


def _listed(title: str, rows: tuple[tuple[str, str], ...]) -> Iterator[str]:
    yield f'.SH "{title}"'
    for word, text in rows:
        yield from (".TP", rf"\fB{_safe(word)}\fR", _safe(text))


def _safe(text: str) -> str:
    """Text in which roff finds nothing to do."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace('"', r"\(dq")
    return rf"\&{text}" if text.startswith(".") else text
