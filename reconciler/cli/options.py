"""The options of each verb. Standard library only: the help of a verb must not wait for anything else."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from reconciler.cli.verbs import Usage, Verb, did_you_mean

WIDTH = 80
"""Of every help text, whatever the terminal: help is the same on each machine."""


_LONGEST = 365 * 86400.0
"""Seconds: no timer takes much more."""


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


def _show(parser: argparse.ArgumentParser) -> None:
    shown = parser.add_argument_group("messages")
    shown.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colours (default: on a terminal)")
    shown.add_argument("--debug", action="store_true", help="show where an internal error comes from")


def _path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", metavar="PATH", nargs="*", help="spec files or folders (default: the specs folder of the node's configuration)"
    )


def _services(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-s",
        "--service",
        metavar="NAME",
        action="append",
        default=[],
        help="only these services: names or patterns, comma-separated; may be repeated",
    )


def _rid(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rid",
        metavar="RID",
        action="append",
        default=[],
        help="only these resources (container#1, fs, container#w*) and what they need",
    )
    parser.add_argument(
        "--tags",
        metavar="TAGS",
        action="append",
        default=[],
        help="only resources with these tags, beside those of --rid: a+b,c is (a and b) or c",
    )


def _json(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=what)


def _prune(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prune", action="store_true", help="also remove what osvc owns and no spec names any more")
    parser.add_argument("--prune-all", action="store_true", help="prune even if that is most of what osvc owns (implies --prune)")


def _permit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--provision", action="store_true", help="create the storage that is missing and that its spec marks with provision: true"
    )
    parser.add_argument(
        "--force", action="store_true", help="take what another node holds, where the plan says that --force does; it may be in use"
    )


def _seconds(text: str) -> float:
    """A number of seconds, or a time such as 2m. Raises argparse.ArgumentTypeError."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    number, scale = text, 1.0
    for unit, worth in units.items():
        if text.endswith(unit):
            number, scale = text[: -len(unit)], worth
            break
    try:
        seconds = float(number) * scale
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a time such as 10s or 2m, not {text!r}") from None
    if not 0 <= seconds <= _LONGEST:
        raise argparse.ArgumentTypeError(f"expected a time such as 10s or 2m, from 0 to 365d, not {text!r}")
    return seconds


def _interval(text: str) -> float:
    seconds = _seconds(text)
    if seconds < 0.1:
        raise argparse.ArgumentTypeError("an interval must be at least 100ms")
    return seconds


def _run_id(text: str) -> str:
    """How a run is called. Raises argparse.ArgumentTypeError for an empty one: a variable was not set."""
    if not text:
        raise argparse.ArgumentTypeError("expected the id of a run, or last, not ''")
    return text


def _file(text: str) -> str:
    """A file's name. Raises argparse.ArgumentTypeError for an empty one: a variable was not set."""
    if not text:
        raise argparse.ArgumentTypeError("expected a file's name, not ''")
    return text


def _name(text: str) -> str:
    """A node's name. Raises argparse.ArgumentTypeError for what cannot be one."""
    if not text or not text[0].isalnum() or not all(sign.isalnum() or sign in "-._" for sign in text):
        raise argparse.ArgumentTypeError(f"expected the name of a node, not {text!r}")
    return text


def _wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait", metavar="TIME", type=_seconds, help="how long to wait for another run's lock (default: the node's, 30s)"
    )


def _change(parser: argparse.ArgumentParser) -> None:
    _json(parser, "JSON lines on stdout, the last being the result")
    parser.add_argument("--yes", "-y", action="store_true", help="go on without asking, also when something is interrupted")
    parser.add_argument("--no-rollback", action="store_true", help="leave what was done as it is when a step fails")
    _wait(parser)


def _node(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--node", metavar="NAME", type=_name, help="read the specs as this node would, and not as the machine at hand"
    )


def _validate(parser: argparse.ArgumentParser) -> None:
    _path(parser)
    _node(parser)
    _json(parser, "one JSON document on stdout")


def _plan(parser: argparse.ArgumentParser) -> None:
    _path(parser)
    _node(parser)
    _services(parser)
    _rid(parser)
    _prune(parser)
    _permit(parser)
    parser.add_argument(
        "--snapshot", metavar="FILE", type=_file, help="plan against a recorded snapshot (osvc snapshot); touches no machine"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=_file, help="also save the plan; `osvc apply FILE.plan` does exactly that plan"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="also show what is left alone, and why")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document on stdout")
    form.add_argument("--script", action="store_true", help="the commands as a shell script on stdout; no secret stands in it")


def _apply(parser: argparse.ArgumentParser) -> None:
    _path(parser)
    _services(parser)
    _rid(parser)
    _prune(parser)
    _permit(parser)
    parser.add_argument("--keep-going", action="store_true", help="apply the valid specs although others are not valid")
    parser.add_argument("-v", "--verbose", action="store_true", help="also show what is left alone, and why")
    _change(parser)


