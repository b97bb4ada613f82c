"""The ports: everything that osvc may ask of the machine, as Protocols and their plain records.

Reading goes through the typed ports. Changing goes through `Commands`, with the very words that the plan showed, apart
from what no command does well: the Docker engine's API, files of osvc's own, detached processes and signals.
Every method raises HostError (host/errors.py) and nothing else. Times are seconds, sizes bytes. What may be asked of an engine is
in docker_ports.py.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from reconciler.core.lazy import dataclass
from reconciler.host.docker_ports import Docker
from reconciler.host.doorbells import Doorbells


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended. Output is text, undecodable bytes replaced."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str


NO_ENVIRONMENT: Final[Mapping[str, str]] = {}


class Commands(Protocol):
    """Programs of the host, run without a shell, with LC_ALL=C and a closed standard input."""

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 30.0,
        ok: Collection[int] = (0,),
        env: Mapping[str, str] = NO_ENVIRONMENT,
        only: Mapping[str, str] | None = None,
        most: int | None = None,
    ) -> Completed:
        """Run to the end. env: what it is told beside PATH, HOME and LC_ALL; only: all that it is told, in place of these. most: of
        each of its outputs so many bytes are kept, half of them its beginning and half its end, and a line between says so. Raises
        NotFound (no such program), Transient (time-out; the process group is killed), and for an exit code not in `ok` what the
        program's words say: Busy, NotFound, Conflict, Denied, Transient, or else Permanent. The message is the last line that says
        something; output, the lines."""

    def begin(self, argv: Sequence[str], *, ok: Collection[int] = (0,)) -> Callable[[], Completed]:
        """Begin to run, and go on meanwhile. What comes back waits for the end, and returns or raises what `run` does; it is called
        once. A program whose end nobody can ask for any more is killed. The time-out is that of `run`, from the asking on."""


@dataclass(frozen=True, slots=True)
class FileStat:
    """kind: "file", "dir", "link" (never followed), "socket", "block" or "other".

    device: of the filesystem that it lies on. number: of the block device that it is, as major:minor; "" for all else.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    device: int
    inode: int
    mtime_ns: int
    number: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """A user. group: the name of the primary group, or its number where it has none."""

    name: str
    group: str
    home: str


class Files(Protocol):
    """Files and folders. Paths are absolute. Looking raises Transient where a filesystem does not answer in time."""

    def stat(self, path: str, *, follow: bool = True) -> FileStat | None:
        """None when there is none."""

    def read(self, path: str, *, limit: int = 4 << 20) -> str | None:
        """Text, or None when there is none. Raises Permanent when it is larger than `limit`, no regular file, or not UTF-8."""

    def write(self, path: str, text: str, *, mode: int = 0o600) -> None:
        """Replace as a whole (temporary file, fsync, rename)."""

    def names(self, path: str) -> tuple[str, ...] | None:
        """Sorted names in a folder, or None when there is no such folder."""

    def make_dir(self, path: str, *, mode: int = 0o755) -> bool:
        """Make a folder and its parents; `mode` is for the last one. Whether it was made."""

    def remove_dir(self, path: str) -> bool:
        """Remove an empty folder. Whether it was removed; False when there is none, or it is not empty."""

    def remove(self, path: str) -> bool:
        """Remove a file, link or socket. Whether it was there."""

    def resolve(self, path: str) -> str:
        """The path with every symbolic link followed (as far as it exists)."""

    def has_group(self, name: str) -> bool:
        """Whether the machine has a group of that name, to whom a file may belong."""

    def group_of(self, gid: int) -> str:
        """The name of a group, or its number where it has none."""

    def has_user(self, name: str) -> bool:
        """Whether the machine has a user of that name."""

    def user_of(self, uid: int) -> str:
        """The name of a user, or its number where it has none."""

    def account(self, user: str) -> Account | None:
        """A user of the machine, by name or number; None when there is none."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of the mount table. source: the device or path; loop devices are given by their backing file in `backing`.

    root: the path inside the source filesystem (for bind mounts). options: mount and superblock options, together.
    """

    id: int
    parent: int
    device: str
    """major:minor"""
    root: str
    target: str
    options: tuple[str, ...]
    fstype: str
    source: str
    backing: str = ""


