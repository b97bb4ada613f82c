"""Mounts on Linux: the mount table, the backing files of loop devices, and what blkid finds on a device."""

import contextlib
import errno
import os
import re
import stat as modes
from collections.abc import Collection, Iterator, Mapping

from reconciler.host.errors import Conflict, Permanent
from reconciler.host.linux import faults
from reconciler.host.linux.patience import Patience
from reconciler.host.linux.table import read_table
from reconciler.host.ports import Commands, Mount

_LOOP = re.compile(r"/dev/(loop\d+)(?:p\d+)?")
_FOUND, _NOTHING, _SEVERAL = 0, 2, 8
"""blkid's exit codes."""
_PROBE_TIME = 10.0
"""A device that is suspended, or dying, does not answer."""
_HEAD = 4096
"""Bytes at the beginning of a device: as many as lvcreate clears of a volume that it makes."""


class LinuxMounts:
    """patience: shared with the files, which are careful with what did not answer here."""

    def __init__(self, commands: Commands, patience: Patience) -> None:
        self._commands = commands
        self._patience = patience

    def table(self) -> tuple[Mount, ...]:
        """See Mounts.table. The options of the mount come before those of its superblock; one that stands in both is given once."""
        mounts = read_table()
        loops: dict[str, str] = {}
        for mount in mounts:
            found = _LOOP.fullmatch(mount.source)
            if found and mount.source not in loops:
                loops[mount.source] = _backing(found[1])
        return tuple(_with_backing(mount, loops.get(mount.source, "")) for mount in mounts)

    def signature(self, path: str) -> str:
        """See Mounts.signature. Raises NotFound or Denied when it cannot be read, Permanent when it carries several signatures:
        blkid answers "nothing" to each of these, and nothing must mean nothing."""
        _readable(path)
        words = ["blkid", "-p", "-o", "value", "-s", "TYPE", "--", path]
        done = self._commands.run(words, timeout=_PROBE_TIME, ok=(_FOUND, _NOTHING, _SEVERAL))
        if done.code == _SEVERAL:
            raise Permanent(f"cannot tell what {path} carries: it has several signatures")
        return done.stdout.strip()

    def bare(self, path: str) -> bool:
        """See Mounts.bare. Both programs have to say so: they do not know the same signatures, and say nothing of what they cannot
        read. A backup label at the end of a device counts as well."""
        _readable(path)
        if not _is_empty(path):
            return False
        probed = self._commands.run(["blkid", "-p", "--", path], timeout=_PROBE_TIME, ok=(_FOUND, _NOTHING, _SEVERAL))
        listed = self._commands.run(["wipefs", "--no-act", "--parsable", "--", path], timeout=_PROBE_TIME)
        return probed.code == _NOTHING and not [line for line in listed.stdout.splitlines() if line and not line.startswith("#")]

    def device(self, tag: str) -> str:
        """See Mounts.device. The devices themselves are asked, not a cache of what they were."""
        words = ["blkid", "-c", "/dev/null", "-o", "device", "-t", tag]
        found = self._commands.run(words, timeout=_PROBE_TIME, ok=(_FOUND, _NOTHING)).stdout.split()
        if len(found) > 1:
            raise Conflict(f"{tag} is borne by several devices ({', '.join(found[:4])}): write the path of the one that is meant")
        return found[0] if found else ""

    def claimed(self, path: str) -> bool:
        """See Mounts.claimed. The kernel knows: it lets nobody else have it exclusively."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if not modes.S_ISBLK(os.fstat(descriptor).st_mode):
                    return False
            finally:
                os.close(descriptor)
            os.close(os.open(path, os.O_RDONLY | os.O_EXCL | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            if error.errno == errno.EBUSY:
                return True
            raise faults.of_errno(error, f"cannot read {path}") from None
        return False

    def loops(self, path: str) -> tuple[str, ...]:
        """See Mounts.loops. A program asks the kernel. Where a loop device stands on what may not answer it would wait: then the
        files are compared, and those that may not answer by their paths."""
        backings = _backings()
        far = frozenset(name for name, file in backings.items() if self._patience.covers(file))
        if far:
            return tuple(f"/dev/{name}" for name in _shown_by(path, backings, far, self._patience))
        found = self._commands.run(["losetup", "-n", "-O", "NAME", "-j", path], timeout=_PROBE_TIME).stdout
        return tuple(found.split())

    def silent(self, mounts: Mapping[str, tuple[Mount, float]]) -> frozenset[str]:
        return self._patience.silent(mounts)


def _is_empty(path: str) -> bool:
    """Whether a file is one hole, and a device can be read and begins with nothing but zeros: what has no signature (a database's
    raw device, an encrypted one without a header) may hold data all the same.

    Where a filesystem cannot tell, all of a file is data.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not modes.S_ISREG(os.fstat(descriptor).st_mode):
            return not any(os.pread(descriptor, _HEAD, 0))
        os.lseek(descriptor, 0, os.SEEK_DATA)
        return False
    except OSError as error:
        if error.errno == errno.ENXIO:
            return True
        raise faults.of_errno(error, f"cannot read {path}") from None
    finally:
        os.close(descriptor)


def _readable(path: str) -> None:
    """blkid answers "nothing" to what it cannot read as well."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        raise faults.of_errno(error, f"cannot read {path}") from None


def _with_backing(mount: Mount, backing: str) -> Mount:
    if not backing:
        return mount
    return Mount(mount.id, mount.parent, mount.device, mount.root, mount.target, mount.options, mount.fstype, mount.source, backing)


def _backings() -> dict[str, str]:
    """The loop devices that are set up, and their files."""
    names = sorted(name for name in (os.listdir("/sys/block") if os.path.isdir("/sys/block") else ()) if name.startswith("loop"))
    return {name: file for name in names if (file := _backing(name))}


def _shown_by(path: str, backings: Mapping[str, str], far: Collection[str], patience: Patience) -> Iterator[str]:
    """The loop devices whose file this is. far: those whose files may not answer."""
    if patience.covers(path):
        real = patience.ask("resolve", path)
        yield from (name for name in far if backings[name] == real)
        return
    for name, file in backings.items():
        with contextlib.suppress(OSError):
            if name not in far and os.path.samefile(file, path):
                yield name


def _backing(loop: str) -> str:
    """The file behind a loop device, or "" when it has none any more. A file that was unlinked since keeps its name here."""
    try:
        with open(f"/sys/block/{loop}/loop/backing_file", encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read().removesuffix("\n").removesuffix(" (deleted)")
    except OSError:
        return ""
