"""The parser of a verb. Standard library only, as in cli/options.py."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from typing import NoReturn

from reconciler.cli.options import messages
from reconciler.cli.takes import TAKES
from reconciler.cli.verb import Usage, Verb, did_you_mean

WIDTH = 80
"""Of every help text, whatever the terminal: help is the same on each machine."""


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake raises Usage, nothing is abbreviated, and help is 80 columns wide."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            allow_abbrev=False,
            formatter_class=lambda prog: argparse.HelpFormatter(prog, width=WIDTH, max_help_position=26),
        )

    def error(self, message: str) -> NoReturn:
        raise Usage(f"{message}\n{self.format_usage().rstrip()}")

    def spellings(self) -> list[str]:
        """Every option that this parser knows."""
        return [spelling for action in self._actions for spelling in action.option_strings]

    def valued(self) -> list[str]:
        """Those of them that take a value."""
        return [spelling for action in self._actions if action.nargs != 0 for spelling in action.option_strings]


def parser_of(verb: Verb) -> Parser:
    """The parser of one verb; the others are not built."""
    parser = Parser(f"osvc {verb.name}", description=f"{verb.about[0].upper()}{verb.about[1:]}. {verb.more}".rstrip())
    TAKES[verb.like](parser)
    parser.set_defaults(verb=verb.name, types=verb.types)
    messages(parser)
    return parser


def parse(verb: Verb, words: Sequence[str]) -> argparse.Namespace:
    """The options of a verb. Raises Usage; `--help` prints and raises SystemExit."""
    parser = parser_of(verb)
    rest: Sequence[str] = ()
    if verb.raw:
        end = _behind(words, verb.raw, parser.valued())
        words, rest = words[:end], words[end:]
    elif "--" in words:
        end = list(words).index("--")
        words = [*words[:end], *(f"./{word}" if word.startswith("-") else word for word in words[end + 1 :])]
    found, extra = parser.parse_known_intermixed_args(words) if not verb.raw else parser.parse_known_args(words)
    if extra:
        word = extra[0].partition("=")[0]
        what = f"unknown option {word}{did_you_mean(word, parser.spellings())}" if word.startswith("-") else f"unexpected {word!r}"
        raise Usage(f"{what}\n{parser.format_usage().rstrip()}")
    if verb.raw:
        found.args = list(rest)
    if hasattr(found, "operand"):
        found.service = [*found.operand, *found.service]
        if found.required and not found.service:
            raise Usage(f"the following arguments are required: SERVICE\n{parser.format_usage().rstrip()}")
    return found


def _behind(words: Sequence[str], operands: int, valued: Collection[str]) -> int:
    """Where the words begin that stand behind so many operands; their end where there are fewer. valued: options with a value."""
    at = 0
    while at < len(words) and operands:
        if words[at] == "--":
            return at + 1 + operands
        if words[at].startswith("-"):
            at += 2 if words[at] in valued else 1
        else:
            at, operands = at + 1, operands - 1
    return at