class Mounts(Protocol):
    def table(self) -> tuple[Mount, ...]:
        """The mount table, in its order: of several mounts on one target the last is the visible one."""

    def signature(self, path: str) -> str:
        """The filesystem type that a device or backing file carries ("ext4"), or "" for none. Raises NotFound when the path
        does not exist, Permanent when it carries several signatures."""

    def bare(self, path: str) -> bool:
        """Whether nothing at all is known to be on a device or in a file: no filesystem, no partition table, no volume manager's
        label, no other signature, no data at its beginning. Raises NotFound when there is none."""

    def claimed(self, path: str) -> bool:
        """Whether a block device is somebody's alone: mounted, in whatever namespace, or a part of another device. False of a file.
        Raises NotFound when there is none."""

    def loops(self, path: str) -> tuple[str, ...]:
        """The loop devices that stand on a file or device, whatever it was called when they were attached."""

    def device(self, tag: str) -> str:
        """The path of the block device that UUID=…, LABEL=…, PARTUUID=… or PARTLABEL=… means, or "" for none. Raises Conflict
        where several bear it."""

    def silent(self, mounts: Mapping[str, tuple[Mount, float]]) -> frozenset[str]:
        """Of some mount points (each with its mount, and how long to wait) those whose filesystem does not answer: its server
        is gone, its device suspended. It costs the longest of these times, and leaves nothing waiting."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A device-mapper device that lies on another device. partition: it only maps a partition of it, as kpartx makes them."""

    name: str
    partition: bool = False


