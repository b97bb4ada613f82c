"""Mounts on Linux: /proc/self/mountinfo, the backing files of loop devices, and what blkid finds on a device."""

import os
import re
from functools import lru_cache

from reconciler.host.errors import Permanent
from reconciler.host.linux import faults
from reconciler.host.ports import Commands, Mount

_OCTAL = re.compile(r"\\([0-7]{3})")
_LOOP = re.compile(r"/dev/(loop\d+)(?:p\d+)?")
_FOUND, _NOTHING, _SEVERAL = 0, 2, 8
"""blkid's exit codes."""


class LinuxMounts:
    def __init__(self, commands: Commands) -> None:
        self._commands = commands

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
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            raise faults.of_errno(error, f"cannot read {path}") from None
        done = self._commands.run(["blkid", "-p", "-o", "value", "-s", "TYPE", "--", path], ok=(_FOUND, _NOTHING, _SEVERAL))
        if done.code == _SEVERAL:
            raise Permanent(f"cannot tell what {path} carries: it has several signatures")
        return done.stdout.strip()


def read_table() -> list[Mount]:
    """The mount table as the kernel gives it, without backing files."""
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read()
    except OSError as error:
        raise faults.of_errno(error, "cannot read the mount table") from None
    return [parse(line) for line in text.split("\n") if line]


@lru_cache(maxsize=1 << 12)
def parse(line: str) -> Mount:
    """One line of mountinfo (proc(5)): id parent device root target options [optional…] - type source super-options."""
    words = line.split(" ")
    try:
        dash = words.index("-", 6)
        fstype, source, above = words[dash + 1], words[dash + 2], words[dash + 3] if len(words) > dash + 3 else ""
        options = tuple(dict.fromkeys(_plain(option) for option in [*words[5].split(","), *above.split(",")] if option))
        return Mount(
            id=int(words[0]),
            parent=int(words[1]),
            device=words[2],
            root=_plain(words[3]),
            target=_plain(words[4]),
            options=options,
            fstype=_plain(fstype),
            source=_plain(source),
        )
    except (ValueError, IndexError):
        raise Permanent(f"cannot understand a line of the mount table: {line!r}") from None


def _plain(text: str) -> str:
    return text if "\\" not in text else _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def _with_backing(mount: Mount, backing: str) -> Mount:
    if not backing:
        return mount
    return Mount(mount.id, mount.parent, mount.device, mount.root, mount.target, mount.options, mount.fstype, mount.source, backing)


def _backing(loop: str) -> str:
    """The file behind a loop device, or "" when it has none any more. A file that was unlinked since keeps its name here."""
    try:
        with open(f"/sys/block/{loop}/loop/backing_file", encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read().removesuffix("\n").removesuffix(" (deleted)")
    except OSError:
        return ""
