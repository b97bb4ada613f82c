"""FakeProcesses: processes of the fake machine, and what dockerd and containerd do when they are started or told to end."""

import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from signal import SIGHUP, SIGKILL

from reconciler.core.ids import NAME
from reconciler.host.errors import Busy, Denied, NotFound, Permanent
from reconciler.host.linux.sockets import collides, wanted_address
from reconciler.host.ports import FileStat, Mount, Process, User
from tests.fakehost import launchers
from tests.fakehost.machine import FakeProcess, Machine

_CGROUPS = "/sys/fs/cgroup"
_OSVC = 99
_ENGINES = ("osvc", "docker")


class FakeProcesses:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def all(self) -> tuple[Process, ...]:
        self._machine.look("processes")
        found = (_record(self._machine.processes[pid]) for pid in sorted(self._machine.processes))
        return tuple(replace(process, exe="", cwd="") for process in found)

    def get(self, pid: int) -> Process | None:
        self._machine.look(f"process {pid}")
        found = self._machine.processes.get(pid)
        return _record(found) if found is not None else None

    def lives(self, pid: int) -> bool:
        self._machine.look(f"process {pid}")
        return pid in self._machine.processes

    def peer(self, socket: str) -> Process | None:
        self._machine.look(f"peer {socket}")
        found = listener_of(self._machine, socket)
        return _record(found) if found is not None else None

    def listener(self, address: str, port: int, protocol: str = "tcp") -> Process | None:
        self._machine.look(f"listener {address}:{port}/{protocol}")
        wanted = wanted_address(address, protocol)
        for process in self._machine.processes.values():
            for kind, bound, number in process.ports:
                if (kind, number) == (protocol, port) and collides(wanted, ip_address(bound)):
                    return _record(process)
        return None

    def signal(self, process: Process, number: int) -> bool:
        if process.pid in (0, 1, _OSVC):
            raise Denied(f"refused to signal pid {process.pid}: it is init, osvc itself, or what started osvc")
        machine = self._machine
        machine.look(f"about to signal {int(number)} {process.pid}")
        found = self._same(process)
        if found is None:
            return False
        with machine.effect(f"signal {int(number)} {process.pid}"):
            found.signals.append(int(number))
            if any(hook(found, int(number)) for hook in machine.on_signal):
                return True
            if number == 0 or (number in found.ignores and number != SIGKILL):
                return True
            machine.end_process(found, clean=number != SIGKILL)
        return True

    def users(self, mount: Mount) -> tuple[User, ...]:
        self._machine.look(f"users of {mount.target}")
        found: list[User] = []
        for pid, process in sorted(self._machine.processes.items()):
            if any(held.id == mount.id for held in process.holds):
                spared = {1: "init", _OSVC: "osvc itself"}.get(pid) or (
                    "of an engine" if process.cgroup.startswith(_ENGINES) else ""
                )
                found.append(User(replace(_record(process), exe="", cwd=""), process.how, spared))
        return tuple(found)

    def openers(self, path: str) -> tuple[Process, ...]:
        self._machine.look(f"openers of {path}")
        pid = self._machine.opened.get(path, 0)
        return (_record(self._machine.processes[pid]),) if pid in self._machine.processes else ()

    def wait_gone(self, process: Process, timeout: float) -> bool:
        self._machine.look(f"wait for {process.pid}")
        if self._same(process) is None:
            return True
        self._machine.pass_time(timeout)
        return self._same(process) is None

    def stat_in(self, process: Process, path: str) -> FileStat | None:
        self._machine.look(f"stat {path} in {process.pid}")
        found = self._same(process)
        if found is None:
            raise NotFound(f"pid {process.pid} has ended")
        if path in found.sees:
            return found.sees[path]
        return self._machine.tree.stat(path)

    def spawn(self, argv: Sequence[str], *, log: str, env: Mapping[str, str], cgroup: str, generous: bool = False) -> Process:
        machine, words = self._machine, tuple(argv)
        _check_cgroup(cgroup)
        with machine.effect(f"spawn {shlex.join(words)}"):
            self._ready(words, log, cgroup)
            own = tuple(launchers.unwrapped(words))
            name = own[0].rpartition("/")[2]
            place = launchers.folder(words)
            process = machine.start_process(own, env=dict(env), cgroup=cgroup, log=log, cwd=place, owner=launchers.user(words))
            if machine.program(own[0]) is None:
                machine.tree.append(log, f"{words[0]}: failed to execute {own[0]}: No such file or directory\n")
                machine.end_process(process, clean=False)
                return _record(process)
            for path in (place, own[0]):
                if path.startswith("/") and path != "/":
                    machine.hold(process, path)
            record = _record(process)
            trouble = _START[name](machine, process) if name in _START else ""
            if trouble:
                machine.tree.append(log, f"{trouble}\n")
                process.sockets.clear()
                machine.end_process(process, clean=False)
            else:
                for hook in machine.on_spawn:
                    hook(process)
        return record

    def call(self, argv: Sequence[str], *, log: str, env: Mapping[str, str], cgroup: str, timeout: float) -> int:
        machine, words = self._machine, tuple(argv)
        _check_cgroup(cgroup)
        with machine.effect(f"call {shlex.join(words)}"):
            self._ready(words, log, cgroup)
            own = launchers.unwrapped(words)
            if machine.program(own[0]) is None:
                machine.tree.append(log, f"{words[0]}: failed to execute {own[0]}: No such file or directory\n")
                return 127
            code = launchers.perform(machine, words, own, cgroup, log)
        if code is None:
            machine.pass_time(timeout)
            raise Permanent(f"{words[0]} did not end within {timeout:g} s, and was killed")
        return code

    def members(self, cgroup: str) -> tuple[Process, ...]:
        self._machine.look(f"members {cgroup}")
        _check_cgroup(cgroup)
        found = [one for one in self._machine.processes.values() if f"{one.cgroup}/".startswith(f"{cgroup}/")]
        return tuple(_record(one) for one in sorted(found, key=lambda one: (one.started, one.pid)))

    def has_cgroup(self, name: str) -> bool:
        self._machine.look(f"cgroup {name}")
        _check_cgroup(name)
        return self._machine.tree.find(f"{_CGROUPS}/{name}") is not None

    def drop_cgroup(self, name: str) -> bool:
        _check_cgroup(name)
        machine = self._machine
        folder = machine.tree.find(f"{_CGROUPS}/{name}")
        if folder is None:
            machine.look(f"cgroup {name}")
            return False
        with machine.effect(f"drop_cgroup {name}"):
            for process in machine.processes.values():
                if f"{process.cgroup}/".startswith(f"{name}/"):
                    raise Busy(f"cannot remove the cgroup {_CGROUPS}/{name}: busy (pid {process.pid})")
            assert folder.parent is not None
            del folder.parent.children[name.rpartition("/")[2]]
        return True

    def _ready(self, words: tuple[str, ...], log: str, cgroup: str) -> None:
        """What has to be there before anything is executed."""
        machine = self._machine
        if machine.program(words[0]) is None or machine.tree.find(log.rpartition("/")[0] or "/") is None:
            raise NotFound(f"cannot start {words[0]}: no such file or directory")
        machine.tree.append(log, "")
        machine.tree.make_dir(f"{_CGROUPS}/{cgroup}", 0o755)

    def _same(self, process: Process) -> FakeProcess | None:
        found = self._machine.processes.get(process.pid)
        return found if found is not None and found.started == process.started else None