@dataclass(frozen=True, slots=True)
class LogicalVolume:
    """A logical volume as it may be used; the inner parts of others, and their pools, are none.

    active: None where device-mapper cannot be asked. number: major:minor of its device, "" without one. opened: whether anybody
    has it open. skipped: it is not activated with its group. holders: what lies on it.
    """

    name: str
    uuid: str
    size: int
    active: bool | None = False
    number: str = ""
    opened: bool = False
    skipped: bool = False
    holders: tuple[Holder, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeGroup:
    """tags: sorted. devices: of its physical volumes that are there. missing: uuids of those that are not."""

    name: str
    uuid: str
    tags: tuple[str, ...] = ()
    exported: bool = False
    devices: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    volumes: tuple[LogicalVolume, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeGroups:
    """What LVM reports. unread: what it says of something that it could not read, or "": a group that is lacking may be there."""

    found: tuple[VolumeGroup, ...]
    unread: str = ""

    def __iter__(self) -> Iterator[VolumeGroup]:
        return iter(self.found)


class Lvm(Protocol):
    def groups(self) -> VolumeGroups:
        """Every volume group of the machine that can be read, with all that is in it, from one report; two may have one name.
        Raises NotFound where LVM is not installed."""

    def begin(self) -> Callable[[], VolumeGroups]:
        """Begin to read them. What comes back waits for that, and returns or raises what `groups` does; it is called once."""


@dataclass(frozen=True, slots=True)
class Process:
    """started: clock ticks since boot, which with pid names a process for good. namespace: host pid always."""

    pid: int
    started: int
    argv: tuple[str, ...]
    exe: str = ""
    cwd: str = ""


@dataclass(frozen=True, slots=True)
class User:
    """A process that keeps a mount busy. how: "cwd", "root", "program", "mapped file" or "open file".

    spared: why no signal may go to it (it is init, osvc or what started it, a part of the kernel, an engine or in one), or "".
    """

    process: Process
    how: str
    spared: str = ""


class Processes(Protocol):
    def all(self) -> tuple[Process, ...]:
        """Every process that can be read, by pid; `exe` and `cwd` are left out, for `get` to read."""

    def get(self, pid: int) -> Process | None:
        """One process, or None."""

    def lives(self, pid: int) -> bool:
        """Whether there is a process of this pid; one that has ended and was not taken in yet does not count."""

    def peer(self, socket: str) -> Process | None:
        """The process that listens on a unix socket (SO_PEERCRED); None when nobody answers there; pid 0 when it cannot be named.
        For a socket that systemd opened it is pid 1."""

    def listener(self, address: str, port: int, protocol: str = "tcp") -> Process | None:
        """Who listens on a port ("0.0.0.0" and "::" cover every address); a Process with pid 0 when it cannot be named."""

    def signal(self, process: Process, number: int) -> bool:
        """Send a signal through a pidfd, if it is still the same process. Whether it was. Raises Denied for osvc, its ancestors
        and pid 1."""

    def users(self, mount: Mount) -> tuple[User, ...]:
        """Who keeps this very mount busy, in whatever mount namespace, by pid; not who uses its filesystem through another."""

    def openers(self, path: str) -> tuple[Process, ...]:
        """Who has a file or device open by this very path, by pid, as far as that can be seen. Who has mounted it has not."""

    def wait_gone(self, process: Process, timeout: float) -> bool:
        """Whether the process ended in time."""

    def stat_in(self, process: Process, path: str) -> FileStat | None:
        """stat of a path as that process sees it (/proc/PID/root). Raises NotFound when the process has ended."""

    def spawn(self, argv: Sequence[str], *, log: str, env: Mapping[str, str], cgroup: str, generous: bool = False) -> Process:
        """Start a daemon: new session, stdin null, stdout and stderr appended to `log`, umask 022, cwd /, in a cgroup of its own
        (the name below the root of each hierarchy). It survives the caller. generous: with nofile and nproc as high as they go."""

    def call(self, argv: Sequence[str], *, log: str, env: Mapping[str, str], cgroup: str, timeout: float) -> int:
        """Start a command as `spawn` does a daemon, and wait until it ends: its exit code; 128 more than the signal that ended
        it. What it leaves running stays in the cgroup. Raises NotFound (no such program), and Permanent when it does not end in
        time: its process group is killed."""

    def members(self, cgroup: str) -> tuple[Process, ...]:
        """The processes in a daemon's own cgroup and in those within it, the oldest first."""

    def has_cgroup(self, name: str) -> bool:
        """Whether a daemon's own cgroup is there, in any hierarchy."""

    def drop_cgroup(self, name: str) -> bool:
        """Remove a daemon's own cgroup, empty as it is. Whether there was one. Raises Busy while a process is in it."""


@dataclass(frozen=True, slots=True)
class Route:
    destination: str
    """A network in CIDR form ("10.0.0.0/8"), or "default"."""
    device: str
    version: int = 4
    """Of the Internet Protocol."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address that a link has. prefix: its length, in bits. label: what an IPv4 address is called there, the link's own name
    where nothing else was given. scope: "global", "host", "link". broadcast: "" for none. peer: the other end of a point-to-point
    link, or "". metric: of the route that it brings, 0 where none was given.

    flags: as ip(8) names them: "secondary" (it goes with the first of its network), "tentative" (nobody knows yet whether another
    host has it), "dadfailed" (one has), "dynamic" (it goes by itself), "noprefixroute" …
    """

    address: str
    prefix: int
    label: str = ""
    scope: str = "global"
    broadcast: str = ""
    peer: str = ""
    metric: int = 0
    flags: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix}"


@dataclass(frozen=True, slots=True)
class Link:
    """assigned: its addresses, in the machine's order. arp: whether others are found on it by ARP or neighbour discovery.
    carrier: whether it is connected; of a bridge this says something once it has ports."""

    name: str
    kind: str
    up: bool
    assigned: tuple[Address, ...] = ()
    arp: bool = True
    carrier: bool = True

    @property
    def addresses(self) -> tuple[str, ...]:
        """In CIDR form ("10.208.4.1/24")."""
        return tuple(map(str, self.assigned))


class Net(Protocol):
    def links(self) -> tuple[Link, ...]: ...

    def routes(self) -> tuple[Route, ...]:
        """IPv4 and IPv6 routes of the main table."""

    def forwarding(self) -> bool:
        """net.ipv4.ip_forward."""

    def rules(self) -> frozenset[str]:
        """The IPv4 firewall's rules and chains in iptables-save form, each prefixed by its table: "nat -N OSVC-POST",
        "filter -A OSVC-FWD -i osvc-1 -j ACCEPT", "filter -P FORWARD DROP". Empty where there is no iptables."""

    def begin(self) -> Callable[[], frozenset[str]]:
        """Begin to read these rules. What comes back waits for that, and returns or raises what `rules` does; it is called once."""

    def resolve(self, name: str) -> tuple[str, ...]:
        """The addresses of a host name; () when there is none. Raises Transient when the name service does not answer."""

    def announce(self, link: str, address: str) -> None:
        """Tell everybody on a link's network, once, that an IPv6 address is there (an unsolicited neighbour advertisement). For an
        IPv4 address arping(8) does it."""


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall time, UTC."""

    def monotonic(self) -> float: ...

    def suspended(self) -> float:
        """Seconds since the boot for which the machine slept: `monotonic` did not go on then."""

    def sleep(self, seconds: float) -> None:
        """Sleep, or return early when the run is asked to stop."""


@dataclass(frozen=True, slots=True)
class Host:
    """The machine, as drivers get it. doorbells: makes those of one watch. store: the uuid of the state folder, for labels."""

    commands: Commands
    files: Files
    mounts: Mounts
    processes: Processes
    net: Net
    lvm: Lvm
    docker: Docker
    clock: Clock
    doorbells: Callable[[], Doorbells]
    store: str = ""
    state_dir: str = "/var/lib/osvc"
    run_dir: str = "/run/osvc"
    name: str = ""
    subnet_pool: str = "10.208.0.0/12"
