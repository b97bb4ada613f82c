"""Users: how a process keeps a mount busy, told by the number of the mount itself, which is another one in each mount namespace.

Nothing here waits for a filesystem: what may not answer (patience.py) is told by its path alone.
"""

import os
import re
from collections.abc import Collection
from typing import Final

from reconciler.core.facts import holds_path
from reconciler.host.linux.patience import is_far
from reconciler.host.linux.table import read_table
from reconciler.host.ports import Mount

_MOUNT_ID: Final = re.compile(r"^mnt_id:\s*(\d+)$", re.MULTILINE)
_ENGINES: Final = ("osvc", "docker", "containerd", "libpod", "crio", "kubepods", "lxc", "machine-")
"""How control groups of engines, of what runs in them, and of what osvc starts begin: whoever keeps these ends them."""
_KTHREAD: Final = 0x00200000


def how_it_uses(pid: int, mount: Mount, far: Collection[str] = ()) -> str:
    """See User.how; "" when it does not use the mount, has ended, or cannot be looked at.

    far: the mount points below it of what may not answer.
    """
    base = f"/proc/{pid}"
    for link, how in (("cwd", "cwd"), ("root", "root"), ("exe", "program")):
        if _leads_into(base, link, mount, far):
            return how
    if any(_shows(f"{base}/fdinfo/{name}", mount) for name in _names(f"{base}/fdinfo")):
        return "open file"
    if any(_leads_into(base, f"map_files/{span}", mount, far) for span in _spans(base, mount)):
        return "mapped file"
    return ""


def has_open(pid: int, path: str) -> bool:
    """Whether a process has this path open; only what its links say is read. False where it has ended, or cannot be looked at."""
    base = f"/proc/{pid}/fd"
    return any(_link(f"{base}/{name}") == path for name in _names(base))


def far_below(mount: Mount) -> tuple[str, ...]:
    """The mount points below a mount of what may not answer."""
    return tuple(
        other.target
        for other in read_table()
        if is_far(other.fstype) and other.target != mount.target and holds_path(mount.target, other.target)
    )


def why_spared(pid: int) -> str:
    """See User.spared."""
    stat = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if len(stat) > 6 and int(stat[6]) & _KTHREAD:
        return "a part of the kernel"
    parts = [part for line in _text(f"/proc/{pid}/cgroup").splitlines() for part in line.split(":", 2)[-1].split("/")]
    return "of an engine" if any(part.startswith(_ENGINES) for part in parts) else ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _leads_into(base: str, link: str, mount: Mount, far: Collection[str]) -> bool:
    """Whether a link of a process leads to something that was reached through this mount.

    It is opened only where its path says that it may be so: whatever else the process uses may never answer. In another mount
    namespace the same path is another place.
    """
    try:
        path = os.readlink(f"{base}/{link}")
        if not holds_path(mount.target, path) or any(holds_path(point, path) for point in far):
            return False
        if is_far(mount.fstype):
            return os.readlink(f"{base}/ns/mnt") == os.readlink("/proc/self/ns/mnt")
        descriptor = os.open(f"{base}/{link}", os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return _shows(f"/proc/self/fdinfo/{descriptor}", mount)
    finally:
        os.close(descriptor)


def _shows(fdinfo: str, mount: Mount) -> bool:
    found = _MOUNT_ID.search(_text(fdinfo))
    return found is not None and int(found[1]) == mount.id


def _spans(base: str, mount: Mount) -> list[str]:
    """The spans of memory in which files of the mount's filesystem are mapped, as map_files names them."""
    spans: list[str] = []
    for line in _text(f"{base}/maps").splitlines():
        words = line.split(None, 5)
        if len(words) == 6 and words[4] != "0" and _number(words[3]) == mount.device:
            start, end = (int(part, 16) for part in words[0].split("-"))
            spans.append(f"{start:x}-{end:x}")
    return spans


def _number(device: str) -> str:
    """A device as maps has it (fd:01) in decimal (253:1)."""
    major, _, minor = device.partition(":")
    return f"{int(major, 16)}:{int(minor, 16)}"


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""
