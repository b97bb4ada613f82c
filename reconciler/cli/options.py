"""Options that verbs share, and the forms of their values. Standard library only: help must not wait for anything else."""

from __future__ import annotations

import argparse

_LONGEST = 365 * 86400.0
"""Seconds: no timer takes much more."""


def messages(parser: argparse.ArgumentParser) -> None:
    """How a verb talks: every verb has these."""
    shown = parser.add_argument_group("messages")
    shown.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="colours (default: on a terminal)")
    shown.add_argument("--debug", action="store_true", help="show where an internal error comes from")


def paths(parser: argparse.ArgumentParser) -> None:
    """Where the specs are."""
    parser.add_argument(
        "path", metavar="PATH", nargs="*", help="spec files or folders (default: the specs folder of the node's configuration)"
    )


EITHER = "SERVICE|PATH"
"""What an operand is called that may be the one or the other."""


def paths_or_services(parser: argparse.ArgumentParser) -> None:
    """Where the specs are, or which services are meant."""
    parser.add_argument(
        "path",
        metavar=EITHER,
        nargs="*",
        help="names or patterns of services, or spec files or folders (default: every service that is known)",
    )


def watching(parser: argparse.ArgumentParser) -> None:
    """Showing it again and again."""
    parser.add_argument("--watch", "-w", action="store_true", help="show it again and again, in place on a terminal, until Ctrl-C")
    parser.add_argument("--interval", metavar="TIME", type=interval, help="with --watch: how often it is looked at (default: 2s)")


def services(parser: argparse.ArgumentParser) -> None:
    """A selection of services."""
    parser.add_argument(
        "-s",
        "--service",
        metavar="NAME",
        action="append",
        default=[],
        help="only these services: names or patterns, comma-separated; may be repeated",
    )


def named(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """The services that a verb is about, as operands and by `-s` alike. required: one has to be named; else none means all."""
    parser.add_argument(
        "operand", metavar="SERVICE", nargs="*", help="names or patterns of services" + ("" if required else " (default: all)")
    )
    parser.add_argument(
        "-s",
        "--service",
        metavar="NAME",
        action="append",
        default=[],
        help="the same, comma-separated; may be repeated",
    )
    parser.set_defaults(required=required)


def resources(
    parser: argparse.ArgumentParser, rids: str = "only these resources (container#1, fs, container#w*) and what they need"
) -> None:
    """A selection of resources. rids: what naming some means."""
    parser.add_argument(
        "--rid",
        metavar="RID",
        action="append",
        default=[],
        help=rids,
    )
    parser.add_argument(
        "--tags",
        metavar="TAGS",
        action="append",
        default=[],
        help="only resources with these tags, beside those of --rid: a+b,c is (a and b) or c",
    )
    parser.add_argument(
        "--subset",
        metavar="NAME",
        action="append",
        default=[],
        help="only resources in these subsets, beside those of --rid and --tags",
    )


def as_json(parser: argparse.ArgumentParser, what: str) -> None:
    """The result for machines; what: its form."""
    parser.add_argument("--json", action="store_true", help=what)


def pruning(parser: argparse.ArgumentParser) -> None:
    """Whether what no spec names goes."""
    parser.add_argument("--prune", action="store_true", help="also remove what osvc owns and no spec names any more")
    parser.add_argument("--prune-all", action="store_true", help="prune even if that is most of what osvc owns (implies --prune)")


def permissions(parser: argparse.ArgumentParser) -> None:
    """What apply and start do only when they are told to."""
    parser.add_argument(
        "--provision", action="store_true", help="create the storage that is missing and that its spec marks with provision: true"
    )
    parser.add_argument(
        "--force", action="store_true", help="take what another node holds, where the plan says that --force does; it may be in use"
    )


def seconds(text: str) -> float:
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


def interval(text: str) -> float:
    found = seconds(text)
    if found < 0.1:
        raise argparse.ArgumentTypeError("an interval must be at least 100ms")
    return found


def since(text: str) -> int:
    """A moment of the past, in nanoseconds since 1970: so long ago (10m), a time of today, a day, or both; of this machine's time
    zone where it names none. Raises argparse.ArgumentTypeError."""
    import time
    from datetime import UTC, datetime, timedelta

    now = datetime.now().astimezone()
    if ":" not in text and "-" not in text:
        return time.time_ns() - int(seconds(text) * 1e9)
    try:
        at = datetime.fromisoformat(text if "-" in text else f"{now:%Y-%m-%d}T{text}").astimezone()
        return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"expected a time such as 10m, 07:41 or 2026-11-23T07:41:00, not {text!r}") from None


def run_id(text: str) -> str:
    """How a run is called. Raises argparse.ArgumentTypeError for an empty one: a variable was not set."""
    if not text:
        raise argparse.ArgumentTypeError("expected the id of a run, or last, not ''")
    return text


def file_name(text: str) -> str:
    """A file's name. Raises argparse.ArgumentTypeError for an empty one: a variable was not set."""
    if not text:
        raise argparse.ArgumentTypeError("expected a file's name, not ''")
    return text


def node_name(text: str) -> str:
    """A node's name. Raises argparse.ArgumentTypeError for what cannot be one."""
    if not text or not text[0].isalnum() or not all(sign.isalnum() or sign in "-._" for sign in text):
        raise argparse.ArgumentTypeError(f"expected the name of a node, not {text!r}")
    return text


def wait(parser: argparse.ArgumentParser) -> None:
    """Patience with another run."""
    parser.add_argument(
        "--wait", metavar="TIME", type=seconds, help="how long to wait for another run's lock (default: the node's, 30s)"
    )


def talking(parser: argparse.ArgumentParser) -> None:
    """How much a verb that changes the machine says, and in which form."""
    much = parser.add_mutually_exclusive_group()
    much.add_argument(
        "-v", "--verbose", action="store_true", help="also show what is left alone, and why, and how long each step took"
    )
    much.add_argument("-q", "--quiet", action="store_true", help="show only what goes wrong; with --json, only the result")
    parser.add_argument(
        "--log-format",
        choices=("console", "json"),
        help="what is said on stderr: lines for people, or JSON lines, one for each command (default: the node's, console)",
    )


def changing(parser: argparse.ArgumentParser) -> None:
    """What all verbs that change the machine take."""
    as_json(parser, "JSON lines on stdout, the last being the result")
    talking(parser)
    parser.add_argument("--yes", "-y", action="store_true", help="go on without asking, also when something is interrupted")
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done; exits as osvc plan does")
    parser.add_argument("--no-rollback", action="store_true", help="leave what was done as it is when a step fails")
    wait(parser)


def as_node(parser: argparse.ArgumentParser) -> None:
    """Another node's point of view."""
    parser.add_argument(
        "--node", metavar="NAME", type=node_name, help="read the specs as this node would, and not as the machine at hand"
    )


def count(text: str) -> int:
    """A whole number from 0. Raises argparse.ArgumentTypeError."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number, not {text!r}")
    return int(text)
