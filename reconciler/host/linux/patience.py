"""Patience: which paths may never answer, and how to look at them all the same: from a process that can be left behind.

A call on a filesystem whose server is gone waits in the kernel, and nothing ends it, not even a signal. So what lies on a
filesystem of a kind that knows such servers, on a device of another machine, or on one that did not answer once, is looked at by an
outpost (outpost.py).
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
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.host import errors
from reconciler.host.errors import HostError, Transient
from reconciler.host.linux import faults
from reconciler.host.linux.remote import is_remote
from reconciler.host.linux.table import read_table
from reconciler.host.ports import Mount

WAIT: Final = 5.0
"""Seconds that a look may take where nobody says otherwise."""
_FAR: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs", "lustre", "glusterfs", "fuse", "fuseblk"})
_PROGRAM: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "outpost.py")
_LINKS: Final = 40
AGAIN: Final = 10.0
"""Seconds for which a filesystem that did not answer is not asked again: each look below it would wait as long anew."""


class Patience:
    """Shared by the ports of a host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Outpost] = []
        self._left: list[int] = []
        self._watch: tuple[int, select.poll] | None = None
        self._points: frozenset[str] = frozenset()
        self._silent: frozenset[str] = frozenset()
        self._mute: dict[str, float] = {}
        """Mount point -> until when what is mounted there is not asked again."""
        self._ids: dict[str, int] = {}

    def covers(self, path: str, *, follow: bool = True) -> bool:
        """Whether a path leads, by whatever links, onto a filesystem that may not answer. The way up to there is safe to walk.
        follow: whether it is meant what a link at its end leads to, and not that link."""
        return bool(self._onto(path, follow=follow))

    def ask(self, verb: str, path: str, timeout: float = WAIT, **options: Any) -> Any:
        """What an outpost sees. Raises HostError: Transient when it does not answer in time, and at once where its filesystem did
        not a moment ago."""
        point = self._onto(path, follow=options.get("follow", True))
        if point and time.monotonic() < self._mute.get(point, 0.0):
            raise Transient(f"{path} cannot be looked at: {point} did not answer a moment ago")
        return self._answer(self._asked(verb, path, options), path, time.monotonic() + timeout, timeout, point)

    def silent(self, mounts: Mapping[str, tuple[Mount, float]]) -> frozenset[str]:
        """The mount points whose filesystem does not answer in time; all are asked at once. Looks below them are careful then."""
        asked: dict[str, tuple[_Outpost, float, float]] = {}
        silent = {point for point, (mount, _) in mounts.items() if _suspended(mount)}
        begun = time.monotonic()
        far = self._far_points()
        with self._lock:
            self._mute |= dict.fromkeys(silent, begun + AGAIN)
        try:
            for point, (mount, timeout) in mounts.items():
                if point not in silent and (point in far or is_far(mount.fstype)):
                    asked[point] = (self._asked("probe", point, {}), begun + timeout, timeout)
        except HostError:
            for outpost, _, _ in asked.values():
                self._leave(outpost)
            raise
        for point, (outpost, end, timeout) in asked.items():
            try:
                self._answer(outpost, point, end, timeout, point)
            except HostError:
                silent.add(point)
        with self._lock:
            self._silent = (self._silent - frozenset(mounts)) | silent
        return frozenset(silent)

    def _onto(self, path: str, *, follow: bool = True) -> str:
        """The mount point, of those that may not answer, onto which a path leads; "" for none."""
        points = self._far_points() | self._silent
        return _leads_onto(path, points, follow=follow) if points else ""

    def _asked(self, verb: str, path: str, options: Mapping[str, Any]) -> "_Outpost":
        """An outpost that has been asked."""
        outpost = self._take()
        try:
            outpost.ask(verb, path, options)
        except HostError:
            self._leave(outpost)
            raise
        return outpost

    def _answer(self, outpost: "_Outpost", path: str, end: float, timeout: float, point: str) -> Any:
        """point: of the filesystem that answers or does not, or ""."""
        try:
            text = outpost.answer(end)
        except HostError:
            self._leave(outpost)
            raise
        if text is None:
            self._leave(outpost)
            if point:
                with self._lock:
                    self._mute[point] = time.monotonic() + AGAIN
            raise Transient(f"{path} does not answer within {timeout:g} s")
        with self._lock:
            self._mute.pop(point, None)
            self._idle.append(outpost)
        found = json.loads(text)
        if "error" in found:
            name, message = found["error"]
            raise getattr(errors, name)(message)
        return found["value"]

    def _take(self) -> "_Outpost":
        with self._lock:
            self._left = [pid for pid in self._left if not _reaped(pid)]
            idle = self._idle.pop() if self._idle else None
        while idle is not None and idle.ended:
            self._leave(idle)
            with self._lock:
                idle = self._idle.pop() if self._idle else None
        return idle if idle is not None else _Outpost()

    def _leave(self, outpost: "_Outpost") -> None:
        """Left behind: it ends when the kernel lets go of it. Nobody waits for that."""
        outpost.close()
        if not _reaped(outpost.pid):
            with self._lock:
                self._left.append(outpost.pid)

    def _far_points(self) -> frozenset[str]:
        """The mount points of kinds that may not answer. The kernel says when the mount table has changed."""
        with self._lock:
            if self._watch is None:
                try:
                    watched = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
                except OSError as error:
                    raise faults.of_errno(error, "cannot read the mount table") from None
                weakref.finalize(self, os.close, watched)
                poll = select.poll()
                poll.register(watched, select.POLLPRI)
                self._watch = (watched, poll)
            elif not self._watch[1].poll(0):
                return self._points
            table = read_table()
            ids = {mount.target: mount.id for mount in table}
            self._mute = {point: end for point, end in self._mute.items() if ids.get(point) == self._ids.get(point)}
            self._points, self._ids = _far_in(table), ids
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
                raise Transient("a process that looks at filesystems has ended")
            data += piece
        return data.decode()

    @property
    def ended(self) -> bool:
        """Whether the process is no more: somebody killed it."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        os.close(self._ask)
        os.close(self._listen)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        os.close(self._pidfd)


def is_far(fstype: str) -> bool:
    """Whether somebody else answers for a filesystem of this kind: a server, or a process."""
    return fstype in _FAR or fstype.startswith("fuse.")


def _far_in(table: Sequence[Mount]) -> frozenset[str]:
    """The mount points of filesystems that somebody else answers for, by their kind or by their device. Of a machine whose root is
    on such a device nobody can ask anything when that is gone."""
    far = frozenset(mount.target for mount in table if is_far(mount.fstype))
    numbers = {mount.target: number for mount in table if mount.target not in far and (number := _number(mount))}
    remote = {number for number in set(numbers.values()) if is_remote(number, lambda path: bool(far and _leads_onto(path, far)))}
    return far | {target for target, number in numbers.items() if number in remote and target != "/"}


def _number(mount: Mount) -> str:
    """Of the device that a filesystem lies on, as major:minor; "" for none. A btrfs is known by its source only."""
    if not mount.device.startswith("0:"):
        return mount.device
    if not mount.source.startswith("/dev/"):
        return ""
    try:
        device = os.stat(mount.source).st_rdev
    except OSError:
        return ""
    return f"{os.major(device)}:{os.minor(device)}"


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


def _leads_onto(path: str, points: frozenset[str], *, follow: bool = True) -> str:
    """Walk a path as the kernel does, and stop before the first step onto one of the mount points: which, or "" for none."""
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
            return here
        if not (todo or follow):
            break
        try:
            target = os.readlink(here)
        except OSError:
            done = here
            continue
        links += 1
        if links > _LINKS:
            return ""
        todo = [word for word in target.split("/") if word] + todo
        done = "" if target.startswith("/") else done
    return "/" if "/" in points else ""