def listener_of(machine: Machine, socket: str) -> FakeProcess | None:
    """Who answers on a unix socket: the file has to be there, and the process."""
    path = machine.tree.walk(socket).path
    if machine.tree.find(path) is None:
        return None
    return next((process for process in machine.processes.values() if path in process.sockets), None)


def options_of(argv: Sequence[str]) -> dict[str, list[str]]:
    """The options of a daemon's command line, by long name: "--host" -> its values."""
    short = {"-H": "--host", "-p": "--pidfile", "-c": "--config", "-g": "--data-root"}
    found: dict[str, list[str]] = {}
    todo = list(argv[1:])
    while todo:
        name, sign, value = todo.pop(0).partition("=")
        if not sign and todo and not todo[0].startswith("-"):
            value = todo.pop(0)
        found.setdefault(short.get(name, name), []).append(value)
    return found


def _dockerd(machine: Machine, process: FakeProcess) -> str:
    """A dockerd comes up, or says in its log why not: "" or the line."""
    options = options_of(process.argv)
    data_root = options.get("--data-root", ["/var/lib/docker"])[-1]
    pid_file = options.get("--pidfile", ["/var/run/docker.pid"])[-1]
    exec_root = options.get("--exec-root", ["/var/run/docker"])[-1]
    named = (machine.tree.read(pid_file, 100) or "0").strip()
    if named.isdigit() and int(named) in machine.processes:
        return f"failed to start daemon: pid file found, ensure docker is not running or delete {pid_file}"
    for socket in options.get("--containerd", []):
        if listener_of(machine, socket) is None:
            return f"failed to start containerd: timeout waiting for {socket}"
    for bridge in options.get("--bridge", []):
        if bridge not in machine.net.links and bridge != "none":
            return f"failed to start daemon: Error initializing network controller: bridge {bridge} does not exist"
    group = options.get("--group", ["docker"])[-1]
    if "--group" in options and group not in machine.groups:
        return f"failed to load listeners: can't create unix socket: group {group} not found"
    for folder in (data_root, exec_root, pid_file.rpartition("/")[0]):
        machine.tree.make_dir(folder, 0o710)
    machine.tree.make_dir(f"{data_root}/containers", 0o710)
    machine.tree.make_dir(f"{data_root}/overlay2", 0o710)
    machine.tree.write(pid_file, str(process.pid), 0o644)
    process.files.append(pid_file)
    for host in options.get("--host", ["unix:///var/run/docker.sock"]):
        _listen(machine, process, host.removeprefix("unix://"), gid=machine.groups.get(group, 0))
    process.ignores.add(SIGHUP)
    machine.hold(process, data_root)
    return ""


