"""Processes on Linux: /proc, pidfds, and daemons that outlive osvc."""

import contextlib
import errno
import json
import marshal
import os
import select
import signal as signals
import stat as modes
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.core import units
from reconciler.host.errors import Denied, NotFound, Permanent
from reconciler.host.linux import cgroups, faults, files, sockets, users
from reconciler.host.linux.clock import Stop
from reconciler.host.ports import FileStat, Mount, Process, User

_DETACH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "detach.py")
_RUNS = f"import sys; sys.path.append({os.path.dirname(_DETACH)!r}); import detach; detach.main()"
"""What an interpreter is told: a program that is run by its path is compiled each time, a module once."""
_DEAD = frozenset("ZXx")
_NOBODY = Process(0, 0, ())
"""Somebody who cannot be named: in another pid namespace, or hidden."""
_LINKS = 40
"""How many symbolic links a path may lead through, as in the kernel."""
_UNIT = 10.0
"""How long a unit of systemd that has ended may be in the way of its successor, in seconds."""
_PAUSE = 0.1
_SLICE = 0.5
"""How long a wait may go on after the run was asked to stop, in seconds."""


class LinuxProcesses:
    def __init__(self, stop: Stop | None = None) -> None:
        self._stop = stop

    def all(self) -> tuple[Process, ...]:
        """See Processes.all. Zombies have ended and are left out."""
        pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
        return tuple(found for found in map(_named, pids) if found is not None)

    def get(self, pid: int) -> Process | None:
        """See Processes.get. A zombie has ended: None."""
        named = _named(pid)
        if named is None:
            return None
        found = replace(named, exe=_link(f"/proc/{pid}/exe"), cwd=_link(f"/proc/{pid}/cwd"))
        return found if start_of(pid) == found.started else None

    def lives(self, pid: int) -> bool:
        """See Processes.lives. What cannot be read for another reason than that it is not there is taken to live."""
        try:
            state = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        except OSError as error:
            return error.errno not in (errno.ENOENT, errno.ESRCH)
        return bool(state) and state[0] not in _DEAD

    def peer(self, socket: str) -> Process | None:
        """See Processes.peer. A Process with pid 0 when the listener cannot be named."""
        pid = sockets.peer_pid(socket)
        if pid is None:
            return None
        return (self.get(pid) if pid > 0 else None) or _NOBODY

    def listener(self, address: str, port: int, protocol: str = "tcp") -> Process | None:
        inode = sockets.listening_inode(address, port, protocol)
        if inode is None:
            return None
        pid = sockets.owner(inode)
        return (self.get(pid) if pid > 0 else None) or _NOBODY

    def signal(self, process: Process, number: int) -> bool:
        """See Processes.signal. Raises Denied for osvc, its ancestors and pid 1."""
        if process.pid <= 1 or process.pid in _ancestry():
            raise Denied(f"refused to signal pid {process.pid}: it is init, osvc itself, or what started osvc")
        descriptor = _open(process)
        if descriptor is None:
            return False
        try:
            signals.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        except OSError as error:
            raise faults.of_errno(error, f"cannot signal pid {process.pid}") from None
        finally:
            os.close(descriptor)
        return True

    def users(self, mount: Mount) -> tuple[User, ...]:
        """See Processes.users."""
        spared = {1: "init", **dict.fromkeys(_ancestry(), "what runs osvc"), os.getpid(): "osvc itself"}
        found: list[User] = []
        far = users.far_below(mount)
        for process in self.all():
            how = users.how_it_uses(process.pid, mount, far)
            if how and start_of(process.pid) == process.started:
                found.append(User(process, how, spared.get(process.pid) or users.why_spared(process.pid)))
        return tuple(found)

    def openers(self, path: str) -> tuple[Process, ...]:
        """See Processes.openers."""
        return tuple(process for process in self.all() if users.has_open(process.pid, path))

    def wait_gone(self, process: Process, timeout: float) -> bool:
        """See Processes.wait_gone. False, early, when the run is asked to stop meanwhile."""
        descriptor = _open(process)
        if descriptor is None:
            return True
        try:
            waiting = select.poll()
            waiting.register(descriptor, select.POLLIN)
            end = time.monotonic() + timeout
            while True:
                left = max(0.0, end - time.monotonic())
                if waiting.poll(min(left, _SLICE) * 1000):
                    return True
                if left == 0.0 or (self._stop is not None and self._stop.is_set()):
                    return False
        finally:
            os.close(descriptor)

    def stat_in(self, process: Process, path: str) -> FileStat | None:
        """See Processes.stat_in. Links are followed as that process would. Raises NotFound when the process has ended."""
        descriptor = _open(process)
        if descriptor is None:
            raise NotFound(f"pid {process.pid} has ended")
        os.close(descriptor)
        root = f"/proc/{process.pid}/root"
        try:
            found = os.stat(root + _within(root, path), follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            found = None
        except OSError as error:
            raise faults.of_errno(error, f"cannot look at {path} as pid {process.pid} sees it") from None
        if start_of(process.pid) != process.started:
            raise NotFound(f"pid {process.pid} has ended")
        return None if found is None else files.record(found)

    def spawn(self, argv: Sequence[str], *, log: str, env: Mapping[str, str], cgroup: str, generous: bool = False) -> Process:
        """See Processes.spawn. Raises NotFound (no such program)."""
        answer = _launched({"argv": list(argv), "log": log, "env": dict(env), "generous": generous}, cgroup)
        pid = int(str(answer["pid"]))
        found = self.get(pid)
        return found if found is not None else Process(pid, 0, tuple(argv))

    def call(self, argv: Sequence[str], *, log: str, env: Mapping[str, str], cgroup: str, timeout: float) -> int:
        """See Processes.call. The program that starts it waits, and keeps the time even if osvc ends meanwhile."""
        answer = _launched({"argv": list(argv), "log": log, "env": dict(env), "wait": timeout}, cgroup)
        if "code" not in answer:
            raise Permanent(f"{argv[0]} did not end within {timeout:g} s, and was killed")
        return int(str(answer["code"]))

    def members(self, cgroup: str) -> tuple[Process, ...]:
        found = (self.get(pid) for pid in cgroups.members(cgroup))
        return tuple(sorted((process for process in found if process is not None), key=lambda one: (one.started, one.pid)))

    def has_cgroup(self, name: str) -> bool:
        return cgroups.exists(name)

    def drop_cgroup(self, name: str) -> bool:
        return cgroups.remove(name)


def _named(pid: int) -> Process | None:
    """What names a process that has not ended, without its exe and cwd; or None."""
    started = start_of(pid)
    try:
        words = _text(f"/proc/{pid}/cmdline")
    except OSError:
        return None
    if started is None or start_of(pid) != started:
        return None
    return Process(pid, started, tuple(words.removesuffix("\0").split("\0")) if words else ())


def start_of(pid: int) -> int | None:
    """The start time of a process that has not ended; None of one that has, or of none."""
    try:
        words = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    except OSError:
        return None
    return None if not words or words[0] in _DEAD else int(words[19])


def _text(path: str) -> str:
    """A file of /proc, read without the layers of `open`: a list of all processes reads hundreds."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
    finally:
        os.close(descriptor)
    return b"".join(parts).decode("utf-8", "replace")


def _open(process: Process) -> int | None:
    """A pidfd of the process; None when it has ended. The start time is read once it is open: the pidfd then names it for good."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError as error:
        if error.errno in (errno.ESRCH, errno.EINVAL):
            return None
        raise faults.of_errno(error, f"cannot open pid {process.pid}") from None
    if start_of(process.pid) != process.started:
        os.close(descriptor)
        return None
    return descriptor


def _ancestry() -> set[int]:
    """The pids of osvc and of everything above it."""
    pid, found = os.getpid(), set[int]()
    while pid > 0 and pid not in found:
        found.add(pid)
        try:
            pid = int(_text(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])
        except OSError:
            break
    return found


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _within(root: str, path: str) -> str:
    """The path with its links resolved below `root`: an absolute link must not lead back to our own root."""
    done, todo, links = "", [part for part in path.split("/") if part], 0
    while todo:
        part = todo.pop(0)
        if part == ".":
            continue
        if part == "..":
            done = done.rpartition("/")[0]
            continue
        if modes.S_ISLNK(os.lstat(f"{root}{done}/{part}").st_mode):
            links += 1
            if links > _LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            target = os.readlink(f"{root}{done}/{part}")
            todo = [word for word in target.split("/") if word] + todo
            done = "" if target.startswith("/") else done
            continue
        done = f"{done}/{part}"
    return done or "/"


def _launched(task: dict[str, object], cgroup: str) -> dict[str, object]:
    """What the detach program answers about a task in this cgroup; what it names by an error number is raised. The environment
    goes through a pipe, for it may hold secrets."""
    fresh = not cgroups.exists(cgroup)
    answer = _in_its_unit(marshal.dumps({**task, "cgroups": list(cgroups.folders(cgroup))}), cgroup)
    if "errno" not in answer:
        return answer
    if fresh:
        cgroups.remove(cgroup)
    argv = task["argv"]
    assert isinstance(argv, list)
    number = int(str(answer["errno"]))
    raise faults.of_errno(OSError(number, os.strerror(number)), f"cannot start {argv[0]}")


def _in_its_unit(task: bytes, cgroup: str) -> dict[str, object]:
    """What the detach program answers, run in the unit of systemd that the cgroup is in, if it is in one. Where something lives in
    that, it is entered; else it is made. One that has just lost its last process is in the way until systemd has seen it."""
    unit = units.unit_of(cgroup)
    end = time.monotonic() + _UNIT
    while True:
        lives = not unit or bool(cgroups.members(units.cgroup(unit)))
        text, said = _detached(task, () if lives else units.begun(unit))
        if text or lives or time.monotonic() > end:
            break
        time.sleep(_PAUSE)
    try:
        return dict(json.loads(text))
    except ValueError:
        why = said.strip().rpartition("\n")[2] or "the program that starts it gave no answer"
        raise Permanent(f"cannot start a daemon{f' in {unit}' if unit else ''}: {why}") from None


def _detached(task: bytes, through: tuple[str, ...]) -> tuple[str, str]:
    """Run the detach program, by way of a command that becomes it, if one is given. What it wrote, and what it complained of.
    posix_spawn, for a process with threads must not fork."""
    words = [*through, sys.executable, "-I", "-S", "-c", _RUNS]
    question, ask = os.pipe()
    answer, report = os.pipe()
    trouble, complain = os.pipe()
    try:
        pid = os.posix_spawnp(
            words[0],
            words,
            {"PATH": os.environ.get("PATH", os.defpath)},
            file_actions=[(os.POSIX_SPAWN_DUP2, end, n) for n, end in enumerate((question, report, complain))],
            setpgroup=0,
            setsigmask=(),
        )
    except OSError as error:
        for end in (ask, answer, trouble):
            os.close(end)
        raise faults.of_errno(error, "cannot start a daemon") from None
    finally:
        for end in (question, report, complain):
            os.close(end)
    try:
        with contextlib.suppress(BrokenPipeError), os.fdopen(ask, "wb") as stream:
            stream.write(task)
        with os.fdopen(answer, "rb") as out, os.fdopen(trouble, "rb") as err:
            return out.read().decode(), err.read().decode(errors="replace")
    finally:
        os.waitpid(pid, 0)