def _goal(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE", nargs="+", help="names or patterns of services")
    _rid(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="also show what is left alone, and why")
    _change(parser)


def _start(parser: argparse.ArgumentParser) -> None:
    _goal(parser)
    _permit(parser)


def _stop(parser: argparse.ArgumentParser) -> None:
    _goal(parser)
    parser.add_argument("--reason", metavar="TEXT", default="", help="kept with the goal, and shown by status and plan")


def _status(parser: argparse.ArgumentParser) -> None:
    _path(parser)
    _services(parser)
    _json(parser, "one JSON document on stdout")


def _watch(parser: argparse.ArgumentParser) -> None:
    _path(parser)
    parser.add_argument(
        "--interval", metavar="TIME", type=_interval, help="how often everything is looked at (default: the node's, 10s)"
    )
    parser.add_argument("--prune", action="store_true", help="also remove what osvc owns and no spec names any more")
    _json(parser, "JSON lines on stdout, the last being the result")


def _snapshot(parser: argparse.ArgumentParser) -> None:
    _path(parser)
    _services(parser)
    parser.add_argument("-o", "--output", metavar="FILE", type=_file, help="write there instead of to stdout")


def _doctor(parser: argparse.ArgumentParser) -> None:
    _json(parser, "one JSON document on stdout")


def _docker(parser: argparse.ArgumentParser) -> None:
    _wait(parser)
    parser.add_argument("service", metavar="SERVICE", help="the service whose engine is meant")
    parser.add_argument("args", metavar="ARGS", nargs="*", default=[], help="passed to docker as they are")


def _why(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("resource", metavar="RID", help="a resource (container#1), or a pattern or type (container#w*, fs)")
    parser.add_argument("service", metavar="SERVICE", nargs="*", help="names or patterns of services (default: all)")
    _json(parser, "one JSON document on stdout")


def _images(parser: argparse.ArgumentParser) -> None:
    _path(parser)
    _services(parser)
    _json(parser, "one JSON document on stdout")
    parser.add_argument(
        "--prune", "--prune-images", action="store_true", help="remove the images that osvc fetched and no spec uses any more"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="with --prune: only show what would be removed; exits as osvc plan does"
    )
    parser.add_argument("--yes", "-y", action="store_true", help="with --prune: go on without asking")
    _wait(parser)


def _history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE", nargs="*", help="names or patterns of services (default: all)")
    parser.add_argument(
        "-n", "--number", metavar="N", type=_count, default=20, help="so many runs, the newest (default: 20; 0: all)"
    )
    _json(parser, "one JSON document on stdout")


def _count(text: str) -> int:
    """A whole number from 0. Raises argparse.ArgumentTypeError."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number, not {text!r}")
    return int(text)


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", metavar="RUN", type=_run_id, help="the id of a run, or how it begins; osvc history lists them; last: the newest"
    )
    _json(parser, "one JSON document on stdout")


def _undo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", metavar="RUN", type=_run_id, help="the id of a run, or how it begins; osvc history lists them; last: the newest"
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done; exits as osvc plan does")
    parser.add_argument("--prune", action="store_true", help="also remove what the run made, as osvc apply --prune would")
    parser.add_argument("-v", "--verbose", action="store_true", help="also show what is left alone, and why")
    _change(parser)


def _case(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", metavar="ACTION", choices=("ls", "show", "replay"), help="ls, show or replay")
    parser.add_argument("file", metavar="FILE", nargs="?", default="", help="a case file, or the id of its run (not for ls)")


def _schema(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", nargs="?", default="service", help="service (default), plan, status, why or snapshot"
    )
    parser.add_argument("-o", "--output", metavar="FOLDER", type=_file, help="write all schemas into this folder instead")


_OPTIONS: Mapping[str, Callable[[argparse.ArgumentParser], None]] = {
    "validate": _validate,
    "plan": _plan,
    "apply": _apply,
    "status": _status,
    "start": _start,
    "stop": _stop,
    "watch": _watch,
    "snapshot": _snapshot,
    "doctor": _doctor,
    "why": _why,
    "images": _images,
    "history": _history,
    "show": _run,
    "undo": _undo,
    "case": _case,
    "docker": _docker,
    "schema": _schema,
}
"""Verb name -> what adds its options to a parser."""


def parser_of(verb: Verb) -> Parser:
    """The parser of one verb; the others are not built."""
    parser = Parser(f"osvc {verb.name}", description=f"{verb.about[0].upper()}{verb.about[1:]}.")
    _OPTIONS[verb.name](parser)
    _show(parser)
    return parser


def parse(verb: Verb, words: Sequence[str]) -> argparse.Namespace:
    """The options of a verb. Raises Usage; `--help` prints and raises SystemExit."""
    parser = parser_of(verb)
    rest: Sequence[str] = ()
    if verb.raw:
        end = _first_operand(words)
        words, rest = words[: end + 1], words[end + 1 :]
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
    return found


def _first_operand(words: Sequence[str]) -> int:
    """Where the first word stands that is neither an option nor an option's value."""
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] != "--":
        at += 2 if words[at] in ("--wait", "--color") else 1
    return at + 1 if at < len(words) and words[at] == "--" else at
