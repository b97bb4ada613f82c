"""Groups: a machine with volume groups that a contract may do what it likes with."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Protocol

from reconciler.core.node import Node
from reconciler.host.linux.host import linux_host
from reconciler.host.ports import Host
from tests.fakehost import FakeHost, Machine


class Groups(Protocol):
    """Its one group is "o-data" on two disks, with the volumes "root" (ext4) and "app-data" (one partition); nothing is active."""

    host: Host

    def mount(self, device: str) -> None:
        """Mount a device somewhere."""

    def lay(self, name: str, group: str, volume: str) -> None:
        """Make a device-mapper device of this name on a volume."""

    def export(self, group: str) -> None: ...

    def pull(self, group: str) -> None:
        """Take one of its disks away, on which nothing of a volume lies."""

    def disk(self, fstype: str = "") -> str:
        """One more disk, bare, or with a filesystem on it."""

    def spoil(self) -> None:
        """Leave a signature where the next volume of "o-data" would lie."""


class FakeGroups:
    def __init__(self) -> None:
        self.machine = Machine()
        self.host = FakeHost(self.machine)
        group = self.machine.add_group("o-data", {"root": "ext4", "app-data": ""}, disks=2)
        group.volumes["app-data"].table = 1

    def mount(self, device: str) -> None:
        self.machine.tree.make_dir("/mnt", 0o755)
        self.host.commands.run(["mount", "-t", "ext4", "--", device, "/mnt"])

    def lay(self, name: str, group: str, volume: str) -> None:
        self.machine.lvm.named(group)[0].volumes[volume].holders = (name,)

    def export(self, group: str) -> None:
        self.machine.lvm.named(group)[0].exported = True

    def pull(self, group: str) -> None:
        found = self.machine.lvm.named(group)[0]
        found.missing, found.devices = ("uuid-of-a-disk",), found.devices[:-1]

    def disk(self, fstype: str = "") -> str:
        self.machine.add_disk("/dev/o-disk", fstype)
        return "/dev/o-disk"

    def spoil(self) -> None:
        self.machine.lvm.named("o-data")[0].stale = True


class RealGroups:
    """On backing files behind loop devices; everything is named o-…, and gone after `close`."""

    def __init__(self) -> None:
        self.host = linux_host(Node())
        self.dir = Path(tempfile.mkdtemp(prefix="o-", dir="/tmp"))
        self._disks = [self._disk(name) for name in ("one", "two")]
        self._laid: list[str] = []
        self._mounted: list[str] = []
        try:
            self._lay_out()
        except BaseException:
            self.close()
            raise

    def _lay_out(self) -> None:
        # Never activated by udev: what a test finds active, the test has activated.
        _run("vgcreate", "-q", "--setautoactivation", "n", "o-data", *self._disks)
        for volume in ("root", "app-data"):
            _run("lvcreate", "-q", "-n", volume, "-L", "16m", "o-data", self._disks[0])
        _run("mkfs.ext4", "-q", "/dev/o-data/root")
        with open("/dev/o-data/app-data", "r+b") as stream:
            stream.write(_TABLE)
        _run("vgchange", "-q", "-a", "n", "o-data")

    def _disk(self, name: str) -> str:
        path = self.dir / name
        with open(path, "wb") as stream:
            stream.truncate(64 << 20)
        return _run("losetup", "-f", "--show", str(path)).strip()

    def mount(self, device: str) -> None:
        point = self.dir / "mnt"
        point.mkdir()
        _run("mount", device, str(point))
        self._mounted.append(str(point))

    def lay(self, name: str, group: str, volume: str) -> None:
        _run("dmsetup", "create", name, "--table", f"0 8192 linear /dev/{group}/{volume} 0")
        self._laid.append(name)

    def export(self, group: str) -> None:
        _run("vgexport", "-q", group)

    def pull(self, group: str) -> None:
        _run("losetup", "-d", self._disks.pop())

    def disk(self, fstype: str = "") -> str:
        self._disks.append(self._disk("more"))
        if fstype:
            _run(f"mkfs.{fstype}", "-q", self._disks[-1])
        return self._disks[-1]

    def spoil(self) -> None:
        _run("lvcreate", "-q", "-n", "old", "-L", "16m", "o-data")
        _run("mkfs.ext4", "-q", "/dev/o-data/old")
        _run("lvremove", "-q", "-y", "o-data/old")

    def close(self) -> None:
        """Whatever a test left: each may be gone already."""
        for words in (
            *(("umount", point) for point in self._mounted),
            *(("dmsetup", "remove", name) for name in self._laid),
            ("kpartx", "-d", "/dev/o-data/app-data"),
            ("vgchange", "-q", "-a", "n", "o-data"),
            ("vgchange", "-q", "-a", "n", "o-new"),
            *(("losetup", "-d", disk) for disk in self._disks),
        ):
            subprocess.run(words, check=False, capture_output=True)
        shutil.rmtree(self.dir)


_TABLE = (
    bytes(446)
    + bytes([0, 0, 0, 0, 0x83, 0, 0, 0, *(2048).to_bytes(4, "little"), *(4096).to_bytes(4, "little")])
    + bytes(48)
    + b"\x55\xaa"
)
"""A partition table with one partition, from sector 2048 on, of 4096."""


def _run(*words: str) -> str:
    done = subprocess.run(words, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout
