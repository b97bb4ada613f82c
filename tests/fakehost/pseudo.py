"""What drivers read in /proc and /sys, made up from the fake machine."""

import re
from dataclasses import replace

from reconciler.host.ports import FileStat
from tests.fakehost.machine import FakeProcess, Machine

_PROCESS = re.compile(r"/proc/(self|thread-self|\d+)(?:/(.*))?")
_BLOCK = re.compile(r"/sys/(?:class/)?block(?:/([^/]+)(?:/(.*))?)?")
_SWAPS = "Filename Type Size Used Priority"
_PROMOTES = re.compile(r"/proc/sys/net/ipv4/conf/([^/]+)/promote_secondaries")


class Pseudo:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def covers(self, path: str) -> bool:
        return path == "/proc" or bool(_PROCESS.fullmatch(path) or _BLOCK.fullmatch(path) or path.startswith("/proc/"))

    def stat(self, path: str) -> FileStat | None:
        found = _PROCESS.fullmatch(path)
        process = self._process(path)
        if found and process is not None and found[2]:
            return self._of_process(process, found[2])
        if self.names(path) is not None:
            return FileStat("dir", 0o555, 0, 0, 0, 0, 1, 0)
        return FileStat("file", 0o444, 0, 0, 0, 0, 1, 0) if self.read(path) is not None else None

    def read(self, path: str) -> str | None:
        machine, process = self._machine, self._process(path)
        known = {
            "/proc/sys/net/ipv4/ip_forward": f"{int(machine.net.forwarding)}\n",
            "/proc/sys/kernel/random/boot_id": f"{machine.boot_id}\n",
            "/proc/mounts": self._mountinfo(),
            "/proc/swaps": "".join(f"{line}\n" for line in (_SWAPS, *(f"{name} partition 4 0 -2" for name in machine.swaps))),
        }
        if path in known:
            return known[path]
        promotes = _PROMOTES.fullmatch(path)
        if promotes is not None:
            link = machine.net.links.get(promotes[1])
            return "0\n" if promotes[1] == "all" else f"{int(link.promotes)}\n" if link is not None else None
        if process is not None:
            of_process = {
                "mountinfo": self._mountinfo(),
                "cmdline": "\0".join([*process.argv, ""]),
                "environ": "\0".join([f"{name}={value}" for name, value in process.env.items()] + [""]),
                "cgroup": f"0::/{process.cgroup}\n",
            }
            return of_process.get(path.split("/", 3)[3])
        found = _BLOCK.fullmatch(path)
        if found is None or not found[1]:
            return None
        loop = machine.tree.loops.get(f"/dev/{found[1]}")
        if loop is not None:
            number = found[1].removeprefix("loop")
            backing = loop.path + (" (deleted)" if loop.inode.gone else "")
            of_loop = {
                "dev": f"7:{number}\n",
                "loop/backing_file": f"{backing}\n",
                "loop/autoclear": f"{int(loop.fleeting)}\n",
                "loop/offset": "0\n",
                "loop/sizelimit": "0\n",
                "ro": f"{int(loop.protected)}\n",
            }
            return of_loop.get(found[2] or "")
        disk = machine.tree.find(f"/dev/{found[1]}")
        if disk is not None and disk.kind == "block" and found[2] == "dev":
            return f"{disk.image.device if disk.image else '253:0'}\n"
        return None

    def names(self, path: str) -> tuple[str, ...] | None:
        if path == "/proc":
            return tuple(sorted(str(pid) for pid in self._machine.processes))
        process, found = self._process(path), _BLOCK.fullmatch(path)
        if process is not None:
            inside = path.split("/")[3:]
            if inside == ["fd"]:
                return tuple(str(3 + n) for n in range(len(process.holds)))
            return ("cgroup", "cmdline", "cwd", "environ", "exe", "fd", "mountinfo", "root") if not inside else None
        if found and not found[1]:
            disks = [name for name in self._machine.tree.names("/dev") or () if self._kind(f"/dev/{name}") == "block"]
            return tuple(sorted({*(name.removeprefix("/dev/") for name in self._machine.tree.loops), *disks}))
        return None

    def _kind(self, path: str) -> str:
        inode = self._machine.tree.find(path)
        return inode.kind if inode is not None else ""

    def _process(self, path: str) -> FakeProcess | None:
        found = _PROCESS.fullmatch(path)
        if found is None:
            return None
        return self._machine.processes.get(int(found[1]) if found[1].isdigit() else 99)

    def _of_process(self, process: FakeProcess, rest: str) -> FileStat | None:
        tree = self._machine.tree
        if rest == "cwd":
            return tree.stat(process.cwd)
        if rest == "ns/net":
            return FileStat("file", 0o444, 0, 0, 0, 4, 4026531840 + process.netns, 0)
        if rest == "exe":
            return tree.stat(process.exe)
        if rest == "root" or rest.startswith("root/"):
            return tree.stat("/" + rest[5:])
        if rest.startswith("fd/") and rest[3:].isdigit():
            number = int(rest[3:]) - 3
            if number >= len(process.holds):
                return None
            mount = process.holds[number]
            root = tree.stat("/")
            assert root is not None
            major, minor = (int(part) for part in mount.fs.device.split(":"))
            return replace(root, kind="file", inode=mount.root.number, device=(major << 8) | minor)
        if self.names(f"/proc/{process.pid}/{rest}") is not None:
            return FileStat("dir", 0o555, 0, 0, 0, 0, 1, 0)
        return FileStat("file", 0o444, 0, 0, 0, 0, 1, 0) if self.read(f"/proc/{process.pid}/{rest}") is not None else None

    def _mountinfo(self) -> str:
        lines = []
        for mount in self._machine.tree.table():
            words = [mount.root, mount.target, ",".join(mount.options), "-", mount.fstype, mount.source, "rw"]
            plain = " ".join(word.replace("\\", "\\134").replace(" ", "\\040") for word in words)
            lines.append(f"{mount.id} {mount.parent} {mount.device} {plain}\n")
        return "".join(lines)
