"""Launchers on the fake machine: scripts that take `start`, `stop` and `status`, and the programs that commands are run through."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.fakehost.machine import FakeProcess, Machine


@dataclass
class Launcher:
    """What a script does. daemon: the words of the process that `start` leaves. codes: verb -> how the script ends, where it does
    not end well; for `status` whatever is said here is said always. hangs: the verbs that never end."""

    daemon: tuple[str, ...]
    codes: dict[str, int] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)


def add(machine: Machine, path: str, *daemon: str) -> Launcher:
    """Put a script on the machine."""
    machine.add_file(path, "#!/bin/sh\n", 0o755)
    launcher = Launcher(daemon or (f"{path}d",))
    machine.launchers[path] = launcher
    return launcher


def unwrapped(words: Sequence[str]) -> list[str]:
    """The command that is run in the end, behind prlimit, setpriv, sh and env."""
    left = list(words)
    while left:
        name = left[0].rpartition("/")[2]
        if name in ("prlimit", "setpriv") and "--" in left:
            left = left[left.index("--") + 1 :]
        elif name == "sh" and left[1:2] == ["-c"] and left[2].endswith('exec "$@"'):
            left = left[4:]
        elif name == "env":
            left = left[1:]
            while left and (left[0].startswith("--chdir=") or "=" in left[0]):
                left = left[1:]
        else:
            break
    return left


def folder(words: Sequence[str]) -> str:
    """The folder that a command is run in."""
    return next((word.removeprefix("--chdir=") for word in words if word.startswith("--chdir=")), "/")


def user(words: Sequence[str]) -> str:
    """Whom a command is run as."""
    return next((word.removeprefix("--reuid=") for word in words if word.startswith("--reuid=")), "root")


def daemons(machine: Machine, launcher: Launcher) -> list[FakeProcess]:
    return [process for process in machine.processes.values() if process.argv == launcher.daemon]


def answer(machine: Machine, words: Sequence[str]) -> int | None:
    """How a command ends that changes nothing: `true`, `false`, a launcher's `status`. None where it does not end."""
    name = words[0].rpartition("/")[2]
    if name in ("true", "false"):
        return int(name == "false")
    launcher = machine.launchers[words[0]]
    if "status" in launcher.hangs:
        return None
    return launcher.codes.get("status", 0 if daemons(machine, launcher) else 1)


def perform(machine: Machine, words: Sequence[str], verb_of: Sequence[str], cgroup: str, log: str) -> int | None:
    """Run a command that may change something: its exit code, or None where it does not end. verb_of: the words, unwrapped."""
    launcher = machine.launchers.get(verb_of[0])
    if launcher is None or verb_of[1:] == ["status"]:
        return answer(machine, verb_of)
    verb = verb_of[1]
    if verb in launcher.hangs:
        return None
    code = launcher.codes.get(verb, 0)
    if code == 0 and verb == "start" and not daemons(machine, launcher):
        process = machine.start_process(launcher.daemon, cgroup=cgroup, log=log, cwd=folder(words), owner=user(words))
        machine.hold(process, verb_of[0])
    if code == 0 and verb == "stop":
        for process in daemons(machine, launcher):
            machine.end_process(process, clean=True)
    return code
