"""The verbs: what `osvc --help` shows. Not even argparse is needed for that; cli/takes.py has the options of each."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from reconciler.cli.exits import Exit


class Usage(Exception):
    """The command line is wrong. The message says what, and what to do about it."""


class Verb:
    """One verb.

    more: what its help says besides. like: the verb whose file in cli/verbs, and whose options, it has: itself, unless it
    does the same to less. types: the resource types that it works on; () is all. raw: everything behind so many operands is
    passed on as it is; 0: nothing is. lines: its `--json` is lines, of which the last is the result; else it is one document.
    machine: it looks at the machine, which takes root.
    """

    __slots__ = ("about", "like", "lines", "machine", "more", "name", "raw", "types")

    def __init__(
        self,
        name: str,
        about: str,
        more: str = "",
        *,
        like: str = "",
        types: tuple[str, ...] = (),
        raw: int = 0,
        lines: bool = False,
        machine: bool = True,
    ) -> None:
        self.name = name
        self.about = about
        self.more = more
        self.like = like or name
        self.types = types
        self.raw = raw
        self.lines = lines
        self.machine = machine

    @property
    def module(self) -> str:
        return f"reconciler.cli.verbs.{self.like}"

    @property
    def called(self) -> str:
        """As a person types it."""
        return f"osvc {self.name}"


DISKS = ("vg", "lv", "loop", "raw")
STORAGE = (*DISKS, "fs", "directory")
STAGES = (
    ("ip", "addresses", ("ip",)),
    ("disk", "volume groups, logical volumes and loop devices", DISKS),
    ("vg", "volume groups", ("vg",)),
    ("fs", "filesystems and disks", (*DISKS, "fs", "directory", "flag")),
    ("container", "containers and engines", ("dockerd", "network", "volume", "container")),
    ("app", "programs", ("app",)),
)
"""The parts of a service that can be started and stopped by a verb of their own, as in OpenSVC: what the verb ends with, what they
are, their resource types."""


_FAMILY = "What else is worked on is named in the plan. What is wanted of the services stays: watch and apply go by that."


def _family(verb: str, does: str, others: str) -> tuple[Verb, ...]:
    return tuple(
        Verb(f"{verb}{name}", f"{does} the {what} of services, and {others}", _FAMILY, like=verb, types=types, lines=True)
        for name, what, types in STAGES
    )


_RESTART = """\
It is one plan: what holds what goes down is taken along, and what is on standby stays up, unless its very rid is named. With
--rid, --tags or --subset only that part, and what is wanted of the service stays as it is. What an edited spec replaces
meanwhile is asked for."""
_STANDBY = "It comes up with what it needs, whether its service is wanted up here or not; what is wanted of that stays as it is."
_BOOT = """\
Services come up that are to run here (autostart_node, or nodes), and of the others what is on standby. Who stopped, started or
froze a service before is heeded. A spec that is not valid, and a plan that interrupts something, keep only their own service
from coming up; a start that fails is undone, and what is on standby is brought up then."""
_SHUTDOWN = """\
What is on standby goes down as well, and so does what is frozen. What is wanted of the services stays as it is: boot brings
them back, and so would watch, which has to be ended first. To stop all of them is asked for, or takes --yes."""
_PROVISION = """\
It is a start of the storage alone, with --provision: what a spec marks with provision: true is made where there is nothing at
all. No container is started."""
_UNPROVISION = """\
What is destroyed is asked for by name, or takes --yes: logical volumes, with all that is on them, and volume groups that osvc
made, as LVM's uuid proves, and nothing else. What osvc did not make is refused, with the command that a person would use; then
nothing is done."""
_FREEZE = """\
Plan and status say who froze it, and why. What somebody types is done all the same: start, stop, restart. A run that is at work
goes on; shutdown stops a frozen service, and boot leaves it down."""
_DISABLE = """\
It is as if the spec said `disable: true`, and no file is edited: nothing is done to the resource, up or down, by no verb, and
its status does not count. Without --rid, --tags or --subset: the whole service."""
_AGENT = """\
It is watch as a service of the machine: there is one on a node, and a second one is refused (exit 5). What only looks (status,
ls, plan, diff, why and others) is asked of it while it runs, by a socket in OSVC_RUN_DIR, and so takes a moment only."""
_ENABLE = "A service that was disabled as a whole is enabled as a whole. What its spec disables stays disabled."

GROUPS = (
    (
        "every day",
        (
            Verb("validate", "check specs, and report every error of every file", machine=False),
            Verb("plan", "show what is different, why, and what would be done"),
            Verb("apply", "make it so", lines=True),
            Verb("watch", "keep it so", lines=True),
            Verb("agent", "keep it so, as the one agent of this node", _AGENT, lines=True),
            Verb("status", "show each service and its resources"),
            Verb("ls", "show a line for each service: its state, what is up, what drifted"),
        ),
    ),
    (
        "by hand",
        (
            Verb("start", "want a service up, and bring it up", lines=True),
            Verb("stop", "want a service down, and bring it down", lines=True),
            Verb("restart", "take a service down and bring it up again", _RESTART, lines=True),
            Verb("startstandby", "bring up what is on standby, and nothing else", _STANDBY, lines=True),
            Verb("boot", "as this host comes up: start what is to run on it", _BOOT, lines=True),
            Verb("shutdown", "as it goes down: stop all; boot brings it back", _SHUTDOWN, lines=True),
            Verb("provision", "make the storage that is missing, and bring it up", _PROVISION, types=STORAGE, lines=True),
            Verb("unprovision", "bring storage down, and destroy what osvc made of it", _UNPROVISION, types=STORAGE, lines=True),
            *_family("start", "bring up", "what they need"),
            *_family("stop", "bring down", "what holds them"),
            Verb("freeze", "leave services as they are: apply, watch and boot pass them by", _FREEZE, machine=False),
            Verb("thaw", "take a freeze back", machine=False),
            Verb("disable", "leave resources, or services, out of everything", _DISABLE, machine=False),
            Verb("enable", "take back what was disabled", _ENABLE, machine=False),
            Verb("docker", "run docker against the engine of a service", raw=1),
            Verb("enter", "open a shell in a container of a service"),
            Verb("exec", "run a command in a container of a service", raw=2),
        ),
    ),
    (
        "looking closer",
        (
            Verb("logs", "show what containers say, of several in the order of time"),
            Verb("diff", "show what differs between specs and machine, keyword by keyword"),
            Verb("graph", "draw what the resources of a service need of each other"),
            Verb("why", "show who holds a resource, what it needs, who changed it last"),
            Verb("events", "follow what the agent of this node does and notices", lines=True),
            Verb("images", "show which image each container is to run, and which it runs"),
            Verb("doctor", "show what this machine has and lacks for osvc", machine=False),
            Verb("snapshot", "record what is on this machine, to plan against elsewhere"),
        ),
    ),
    (
        "what was done",
        (
            Verb("history", "show what was done here, run by run", machine=False),
            Verb("show", "show one run: its steps, their commands, what became of them", machine=False),
            Verb("undo", "take a service back to what it was before a run", lines=True),
            Verb("case", "look at what a failed run left, and plan again from it", machine=False),
        ),
    ),
    (
        "the words themselves",
        (
            Verb("explain", "tell what a keyword of a spec means, and what a change costs", machine=False),
            Verb("completion", "print what makes a shell complete osvc's words", raw=1, machine=False),
            Verb("man", "print the manual page", machine=False),
            Verb("schema", "print the JSON Schema of specs and documents", machine=False),
        ),
    ),
)
"""What `osvc --help` shows, in its order."""

VERBS = tuple(verb for _, verbs in GROUPS for verb in verbs)


_GONE = "take its file out of the specs folder; osvc plan --prune then shows what goes"

ELSEWHERE = {
    "up": "osvc apply makes it so",
    "deploy": "osvc apply makes it so",
    "reload": "osvc apply makes of an edited spec what it says",
    "down": "osvc stop brings a service down",
    "kill": "osvc stop brings a service down",
    "rm": _GONE,
    "delete": _GONE,
    "ps": "osvc status shows each service and its resources",
    "list": "osvc ls shows a line for each service",
    "print": "osvc status shows them; svcmgr -s NAME print status as OpenSVC does",
    "config": "osvc validate checks a spec; svcmgr -s NAME print config shows how it is read here",
    "create": "a spec is a file: write it, then osvc plan and osvc apply",
    "edit": "a spec is a file: edit it, then osvc plan and osvc apply",
    "run": "osvc exec runs a command in a container",
    "shell": "osvc enter opens a shell in a container",
    "pull": "osvc apply fetches the images that specs name",
    "version": "osvc --version",
}
"""Words of other programs of this kind -> what does that here."""


def verb_called(name: str) -> Verb:
    """The verb of this name. Raises Usage, with the nearest names."""
    for verb in VERBS:
        if verb.name == name:
            return verb
    if name in ELSEWHERE:
        raise Usage(f"there is no verb {name!r}; {ELSEWHERE[name]}")
    guess = did_you_mean(name, [verb.name for verb in VERBS])
    raise Usage(f"unknown verb {name!r}{guess or '; osvc --help lists the verbs'}")


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """ "; did you mean 'apply'?", or "" when nothing is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def overview() -> str:
    """The text of `osvc --help`."""
    verbs = "\n\n".join(f"{title}:\n{_lines(group)}" for title, group in GROUPS)
    codes = "\n".join(f"  {code:<12}{text}" for code, text in CODES)
    about = "\n".join(ABOUT)
    environment = "\n".join(f"  {name:<16} {text}" for name, text in ENVIRONMENT)
    return f"""\
usage: osvc VERB [OPTIONS] [PATH ...]
       osvc VERB --help

{about}

{verbs}

options:
  --help      show this text, or that of a verb
  --version   show the version

exit codes:
{codes}

environment:
{environment}
"""