def _containerd(machine: Machine, process: FakeProcess) -> str:
    options = options_of(process.argv)
    settings: dict[str, object] = {}
    for path in options.get("--config", []):
        text = machine.tree.read(path, 1 << 20)
        if text is None:
            return f"containerd: failed to load TOML: {path}: no such file or directory"
        settings = tomllib.loads(text)
    grpc = settings.get("grpc", {})
    socket = options.get("--address", [grpc.get("address", "") if isinstance(grpc, dict) else ""])[-1]
    root = options.get("--root", [str(settings.get("root", ""))])[-1]
    _listen(machine, process, socket or "/run/containerd/containerd.sock")
    machine.tree.make_dir(root or "/var/lib/containerd", 0o711)
    machine.hold(process, root or "/var/lib/containerd")
    return ""


_START = {"dockerd": _dockerd, "containerd": _containerd}


def _listen(machine: Machine, process: FakeProcess, socket: str, gid: int = 0) -> None:
    machine.tree.make_dir(socket.rpartition("/")[0], 0o711)
    path = machine.tree.walk(socket).path
    machine.tree.remove(path)
    machine.tree.put(path, "socket", 0o660, gid=gid)
    process.sockets.append(path)


def _record(process: FakeProcess) -> Process:
    return Process(process.pid, process.started, process.argv, process.exe, process.cwd)


def _check_cgroup(name: str) -> None:
    if not all(NAME.fullmatch(part) for part in name.split("/")):
        raise Permanent(f"cannot use {name!r} as the name of a cgroup")
