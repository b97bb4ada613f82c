"""The fake machine: files, mounts, network, processes and a clock in memory, with a counter of effects and faults to inject.

    machine = Machine()
    host = FakeHost(machine)            # every port of reconciler.host.ports
    machine.make_image("/img/a.ext4")   # a backing file with ext4 in it
    machine.die_at(3, "after")          # Crash is raised once the third effect is done; all later calls raise it too
    machine.revive()                    # the next life of osvc: the machine is as the dead one left it
    machine.fail_next("umount", Busy("…"))
    machine.fail_at(3, "after", Permanent("…"))     # the third effect fails, once, although it is done
    machine.at(3, "before", stop.interrupt)         # just before the third effect this happens, once

An effect is one call of a port that changes something, counted when it succeeded. `machine.done` lists them as text: a
command as its shell line, `write PATH`, `spawn ARGV`, `signal NUMBER PID`, `docker SOCKET CALL …`. A fake of another port
(docker) wraps each of its changing calls in `with machine.effect("docker … create web.container.1"):` and starts each
reading one with `machine.look("docker … ping")`.
"""

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from reconciler.core.devices import mapper_path
from reconciler.host.errors import HostError
from tests.fakehost.filesystem import Filesystem, Inode, Mounted, Tree
from tests.fakehost.network import Network
from tests.fakehost.volumes import FakeGroup, FakeVolume, Volumes

EPOCH = datetime(2026, 1, 5, 7, 0, 0, tzinfo=UTC)


PROGRAMS = (
    *("/usr/bin/containerd", "/usr/bin/containerd-shim-runc-v2", "/usr/bin/docker", "/usr/bin/docker-proxy", "/usr/bin/mkdir"),
    *("/usr/bin/arping", "/usr/bin/chgrp", "/usr/bin/chmod", "/usr/bin/chown", "/usr/bin/truncate", "/usr/bin/install"),
    *("/usr/sbin/fsck.fat", "/usr/sbin/mkfs.btrfs", "/usr/sbin/mkfs.ext2", "/usr/sbin/mkfs.ext3", "/usr/sbin/mkfs.ext4"),
    *("/usr/sbin/mkfs.vfat", "/usr/sbin/mkfs.xfs"),
    *("/usr/bin/env", "/usr/bin/prlimit", "/usr/bin/setpriv", "/usr/bin/sh"),
    *("/usr/bin/mount", "/usr/bin/rm", "/usr/bin/rmdir", "/usr/bin/tail", "/usr/bin/touch", "/usr/bin/true"),
    *("/usr/bin/false", "/usr/bin/umount"),
    *("/usr/sbin/dockerd", "/usr/sbin/e2fsck", "/usr/sbin/ip", "/usr/sbin/iptables", "/usr/sbin/runc", "/usr/sbin/sysctl"),
    *("/usr/bin/dd", "/usr/sbin/losetup", "/usr/sbin/lvcreate", "/usr/sbin/vgcreate"),
    *("/usr/sbin/lvremove", "/usr/sbin/vgremove"),
    *("/usr/sbin/kpartx", "/usr/sbin/lvchange", "/usr/sbin/lvm", "/usr/sbin/vgchange"),
)
"""What is installed. Remove one of these files, and the program is missing."""


SIGNATURE = "signature: "
"""How the text of a file or device begins that carries something which is no filesystem ("signature: LVM2_member")."""


class Crash(BaseException):
    """osvc is killed here (SIGKILL): nothing catches it but the test."""


class UnmodelledCommand(BaseException):
    """A command that the fake machine does not know: a fault of the test, not of the code under test."""


