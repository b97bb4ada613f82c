"""The verbs: what `osvc --help` shows. Not even argparse is needed for that; cli/takes.py has the options of each."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from reconciler.cli.exits import Exit


class Usage(Exception):
    """The command line is wrong. The message says what, and what to do about it."""


class Verb:
    """One verb.

    module: its file in cli/verbs. raw: everything behind so many operands is passed on as it is; 0: nothing is. lines: its
    `--json` is lines, of which the last is the result; else it is one document. machine: it looks at the machine, which takes root.
    """

    __slots__ = ("about", "lines", "machine", "name", "raw")

    def __init__(self, name: str, about: str, *, raw: int = 0, lines: bool = False, machine: bool = True) -> None:
        self.name = name
        self.about = about
        self.raw = raw
        self.lines = lines
        self.machine = machine

    @property
    def module(self) -> str:
        return f"reconciler.cli.verbs.{self.name}"

    @property
    def called(self) -> str:
        """As a person types it."""
        return f"osvc {self.name}"


VERBS = (
    Verb("validate", "check specs, and report every error of every file", machine=False),
    Verb("plan", "show what is different, why, and what would be done"),
    Verb("apply", "make it so", lines=True),
    Verb("status", "show each service and its resources"),
    Verb("ls", "show a line for each service: its state, what is up, what drifted"),
    Verb("start", "want a service up, and bring it up", lines=True),
    Verb("stop", "want a service down, and bring it down", lines=True),
    Verb("watch", "keep it so", lines=True),
    Verb("snapshot", "record what is on this machine, to plan against elsewhere"),
    Verb("doctor", "show what this machine has and lacks for osvc", machine=False),
    Verb("diff", "show what differs between specs and machine, keyword by keyword"),
    Verb("graph", "draw what the resources of a service need of each other"),
    Verb("logs", "show what containers say, of several in the order of time"),
    Verb("enter", "open a shell in a container of a service"),
    Verb("exec", "run a command in a container of a service", raw=2),
    Verb("why", "show who holds a resource, what it needs, who changed it last"),
    Verb("images", "show which image each container is to run, and which it runs"),
    Verb("history", "show what was done here, run by run", machine=False),
    Verb("show", "show one run: its steps, their commands, what became of them", machine=False),
    Verb("undo", "take a service back to what it was before a run", lines=True),
    Verb("case", "look at what a failed run left, and plan again from it", machine=False),
    Verb("docker", "run docker against the engine of a service", raw=1),
    Verb("explain", "tell what a keyword of a spec means, and what a change costs", machine=False),
    Verb("completion", "print what makes a shell complete osvc's words", raw=1, machine=False),
    Verb("man", "print the manual page", machine=False),
    Verb("schema", "print the JSON Schema of specs and documents", machine=False),
)


def verb_called(name: str) -> Verb:
    """The verb of this name. Raises Usage, with the nearest names."""
    for verb in VERBS:
        if verb.name == name:
            return verb
    guess = did_you_mean(name, [verb.name for verb in VERBS])
    raise Usage(f"unknown verb {name!r}{guess or '; osvc --help lists the verbs'}")


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """ "; did you mean 'apply'?", or "" when nothing is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def overview() -> str:
    """The text of `osvc --help`."""
    verbs = "\n".join(f"  {verb.name:<12}{verb.about}" for verb in VERBS)
    codes = "\n".join(f"  {code:<12}{text}" for code, text in CODES)
    about = "\n".join(ABOUT)
    environment = "\n".join(f"  {name:<16} {text}" for name, text in ENVIRONMENT)
    return f"""\
usage: osvc VERB [OPTIONS] [PATH ...]
       osvc VERB --help

{about}

verbs:
{verbs}

options:
  --help      show this text, or that of a verb
  --version   show the version

exit codes:
{codes}

environment:
{environment}
"""


ABOUT = (
    "A folder of service specs says what should run on this machine.",
    "osvc makes it so with the fewest, smallest, safest steps.",
)

ENVIRONMENT = (
    ("OSVC_CONFIG", "the node's configuration (default: /etc/osvc/osvc.yaml)"),
    ("OSVC_STATE_DIR", "what osvc remembers (default: /var/lib/osvc)"),
    ("OSVC_RUN_DIR", "sockets and pid files (default: /run/osvc)"),
    ("NO_COLOR", "no colours"),
)

CODES = (
    ("0", "converged, or nothing to do"),
    ("1", "error"),
    ("2", "plan, diff: there are changes to make; case replay: another plan"),
    ("3", "a step failed, and was undone"),
    ("4", "refused: needs a permission (--yes, --prune, --provision, --force)"),
    ("5", "another run holds the lock"),
    ("6", "a spec is not valid"),
    ("7", "cannot tell: something needed could not be seen"),
    ("8", "not converged: stuck, deferred, or an undo is not complete"),
    ("64", "the command line is wrong"),
    ("130, 143", "interrupted, terminated"),
)


def fail_usage(error: Usage) -> Exit:
    """Print what is wrong with the command line."""
    message, _, usage = str(error).partition("\n")
    print(f"error: {message}", file=sys.stderr)
    if usage:
        print(usage, file=sys.stderr)
    return Exit.USAGE
