"""svcmgr: words of the reference to verbs of osvc. As in cli/main.py, a verb's module is imported once its line is right."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from reconciler import __version__
from reconciler.cli.asking import answered
from reconciler.cli.exits import Exit
from reconciler.cli.main import contained, live
from reconciler.cli.svcmgr import words
from reconciler.cli.svcmgr.line import Line, read
from reconciler.cli.verb import Usage, fail_usage, verb_called


class _Ended(Exception):
    """There is nothing more to do. code: what it came to."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def process() -> None:
    """The whole life of a svcmgr process."""
    live(main)


def svcmon() -> None:
    """The whole life of a svcmon process."""
    live(lambda: main(["svcmon", *sys.argv[1:]], "svcmgr"))


def main(argv: Sequence[str] | None = None, program: str | None = None) -> int:
    """Run one command line. program: as it was called; the name of a link to svcmgr is the service's. The exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    called = sys.argv[0] if program is None else program
    return contained(lambda: _run(called, given))


def _run(program: str, given: Sequence[str]) -> int:
    try:
        if given == ["--version"]:
            print(f"svcmgr of osvc {__version__}")
            return Exit.OK
        line = read(program, given)
        if line.helps:
            sys.stdout.write(overview())
            return Exit.OK
        code = answered(_asked(line))
        if code is not None:
            return code
        return _own(line) if line.verb in words.OWN else _osvc(line)
    except Usage as err:
        return fail_usage(err)
    except _Ended as end:
        return end.code
    except SystemExit as end:  # argparse has printed a help text
        return Exit.OK if not end.code else Exit.USAGE


def _asked(line: Line) -> list[str]:
    """The line as an agent is asked it."""
    named = ["-s", line.services] if line.services else []
    return [f"svcmgr {line.verb}", *named, *line.options]


def _osvc(line: Line) -> int:
    """A verb of osvc's. What it does is told in the form of the reference."""
    from reconciler.cli.failures import guarded
    from reconciler.cli.parser import parse

    name, *more = words.OSVC[line.verb]
    verb = verb_called(name)
    given, operands = _parted(line.options, words.OPERAND.get(line.verb, ""))
    options = parse(verb, [*given, *more, _services(line), *operands, *line.rest])
    options.svcmgr = True
    return guarded(verb, options)


def _parted(options: Sequence[str], name: str) -> tuple[list[str], list[str]]:
    """Options without those of one name, and the values of these."""
    at = {n for n, word in enumerate(options) if word == name}
    values = {n + 1 for n in at}
    return [word for n, word in enumerate(options) if n not in at | values], [options[n] for n in sorted(values)]


def _own(line: Line) -> int:
    """A verb that only svcmgr has."""
    from reconciler.cli.failures import guarded
    from reconciler.cli.options import messages
    from reconciler.cli.parser import Parser

    verb = words.OWN[line.verb]
    parser = Parser(verb.called, verb.about)
    for name in verb.takes:
        parser.add_argument(name, required=True)
    messages(parser)
    options = parser.parse_args(line.options)
    options.service = [] if verb.unnamed and not line.services else [_services(line)]
    options.told = False
    code = guarded(verb, options)
    failed = not options.told and verb.otherwise is not None and code < Exit.USAGE
    return verb.otherwise if failed and verb.otherwise is not None else code


def _services(line: Line) -> str:
    if not line.services:
        raise Usage(f"no service is named: svcmgr -s NAME {line.verb}")
    if line.services not in words.SETS:
        return line.services

    from argparse import Namespace

    from reconciler.cli.failures import guarded

    options = Namespace(set=line.services, found=[], debug=False)
    code = guarded(words.NAMES, options)
    if not options.found:
        if not code:
            print(f"{line.services}: there is none")
        raise _Ended(code)
    return ",".join(options.found)


def overview() -> str:
    """The text of `svcmgr --help`."""
    own = "\n".join(f"  {verb.name:<14}{verb.about}" for verb in words.OWN.values())
    others = "\n".join(f"  {name:<14}{verb_called(name).about}" for name in words.SAME)
    parts = ", ".join(name.removeprefix("start") for name in words.PARTS if name.startswith("start"))
    return f"""\
usage: svcmgr -s NAME[,NAME ...] [OPTIONS] VERB
       NAME VERB          where NAME is a link to svcmgr, called as the service

The command line of OpenSVC, over osvc. Names may be patterns: 'web*'.
allservices, allupservices and alldownservices are names as well.

verbs:
{own}
{others}
  json status   the status as one JSON document
  startPART     bring only a part up, and what it needs
  stopPART      bring only a part down, and what holds it
                PART: {parts}

options:
  --rid RID, --tags TAGS  only these resources, and what they need
  --dry-run               only show the plan
  --force, --provision    permissions: see osvc start --help
  --disable-rollback      leave what was done as it is when a step fails
  --waitlock SECONDS      how long to wait for another run
  --yes                   go on without asking
  --debug, --color WHEN   as of every verb of osvc

What OpenSVC has and osvc has not is refused by name, with what to do instead.
osvc --help has what goes beyond this: plan, apply, watch, undo and more.
"""