@dataclass(eq=False)
class FakeProcess:
    """holds: mounts that it keeps busy, and `how`. sees: path -> FileStat, where it sees something else than the machine does.

    netns: its network namespace, 0 for the machine's. sockets: unix sockets that it listens on.
    ports: (protocol, address, port). files: what a clean end removes.
    """

    pid: int
    started: int
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    exe: str = ""
    cwd: str = "/"
    cgroup: str = ""
    log: str = ""
    netns: int = 0
    parent: int = 1
    owner: str = "root"
    holds: list[Mounted] = field(default_factory=list)
    sees: dict[str, Any] = field(default_factory=dict)
    sockets: list[str] = field(default_factory=list)
    ports: list[tuple[str, str, int]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    signals: list[int] = field(default_factory=list)
    ignores: set[int] = field(default_factory=set)
    how: str = "open file"


@dataclass
class _Fault:
    matching: str | Callable[[str], bool]
    error: HostError
    times: float

    def meets(self, label: str) -> bool:
        return self.matching in label if isinstance(self.matching, str) else self.matching(label)


class Machine:
    """Everything there is. Public attributes may be read and changed by tests; only ports count effects.

    on_spawn: called with each FakeProcess that `Processes.spawn` starts, once it is up. on_signal: called before the default
    behaviour of a signal; True when it dealt with it. on_exit: called with a process that ended, and whether it ended cleanly
    (not by SIGKILL or a reboot).
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.ticks = 0.0
        """Seconds since EPOCH on the fake clock."""
        self.slept = 0.0
        """Seconds that it was suspended."""
        self._set = timedelta()
        self._nanoseconds = 0
        self.boot_id = "boot-1"
        self.tree = Tree(self._now_ns)
        for folder in ("/dev", "/etc", "/proc", "/run", "/srv", "/tmp", "/usr/bin", "/usr/sbin", "/var/lib", "/sys/fs/cgroup"):
            self.tree.make_dir(folder, 0o755)
        self.tree.put("/var/run", "link", 0o777, target="/run")
        for path in PROGRAMS:
            self.tree.write(path, "", 0o755)
        self.groups = {"root": 0, "daemon": 1, "nogroup": 65534, "docker": 990}
        """Name -> gid."""
        self.users = {"root": 0, "daemon": 1, "nobody": 65534}
        """Name -> uid."""
        self.tags: dict[str, set[str]] = {}
        """Device -> what it is known by ("UUID=…", "LABEL=…")."""
        self.exports: set[str] = set()
        """What NFS servers export ("server:/path")."""
        self.silent: set[str] = set()
        """The mount points whose filesystem does not answer any more."""
        self.accounts = {"root": ("root", "/root"), "daemon": ("daemon", "/usr/sbin"), "nobody": ("nogroup", "/nonexistent")}
        """Name -> primary group, home."""
        self.launchers: dict[str, Any] = {}
        """Path -> the script of an app (launchers.py)."""
        self.claimed: set[str] = set()
        """The devices that are a part of another device."""
        self.net = Network()
        self.lvm = Volumes(self.tree.loops)
        self.opened: dict[str, int] = {}
        """The loop devices that somebody has open, beside whoever mounted them."""
        self.swaps: tuple[str, ...] = ()
        """What is swapped to."""
        self.processes: dict[int, FakeProcess] = {}
        self.docker: Any = None
        """The fake Docker port over this machine; FakeHost sets it."""
        self._next_pid = 100
        self.on_spawn: list[Callable[[FakeProcess], None]] = []
        self.on_signal: list[Callable[[FakeProcess, int], bool]] = []
        self.on_exit: list[Callable[[FakeProcess, bool], None]] = []
        self.on_reboot: list[Callable[[], None]] = []
        self.on_tick: list[Callable[[], None]] = []
        """Called when time has passed."""
        self.agenda: list[tuple[float, Callable[[], object]]] = []
        """What happens when, by `ticks`."""
        self.keeper = 0
        """The thread that time passes in; in others it is waited for. 0: whoever waits makes it pass."""
        self.busy: Callable[[], int] = lambda: 0
        """How many others are at work, or wait for a time: while any is at work, none passes."""
        self.sleepers: list[float] = []
        """When those come back that wait for a time."""
        self.tide = threading.Condition(self.lock)
        self.effects = 0
        self.done: list[str] = []
        self.looks: list[str] = []
        self.unmodelled: list[str] = []
        self.dead = False
        self._death: tuple[int, str] | None = None
        self._moments: list[tuple[int, str, Callable[[], object]]] = []
        self._faults: list[_Fault] = []
        self.start_process(("init",), pid=1, parent=0)
        self.start_process(("osvc",), pid=99)

    def __getstate__(self) -> dict[str, Any]:
        """A copy of a machine (copy.deepcopy) has a lock of its own."""
        return {name: value for name, value in self.__dict__.items() if name not in ("lock", "tide")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, lock=threading.RLock())
        self.tide = threading.Condition(self.lock)

    # Effects and faults

    @contextlib.contextmanager
    def effect(self, label: str) -> Iterator[None]:
        """Around one change. The body may raise HostError: then there was no effect."""
        with self.lock:
            self._meet(label)
            if self._death == (self.effects + 1, "before"):
                self._die(label)
            self._happen(self.effects + 1, "before")
            yield
            self.effects += 1
            self.done.append(label)
            if self._death == (self.effects, "after"):
                self._die(label)
            self._happen(self.effects, "after")

    def look(self, label: str) -> None:
        """Before a read. Not counted; may be made to fail; raises Crash when osvc is dead."""
        with self.lock:
            self._meet(label)
            self.looks.append(label)

    def die_at(self, k: int, when: Literal["before", "after"] = "after") -> None:
        """Kill osvc around the k-th effect from the beginning (1 is the first; `machine.effects` counts on over lives)."""
        self._death = (k, when)

    def revive(self) -> None:
        """A new osvc: the machine goes on as it is."""
        self.dead, self._death = False, None

    def fail_next(self, matching: str | Callable[[str], bool], error: HostError, times: float = 1) -> None:
        """The next `times` calls whose label contains `matching` raise `error`, and change nothing. math.inf: for ever."""
        self._faults.append(_Fault(matching, error, times))

    def fail_at(self, k: int, when: Literal["before", "after"], error: HostError) -> None:
        """The k-th effect from the beginning raises `error`, once: instead of being done, or although it is."""

        def fail() -> None:
            raise error

        self.at(k, when, fail)

    def at(self, k: int, when: Literal["before", "after"], happens: Callable[[], object]) -> None:
        """Around the k-th effect from the beginning this happens, once, while the effect's caller waits."""
        self._moments.append((k, when, happens))

    def heal(self) -> None:
        """Forget all faults that were asked for."""
        self._faults.clear()
        self._moments.clear()

    def _meet(self, label: str) -> None:
        if self.dead:
            raise Crash(label)
        for fault in self._faults:
            if fault.meets(label):
                fault.times -= 1
                if fault.times <= 0:
                    self._faults.remove(fault)
                raise fault.error

    def _happen(self, k: int, when: str) -> None:
        for moment in [moment for moment in self._moments if moment[:2] == (k, when)]:
            self._moments.remove(moment)
            moment[2]()

    def _die(self, label: str) -> None:
        self.dead = True
        raise Crash(label)

    # Time

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.ticks) + self._set

    def set_clock(self, by: timedelta) -> None:
        """Somebody sets the wall clock, by so much from what it says."""
        self._set += by

    def suspend(self, seconds: float) -> None:
        """The machine sleeps for so long: the clock on the wall goes on meanwhile, and nothing else does."""
        self.slept += seconds
        self._set += timedelta(seconds=seconds)

    def pass_time(self, seconds: float) -> None:
        """Let time pass; what is on the agenda happens at its time."""
        until = self.ticks + seconds
        if self.keeper not in (0, threading.get_ident()):
            self._sleep(until)
            return
        while self.agenda and min(self.agenda, key=lambda entry: entry[0])[0] <= until:
            entry = min(self.agenda, key=lambda entry: entry[0])
            self.agenda.remove(entry)
            self.ticks = max(self.ticks, entry[0])
            entry[1]()
        self.ticks = until
        with self.tide:
            self.sleepers = [at for at in self.sleepers if at > until]
            self.tide.notify_all()
        for hook in self.on_tick:
            hook()

    def _sleep(self, until: float) -> None:
        """Wait for the keeper to come to that time. What this thread holds of the machine is free meanwhile."""
        with self.tide:
            self.sleepers.append(until)
            self.tide.notify_all()
            self.tide.wait_for(lambda: self.ticks >= until)

    def settle(self) -> None:
        """Wait, in the keeper's thread, until everybody else has done what he does, or waits for a time."""
        with self.tide:
            self.tide.wait_for(lambda: self.busy() <= len(self.sleepers))

    def _now_ns(self) -> int:
        """Every change has a time of its own."""
        self._nanoseconds += 1
        return int(EPOCH.timestamp() * 1e9) + int(self.ticks * 1e9) + self._nanoseconds

    # Files and devices, as a test sets them up

    def add_file(self, path: str, text: str = "", mode: int = 0o644) -> Inode:
        """A file, with the folders above it."""
        self.tree.make_dir(path.rpartition("/")[0] or "/", 0o755)
        return self.tree.write(path, text, mode)

    def make_image(self, path: str, fstype: str = "ext4") -> Filesystem:
        """A backing file with a filesystem in it; what is written there while it is mounted stays."""
        inode = self.add_file(path)
        inode.image = self.tree.new_filesystem(fstype)
        return inode.image

    def add_disk(self, path: str, fstype: str = "", device: str = "253:0") -> Inode:
        """A block device, with a filesystem on it unless `fstype` is empty."""
        self.tree.make_dir(path.rpartition("/")[0], 0o755)
        image = self.tree.new_filesystem(fstype, device) if fstype else None
        return self.tree.put(path, "block", 0o660, image=image)

    def add_group(self, name: str, volumes: Mapping[str, str], *, tags: Collection[str] = (), disks: int = 1) -> FakeGroup:
        """A volume group on disks of its own, not active. volumes: name -> the filesystem that it carries, or ""."""
        group = self.lvm.add(name, tags, disks)
        for volume, fstype in volumes.items():
            number = self.lvm.number()
            image = self.tree.new_filesystem(fstype, number) if fstype else None
            group.volumes[volume] = FakeVolume(f"uuid-{name}-{volume}", 64 << 20, number, image)
        return group

    def switch(self, group: FakeGroup, volume: str, *, active: bool) -> None:
        """Activate or deactivate one volume: its device comes or goes."""
        found = group.volumes[volume]
        path, link = mapper_path(group.name, volume), f"/dev/{group.name}/{volume}"
        if found.active == active:
            return
        found.active = active
        if not active:
            for gone in (link, path):
                self.tree.remove(gone)
            self.tree.remove_dir(f"/dev/{group.name}")
            return
        for folder in ("/dev/mapper", f"/dev/{group.name}"):
            self.tree.make_dir(folder, 0o755)
        found.image = self.tree.put(path, "block", 0o660, image=found.image).image
        self.tree.put(link, "link", 0o777, target=path)

    def add_link(self, path: str, target: str) -> Inode:
        """A symbolic link."""
        self.tree.make_dir(path.rpartition("/")[0] or "/", 0o755)
        return self.tree.put(path, "link", 0o777, target=target)

    def tagged(self, source: str) -> str:
        """The device that a tag means; else the source itself."""
        return next((path for path, tags in self.tags.items() if source in tags), source)

    def tear_off(self, path: str) -> None:
        """umount -l by hand: out of sight at once, whoever uses it."""
        mount = self.tree.top_at(path)
        assert mount is not None, f"nothing is mounted on {path}"
        for child in self.tree.children_of(mount):
            self.tear_off(child.target)
        self.tree.detach(mount)

    # Processes

    def start_process(self, argv: tuple[str, ...], *, pid: int | None = None, parent: int = 1, **more: Any) -> FakeProcess:
        """Start a process of any kind: a shim, a proxy, a stranger. Not an effect."""
        if pid is None:
            self._next_pid += 1
            pid = self._next_pid
        exe = self.program(argv[0]) or f"/usr/bin/{argv[0]}"
        process = FakeProcess(pid=pid, started=int(self.ticks * 100) + pid, argv=argv, parent=parent, **{"exe": exe, **more})
        self.processes[pid] = process
        return process

    def hold(self, process: FakeProcess, path: str) -> None:
        """Keep the mount that a path lies in busy, as an open file does."""
        mount = self.tree.walk(path).mount
        if mount not in process.holds:
            process.holds.append(mount)

    def end_process(self, process: FakeProcess, *, clean: bool) -> None:
        """End a process. clean: it removes its sockets and pid file; otherwise they stay behind. Not an effect."""
        if self.processes.get(process.pid) is not process:
            return
        del self.processes[process.pid]
        if clean:
            for path in [*process.sockets, *process.files]:
                self.tree.remove(path)
        for hook in self.on_exit:
            hook(process, clean)

    def kill(self, pid: int) -> None:
        """kill -9 by hand."""
        self.end_process(self.processes[pid], clean=False)

    def cgroups(self) -> set[str]:
        """The control groups that are there, outermost ones only."""
        return set(self.tree.names("/sys/fs/cgroup") or ())

    def program(self, name: str) -> str | None:
        """Where a program lies, found as execvp does; None when there is none."""
        paths = [name] if "/" in name else [f"{folder}/{name}" for folder in ("/usr/sbin", "/usr/bin", "/sbin", "/bin")]
        return next((path for path in paths if self.tree.find(path) is not None), None)

    def holders(self, mount: Mounted) -> list[FakeProcess]:
        """Who keeps a mount busy."""
        return [process for process in self.processes.values() if mount in process.holds]

    # Power

    def reboot(self) -> None:
        """Everything that does not lie on a disk is gone."""
        for process in list(self.processes.values()):
            if process.pid != 1:
                self.end_process(process, clean=False)
        for mount in reversed(self.tree.mounts[1:]):
            self.tree.detach(mount)
        self.tree.loops.clear()
        self.opened.clear()
        self.swaps = ()
        for group in self.lvm.groups:
            for volume in group.volumes:
                group.volumes[volume].partitions = group.volumes[volume].holders = ()
                self.switch(group, volume, active=False)
        for folder in ("/run", "/tmp", "/sys/fs/cgroup"):
            found = self.tree.find(folder)
            assert found is not None
            found.children.clear()
        self.net = Network()
        self.boot_id = f"boot-{int(self.boot_id.rpartition('-')[2]) + 1}"
        self.pass_time(60)
        for hook in self.on_reboot:
            hook()
        self.start_process(("osvc",), pid=99)
        self.revive()
