"""What each verb takes: its options and operands. Standard library only, as in cli/options.py."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from reconciler.cli.options import (
    as_json,
    as_node,
    changing,
    count,
    file_name,
    interval,
    named,
    paths,
    paths_or_services,
    permissions,
    pruning,
    resources,
    run_id,
    services,
    since,
    talking,
    wait,
    watching,
)
from reconciler.cli.until import until


def _validate(parser: argparse.ArgumentParser) -> None:
    paths(parser)
    as_node(parser)
    as_json(parser, "one JSON document on stdout")


def _plan(parser: argparse.ArgumentParser) -> None:
    paths(parser)
    as_node(parser)
    services(parser)
    resources(parser)
    pruning(parser)
    permissions(parser)
    parser.add_argument(
        "--snapshot", metavar="FILE", type=file_name, help="plan against a recorded snapshot (osvc snapshot); touches no machine"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=file_name, help="also save the plan; `osvc apply FILE.plan` does exactly that plan"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="also show what is left alone, and why")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document on stdout")
    form.add_argument("--script", action="store_true", help="the commands as a shell script on stdout; no secret stands in it")


def _apply(parser: argparse.ArgumentParser) -> None:
    paths(parser)
    services(parser)
    resources(parser)
    pruning(parser)
    permissions(parser)
    parser.add_argument("--keep-going", action="store_true", help="apply the valid specs although others are not valid")
    changing(parser)


def _goal(parser: argparse.ArgumentParser) -> None:
    named(parser)
    resources(parser)
    changing(parser)


def _start(parser: argparse.ArgumentParser) -> None:
    _goal(parser)
    permissions(parser)


def _provision(parser: argparse.ArgumentParser) -> None:
    _start(parser)
    parser.set_defaults(provision=True)


def _unprovision(parser: argparse.ArgumentParser) -> None:
    _goal(parser)
    parser.set_defaults(unprovision=True)


def _all_of_them(parser: argparse.ArgumentParser) -> None:
    named(parser, required=False)
    changing(parser)


def _stop(parser: argparse.ArgumentParser) -> None:
    _goal(parser)
    parser.add_argument("--reason", metavar="TEXT", default="", help="kept with the goal, and shown by status and plan")


def _thaw(parser: argparse.ArgumentParser) -> None:
    named(parser)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be kept")
    as_json(parser, "one JSON document on stdout")


def _freeze(parser: argparse.ArgumentParser) -> None:
    _thaw(parser)
    parser.add_argument("--reason", metavar="TEXT", default="", help="kept with it, and shown by status and plan")


def _freeze_for(parser: argparse.ArgumentParser) -> None:
    _freeze(parser)
    until(parser)


def _enable(parser: argparse.ArgumentParser) -> None:
    _thaw(parser)
    resources(parser, "only these resources (container#1, fs, container#w*)")


def _disable(parser: argparse.ArgumentParser) -> None:
    _freeze(parser)
    resources(parser, "only these resources (container#1, fs, container#w*)")


def _status(parser: argparse.ArgumentParser) -> None:
    paths_or_services(parser)
    services(parser)
    as_json(parser, "one JSON document on stdout; with --watch one in each line")
    watching(parser)


def _watch(parser: argparse.ArgumentParser) -> None:
    paths(parser)
    parser.add_argument(
        "--interval",
        metavar="TIME",
        type=interval,
        help="how often everything is looked at (default: the node's, 5m)",
    )
    parser.add_argument("--prune", action="store_true", help="also remove what osvc owns and no spec names any more")
    as_json(parser, "JSON lines on stdout, the last being the result")
    talking(parser)


def _events(parser: argparse.ArgumentParser) -> None:
    services(parser)
    as_json(parser, "JSON lines on stdout, as osvc watch has them")


def _snapshot(parser: argparse.ArgumentParser) -> None:
    paths(parser)
    services(parser)
    parser.add_argument("-o", "--output", metavar="FILE", type=file_name, help="write there instead of to stdout")


def _doctor(parser: argparse.ArgumentParser) -> None:
    as_json(parser, "one JSON document on stdout")


def _docker(parser: argparse.ArgumentParser) -> None:
    wait(parser)
    parser.add_argument("service", metavar="SERVICE", help="the service whose engine is meant")
    parser.add_argument("args", metavar="ARGS", nargs="*", default=[], help="passed to docker as they are")


def _why(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("resource", metavar="RID", help="a resource (container#1), or a pattern or type (container#w*, fs)")
    parser.add_argument("service", metavar="SERVICE", nargs="*", help="names or patterns of services (default: all)")
    as_json(parser, "one JSON document on stdout")


def _diff(parser: argparse.ArgumentParser) -> None:
    paths(parser)
    services(parser)
    resources(parser)
    parser.add_argument("--prune", action="store_true", help="also what osvc owns and no spec names any more")
    as_json(parser, "one JSON document on stdout")


def _graph(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE", help="the service")
    parser.add_argument("path", metavar="PATH", nargs="*", help="spec files or folders (default: where its spec is known to be)")
    parser.add_argument(
        "--format", choices=("text", "dot", "mermaid", "svg"), default="text", help="text (default), dot, mermaid or svg"
    )


def _logs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE", nargs="+", help="names or patterns of services")
    parser.add_argument(
        "--rid", metavar="RID", action="append", default=[], help="only these containers (container#1, container#w*)"
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on, also through restarts and replacements, until Ctrl-C")
    parser.add_argument(
        "-n", "--tail", metavar="N", type=count, help="so many lines of each, the last (default: all, with -f 10; 0: all)"
    )
    parser.add_argument(
        "--since", metavar="TIME", type=since, help="only what was said since: 10m, 2h, 07:41, 2026-11-23, 2026-11-23T07:41:00"
    )
    parser.add_argument("--timestamps", action="store_true", help="the time before each line, in UTC, as the engine has it")
    parser.add_argument("--no-prefix", action="store_true", help="without the name of the container before each line")


def _enter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE", help="the service")
    parser.add_argument("rid", metavar="RID", nargs="?", default="", help="the container, where there are several")


def _exec(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rid", metavar="RID", default="", help="the container, where there are several")
    parser.add_argument("service", metavar="SERVICE", help="the service")
    parser.add_argument("command", metavar="CMD", help="the command; what stands behind it is passed on as it is")
    parser.add_argument("args", metavar="ARGS", nargs="*", default=[], help=argparse.SUPPRESS)


def _completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")
    parser.add_argument("args", metavar="WORDS", nargs="*", default=[], help=argparse.SUPPRESS)


def _man(parser: argparse.ArgumentParser) -> None:
    """It takes nothing."""


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "keyword", metavar="KEYWORD", nargs="?", default="", help="memory, container.memory; or a type, for all that it has"
    )


def _images(parser: argparse.ArgumentParser) -> None:
    paths(parser)
    services(parser)
    as_json(parser, "one JSON document on stdout")
    parser.add_argument(
        "--prune", "--prune-images", action="store_true", help="remove the images that osvc fetched and no spec uses any more"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="with --prune: only show what would be removed; exits as osvc plan does"
    )
    parser.add_argument("--yes", "-y", action="store_true", help="with --prune: go on without asking")
    wait(parser)
    talking(parser)


def _history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", metavar="SERVICE", nargs="*", help="names or patterns of services (default: all)")
    parser.add_argument(
        "-n", "--number", metavar="N", type=count, default=20, help="so many runs, the newest (default: 20; 0: all)"
    )
    as_json(parser, "one JSON document on stdout")


def _run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", metavar="RUN", type=run_id, help="the id of a run, or how it begins; osvc history lists them; last: the newest"
    )
    as_json(parser, "one JSON document on stdout")


def _undo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", metavar="RUN", type=run_id, help="the id of a run, or how it begins; osvc history lists them; last: the newest"
    )
    parser.add_argument("--prune", action="store_true", help="also remove what the run made, as osvc apply --prune would")
    changing(parser)


def _case(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", metavar="ACTION", choices=("ls", "show", "replay"), help="ls, show or replay")
    parser.add_argument("file", metavar="FILE", nargs="?", default="", help="a case file, or the id of its run (not for ls)")


def _schema(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", nargs="?", default="service", help="service (default), plan, status, ls, diff, why or snapshot"
    )
    parser.add_argument("-o", "--output", metavar="FOLDER", type=file_name, help="write all schemas into this folder instead")


TAKES: Mapping[str, Callable[[argparse.ArgumentParser], None]] = {
    "validate": _validate,
    "plan": _plan,
    "apply": _apply,
    "status": _status,
    "ls": _status,
    "start": _start,
    "stop": _stop,
    "restart": _start,
    "startstandby": _goal,
    "boot": _all_of_them,
    "shutdown": _all_of_them,
    "provision": _provision,
    "unprovision": _unprovision,
    "freeze": _freeze_for,
    "thaw": _thaw,
    "disable": _disable,
    "enable": _enable,
    "watch": _watch,
    "agent": _watch,
    "events": _events,
    "snapshot": _snapshot,
    "doctor": _doctor,
    "why": _why,
    "images": _images,
    "history": _history,
    "show": _run,
    "undo": _undo,
    "case": _case,
    "docker": _docker,
    "diff": _diff,
    "graph": _graph,
    "logs": _logs,
    "enter": _enter,
    "exec": _exec,
    "explain": _explain,
    "completion": _completion,
    "man": _man,
    "schema": _schema,
}
"""Verb name -> what adds its options to a parser; a verb that is like another one has its options."""
