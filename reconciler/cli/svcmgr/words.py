"""The verbs of svcmgr, as data: what each is in osvc's words, or what to do instead. Standard library only, as in cli/verb.py."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.cli.exits import UNDEFINED
from reconciler.cli.verb import VERBS, Verb


class Own(Verb):
    """A verb that only svcmgr has. takes: its options beside those of every verb. unnamed: whether no service means all.

    otherwise: what it ends with where it has no result; None for what osvc would end with.
    """

    __slots__ = ("otherwise", "takes", "unnamed")

    def __init__(
        self, name: str, about: str, *, takes: tuple[str, ...] = (), unnamed: bool = False, otherwise: int | None = None
    ) -> None:
        super().__init__(name, about)
        self.takes, self.unnamed, self.otherwise = takes, unnamed, otherwise

    @property
    def module(self) -> str:
        return f"reconciler.cli.svcmgr.{self.name.replace(' ', '_')}"

    @property
    def called(self) -> str:
        return f"svcmgr {self.name}"


OWN: Mapping[str, Own] = {
    verb.name: verb
    for verb in (
        Own("print status", "the status of each resource, as a tree"),
        Own("status", "the status as a word, and its number as exit code", otherwise=UNDEFINED),
        Own("print config", "the spec, as it is read on this node"),
        Own("create", "take FILE (--config) into the specs folder as NAME", takes=("--config",)),
        Own("svcmon", "a line for each service, of all or those named", unnamed=True),
    )
}

SAME = (
    *("start", "stop", "restart", "startstandby", "boot", "shutdown", "provision", "unprovision"),
    *("freeze", "thaw", "disable", "enable", "docker", "enter", "logs"),
)
"""The verbs that osvc has by the same name; beside those for a part of a service."""

PARTS = tuple(verb.name for verb in VERBS if verb.like in ("start", "stop") and verb.name != verb.like)

OSVC: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in (*SAME, *PARTS)},
    "json status": ("status", "--json", "-s"),
}
"""The words of svcmgr -> the words of osvc that do the same, the service last."""

OPERAND: Mapping[str, str] = {"enter": "--rid"}
"""Verb -> the option whose value osvc takes as an operand, behind the service."""

SETS = ("allservices", "allupservices", "alldownservices")
"""Names, also of links, that mean several services: all, those that are up (a warning counts), those that are not."""

NAMES = Own("names", "find the services of a set")
"""Whose module does so."""

_OTHER_NODE = "osvc knows its own node only: stop it here, and start it on the other node"
_NO_SYNC = "osvc replicates nothing: leave that to the storage, or to a timer with rsync"
_FILE = "a spec is a file: edit it, then osvc validate, osvc plan and osvc apply"
_NO_COLLECTOR = "there is no collector; osvc status --json and osvc history --json are there for others to read"
_WATCH = "osvc watch keeps services as they are to be"
_CLAIM = "a volume group is claimed by its tag; there are no reservations on its disks"

INSTEAD: Mapping[str, str] = {
    "switch": _OTHER_NODE,
    "migrate": _OTHER_NODE,
    "takeover": _OTHER_NODE,
    "giveback": _OTHER_NODE,
    "move": _OTHER_NODE,
    "toc": _OTHER_NODE,
    "stonith": _OTHER_NODE,
    **dict.fromkeys(
        (
            *("syncnodes", "syncdrp", "syncall", "syncupdate", "syncfullsync", "syncresync", "syncverify", "syncbreak"),
            *("syncsplit", "syncestablish", "syncresume", "syncquiesce", "syncrevert", "syncswap", "presync", "postsync"),
            *("sync nodes", "sync drp", "sync all", "sync update", "sync full", "sync resync", "sync verify"),
        ),
        _NO_SYNC,
    ),
    **dict.fromkeys(("set", "get", "unset", "edit config", "validate config", "install", "update"), _FILE),
    "delete": "take its file out of the specs folder; osvc plan --prune then shows what goes",
    "purge": "osvc stop, take its file out of the specs folder, and osvc apply --prune; data is never deleted",
    "deploy": "svcmgr -s NAME create --config FILE, then osvc apply",
    **dict.fromkeys(("push", "push appinfo", "push resinfo", "print env mtime"), _NO_COLLECTOR),
    "resource monitor": _WATCH,
    "freezestop": "stop: it stays down until it is started, also after a reboot; or freeze, then stop",
    "frozen": "print status says so, and svcmon",
    "monitor": "svcmon",
    **dict.fromkeys(("prstart", "prstop", "prstatus"), _CLAIM),
    **dict.fromkeys(("startshare", "stopshare"), "nothing is shared by osvc; leave exports to a systemd unit"),
    **dict.fromkeys(("print disklist", "print devlist", "print devs"), "osvc why RID NAME shows what a resource needs and claims"),
    "print schedule": "osvc schedules nothing; a systemd timer does",
    "print resinfo": "osvc why RID NAME, and osvc images",
    **dict.fromkeys(("abort", "clear"), "Ctrl-C ends a run, and osvc status tells of the last one that failed"),
    **dict.fromkeys(("run", "scale", "snooze", "eval"), "osvc has nothing like it"),
    "podman": "the engine of a service is Docker: docker",
}
"""The verbs of the reference that have no equivalent -> what to do instead."""

PREFIXES: Mapping[str, str] = {"collector": _NO_COLLECTOR, "compliance": "osvc keeps services, and does not audit nodes"}
"""The same for all verbs that begin so."""

OPTIONS: Mapping[str, str] = {
    "--rid": "--rid",
    "--tags": "--tags",
    "--force": "--force",
    "--provision": "--provision",
    "--disable-rollback": "--no-rollback",
    "--no-rollback": "--no-rollback",
    "--waitlock": "--wait",
    "--wait": "--wait",
    "--dry-run": "--dry-run",
    "--reason": "--reason",
    "--config": "--config",
    "--subset": "--subset",
    "--follow": "--follow",
    "-f": "--follow",
    "--tail": "--tail",
    "--since": "--since",
    "--yes": "--yes",
    "-y": "--yes",
    "--debug": "--debug",
    "--color": "--color",
}
"""The options of svcmgr -> osvc's."""

VALUED = frozenset({"--rid", "--tags", "--waitlock", "--wait", "--reason", "--config", "--color", "--subset", "--tail", "--since"})

NEEDLESS = frozenset({"--parallel", "--cluster", "--local", "--cron"})
"""Options that ask for what osvc does anyway, or for nothing that it knows: services are worked on side by side, and here."""

OPTIONS_INSTEAD: Mapping[str, str] = {
    "--to": _OTHER_NODE,
    "--node": _OTHER_NODE,
    "--param": _FILE,
    "--value": _FILE,
    "--kw": _FILE,
    "--resource": _FILE,
    "--template": "write the spec, and give it as --config FILE",
    "--env": "write the spec, and give it as --config FILE",
    "--ignore-affinity": "no service of osvc keeps another one away",
    "--onlyprimary": "osvc knows its own node only; name the services",
    "--onlysecondary": "osvc knows its own node only; name the services",
    "--status": "name the services, or patterns of names",
    "--master": "osvc manages nothing inside of containers",
    "--slave": "osvc manages nothing inside of containers",
    "--slaves": "osvc manages nothing inside of containers",
    "--upto": "osvc start --rid names what is to be up; what it needs comes along",
    "--downto": "osvc stop --rid names what is to be down; what holds it goes first",
}
