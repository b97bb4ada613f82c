"""Patience: which paths may never answer, and how to look at them all the same: from a process that can be left behind.

A call on a filesystem whose server is gone waits in the kernel, and nothing ends it, not even a signal. So what lies on a
filesystem of a kind that knows such servers, or that did not answer once, is looked at by an outpost (outpost.py).
"""

import contextlib
import json
import os
import select
import signal
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from typing import Any, Final

from reconciler.host import errors
from reconciler.host.errors import HostError, Permanent, Transient
from reconciler.host.linux import faults
from reconciler.host.linux.table import read_table
from reconciler.host.ports import Mount

WAIT: Final = 5.0
"""Seconds that a look may take where nobody says otherwise."""
_FAR: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs", "lustre", "glusterfs", "fuse", "fuseblk"})
_PROGRAM: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "outpost.py")
_LINKS: Final = 40


class Patience:
    """Shared by the ports of a host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Outpost] = []
        self._left: list[int] = []
        self._watch: tuple[int, select.poll] | None = None
        self._points: frozenset[str] = frozenset()
        self._silent: frozenset[str] = frozenset()

    def covers(self, path: str) -> bool:
        """Whether a path leads, by whatever links, onto a filesystem that may not answer. The way up to there is safe to walk."""
        points = self._far_points() | self._silent
        return bool(points) and _leads_onto(path, points)

    def ask(self, verb: str, path: str, timeout: float = WAIT, **options: Any) -> Any:
        """What an outpost sees. Raises HostError: Transient when it does not answer in time."""
        outpost = self._take()
        outpost.ask(verb, path, options)
        return self._answer(outpost, path, time.monotonic() + timeout, timeout)

    def silent(self, mounts: Mapping[str, tuple[Mount, float]]) -> frozenset[str]:
        """The mount points whose filesystem does not answer in time; all are asked at once. Looks below them are careful then."""
        asked: dict[str, tuple[_Outpost, float, float]] = {}
        silent = {point for point, (mount, _) in mounts.items() if _suspended(mount)}
        begun = time.monotonic()
        for point, (mount, timeout) in mounts.items():
            if is_far(mount.fstype):
                outpost = self._take()
                outpost.ask("probe", point, {})
                asked[point] = (outpost, begun + timeout, timeout)
        for point, (outpost, end, timeout) in asked.items():
            try:
                self._answer(outpost, point, end, timeout)
            except HostError:
                silent.add(point)
        with self._lock:
            self._silent = (self._silent - frozenset(mounts)) | silent
        return frozenset(silent)

    def _answer(self, outpost: "_Outpost", path: str, end: float, timeout: float) -> Any:
        text = outpost.answer(end)
        if text is None:
            self._leave(outpost)
            raise Transient(f"{path} does not answer within {timeout:g} s")
        with self._lock:
            self._idle.append(outpost)
        found = json.loads(text)
        if "error" in found:
            name, message = found["error"]
            raise getattr(errors, name)(message)
        return found["value"]

    def _take(self) -> "_Outpost":
        with self._lock:
            self._left = [pid for pid in self._left if not _reaped(pid)]
            if self._idle:
                return self._idle.pop()
        return _Outpost()

    def _leave(self, outpost: "_Outpost") -> None:
        """Left behind: it ends when the kernel lets go of it. Nobody waits for that."""
        outpost.close()
        with self._lock:
            self._left.append(outpost.pid)

    def _far_points(self) -> frozenset[str]:
        """The mount points of kinds that may not answer. The kernel says when the mount table has changed."""
        with self._lock:
            if self._watch is None:
                try:
                    table = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
                except OSError as error:
                    raise faults.of_errno(error, "cannot read the mount table") from None
                weakref.finalize(self, os.close, table)
                poll = select.poll()
                poll.register(table, select.POLLPRI)
                self._watch = (table, poll)
            elif not self._watch[1].poll(0):
                return self._points
            self._points = frozenset(mount.target for mount in read_table() if is_far(mount.fstype))
            return self._points


class _Outpost:
    """A process that looks, and the two ends of its pipes. posix_spawn, for a process with threads must not fork."""

    def __init__(self) -> None:
        question, self._ask = os.pipe()
        self._listen, report = os.pipe()
        try:
            self.pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", "-B", _PROGRAM],
                {"PATH": os.defpath},
                file_actions=[(os.POSIX_SPAWN_DUP2, question, 0), (os.POSIX_SPAWN_DUP2, report, 1)],
                setpgroup=0,
                setsigmask=(),
            )
        except OSError as error:
            os.close(self._ask)
            os.close(self._listen)
            raise faults.of_errno(error, "cannot start a process to look at a filesystem with") from None
        finally:
            os.close(question)
            os.close(report)
        self._pidfd = os.pidfd_open(self.pid)

    def ask(self, verb: str, path: str, options: Mapping[str, Any]) -> None:
        try:
            os.write(self._ask, json.dumps([verb, path, options]).encode() + b"\n")
        except OSError as error:
            raise faults.of_errno(error, f"cannot look at {path}") from None

    def answer(self, end: float) -> str | None:
        """The line that it answers; None when there is none in time (on the monotonic clock)."""
        poll = select.poll()
        poll.register(self._listen, select.POLLIN)
        data = b""
        while not data.endswith(b"\n"):
            if not poll.poll(max(0.0, end - time.monotonic()) * 1000):
                return None
            piece = os.read(self._listen, 1 << 16)
            if not piece:
                raise Permanent("a process that looks at filesystems has ended")
            data += piece
        return data.decode()

    def close(self) -> None:
        os.close(self._ask)
        os.close(self._listen)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        os.close(self._pidfd)


def is_far(fstype: str) -> bool:
    """Whether somebody else answers for a filesystem of this kind: a server, or a process."""
    return fstype in _FAR or fstype.startswith("fuse.")


def _suspended(mount: Mount) -> bool:
    """Whether a device of device-mapper takes nothing at present: whoever reads from it waits."""
    try:
        with open(f"/sys/dev/block/{mount.device}/dm/suspended", encoding="ascii") as stream:
            return stream.read().strip() == "1"
    except OSError:
        return False


def _reaped(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True


def _leads_onto(path: str, points: frozenset[str]) -> bool:
    """Walk a path as the kernel does, and stop before the first step onto one of the mount points."""
    done, todo, links = "", [part for part in path.split("/") if part], 0
    while todo:
        part = todo.pop(0)
        if part == ".":
            continue
        if part == "..":
            done = done.rpartition("/")[0]
            continue
        here = f"{done}/{part}"
        if here in points:
            return True
        try:
            target = os.readlink(here)
        except OSError:
            done = here
            continue
        links += 1
        if links > _LINKS:
            return False
        todo = [word for word in target.split("/") if word] + todo
        done = "" if target.startswith("/") else done
    return "/" in points