def _lines(verbs: Sequence[Verb]) -> str:
    """A line for each verb; those that do the same to less share one."""
    lines = [f"  {verb.name:<13}{verb.about}" for verb in verbs if verb.like == verb.name]
    for like in dict.fromkeys(verb.like for verb in verbs if verb.like != verb.name):
        lines.append(f"  {', '.join(verb.name for verb in verbs if verb.like == like and verb.name != like)}")
    if any(verb.like != verb.name for verb in verbs):
        lines.append(f"{'':<15}the same for one kind of resource")
    return "\n".join(lines)


ABOUT = (
    "A folder of service specs says what should run on this machine.",
    "osvc makes it so with the fewest, smallest, safest steps.",
)

ENVIRONMENT = (
    ("OSVC_CONFIG", "the node's configuration (default: /etc/osvc/osvc.yaml)"),
    ("OSVC_STATE_DIR", "what osvc remembers (default: /var/lib/osvc)"),
    ("OSVC_RUN_DIR", "sockets and pid files (default: /run/osvc)"),
    ("OSVC_AGENT", "off: verbs that look do it themselves, and ask no agent"),
    ("NO_COLOR", "no colours"),
)

CODES = (
    ("0", "converged, or nothing to do"),
    ("1", "error"),
    ("2", "plan, diff, --dry-run: changes to make; case replay: another plan"),
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
