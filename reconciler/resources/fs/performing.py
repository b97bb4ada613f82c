"""fs: mounts, unmounts, checks and makes filesystems, looking once more at what is there before each."""

from collections.abc import Callable
from signal import SIGKILL, SIGTERM
from typing import Any

from reconciler.core.facts import holds_path
from reconciler.host import ports
from reconciler.host.errors import Busy, Cancelled, Conflict, Denied, HostError, Permanent
from reconciler.host.ports import Host
from reconciler.resources.fs.actions import EndHolders, MakeMountPoint, Mount, Remount, RemoveMountPoint, Unmount
from reconciler.resources.fs.holders import loops_on, mounters
from reconciler.resources.fs.identity import is_of, path_of, was_of
from reconciler.resources.fs.making_actions import MakeFile, MakeFilesystem
from reconciler.resources.fs.model import NFS, TAGS, Desired
from reconciler.resources.fs.observing import program
from reconciler.resources.fs.table import Table, name

CHECK_TIME = 3600.0
MOUNT_TIME = 120.0
_AFTER_KILL = 5.0
_SOON = 0.01

_BY_HAND = {
    "xfs": "xfs_repair -n {dev} shows what is wrong; mount it once by hand before xfs_repair {dev}, so that its log is replayed",
    "btrfs": "btrfs check {dev} shows what is wrong, and changes nothing",
}
"""What a person does about a filesystem that checks itself, and cannot be mounted."""


def perform(action: Any, host: Host, say: Callable[[str], None]) -> None:
    """See Driver.perform."""
    match action:
        case MakeMountPoint() | RemoveMountPoint():
            host.commands.run(action.argv())
        case MakeFile():
            make_file(action, host)
        case MakeFilesystem():
            make_filesystem(action, host)
        case Mount():
            mount(action, host, say)
        case Remount():
            host.commands.run(action.argv(), timeout=MOUNT_TIME)
        case EndHolders():
            end(action, host, say)
        case Unmount():
            unmount(action, host)
        case _:
            raise Permanent(f"cannot do {type(action).__name__} to a filesystem")


def mount(action: Mount, host: Host, say: Callable[[str], None]) -> None:
    table = Table(host.mounts.table())
    seen = table.at(action.mnt)
    handle = _handle(action)
    if seen is not None:
        if is_of(seen, handle, table, host):
            return
        raise Conflict(f"cannot mount {action.dev} on {action.mnt}: {name(seen)} is mounted there")
    if action.dev.startswith(TAGS) and path_of(action.dev, host) != action.device:
        raise Conflict(f"cannot mount {action.dev}: it is not {action.device} any more; plan again")
    if action.type not in {"tmpfs", *NFS} and host.files.stat(action.device or action.dev) is None:
        raise Permanent(f"cannot mount {action.dev}: it does not exist")
    if action.check():
        _check(action, host, say)
    try:
        host.commands.run(action.argv(), timeout=MOUNT_TIME)
    except HostError as error:
        remedy = _BY_HAND.get(action.type, "").format(dev=action.device or action.dev)
        raise (type(error)(f"{error}; {remedy}", error.output) if remedy else error) from None
    if action.remount():
        host.commands.run(action.remount(), timeout=MOUNT_TIME)


def _check(action: Mount, host: Host, say: Callable[[str], None]) -> None:
    """Check, only when nobody has the device: mending a filesystem that lives would destroy it."""
    dev = action.device or action.dev
    used = mounters(dev, host)
    loops = host.mounts.loops(dev)
    if used or len(loops) > 1:
        say(f"{dev} is left unchecked: in use by {used[0] if used else ', '.join(loops)}")
        return
    if host.mounts.claimed(loops[0] if loops else dev):
        say(f"{dev} is left unchecked: it is mounted somewhere, or a part of another device")
        return
    if _is_protected(loops[0] if loops else dev, host):
        say(f"{dev} is left unchecked: it is write-protected, and nothing could be mended")
        return
    if loops:
        # What is written to the file beside a loop device on it, the device does not see.
        say(f"{dev} is checked through {loops[0]}, which stands on it")
        dev = loops[0]
    by_hand = f"fsck.fat -r {dev}" if action.type == "vfat" else f"e2fsck {dev}"
    done = host.commands.run((*action.check()[:-1], dev), timeout=CHECK_TIME, ok=range(256))
    if action.type == "vfat" and done.code == 1:
        # It mends what it safely can, and says 1 whatever became of it: only a second look tells.
        done = host.commands.run(("fsck.fat", "-n", "--", dev), timeout=CHECK_TIME, ok=range(256))
        if done.code == 1:
            raise _needs_a_person(dev, by_hand, done)
    if done.code in {0, 1}:
        return
    if action.type != "vfat" and done.code & 4:
        raise _needs_a_person(dev, by_hand, done)
    text = (done.stdout + done.stderr).strip()
    last = text.splitlines()[-1] if text else f"exit code {done.code}"
    raise Permanent(f"cannot check {dev}: {last}", text)


def _is_protected(dev: str, host: Host) -> bool:
    """Whether a device, or the mount in which a file lies, is read-only."""
    stat = host.files.stat(dev)
    if stat is not None and stat.number:
        return (host.files.read(f"/sys/dev/block/{stat.number}/ro") or "").strip() == "1"
    holder = Table(host.mounts.table()).holding(host.files.resolve(dev))
    return holder is not None and "ro" in holder.options


def _needs_a_person(dev: str, by_hand: str, done: ports.Completed) -> Permanent:
    return Permanent(f"{dev} has errors that need a person: run {by_hand} by hand", (done.stdout + done.stderr).strip())


def unmount(action: Unmount, host: Host) -> None:
    """Unmount what the action names, and nothing else: not a mount of others that lies over it."""
    found = _mine(action, host)
    if found is None:
        return
    seen, table = found
    _nothing_below(action.mnt, table)
    try:
        host.commands.run(action.argv(), timeout=MOUNT_TIME)
    except Busy as error:
        users = [f"pid {user.process.pid} {program(user.process)}" for user in host.processes.users(seen)]
        held = [*users, *loops_on(seen, host)]
        who = f"busy ({', '.join(held[:5])})" if held else "busy"
        raise Busy(f"cannot unmount {action.mnt}: {who}", error.output) from None


def end(action: EndHolders, host: Host, say: Callable[[str], None]) -> None:
    """End those who are named and keep the mount busy now, and nobody else; nobody at all where something else is mounted there, or
    where the mount stays busy without them."""
    named = {(holder.pid, holder.started) for holder in action.holders}

    def those(*, first: bool = False) -> list[ports.Process]:
        """Looked for anew each time: the number of a mount that is gone is given to the next one."""
        found = _mine(action, host)
        if found is None:
            return []
        seen, table = found
        users = host.processes.users(seen)
        if first:
            _nothing_below(action.mnt, table)
            stay = [f"pid {user.process.pid} {program(user.process)} ({user.spared})" for user in users if user.spared]
            stay += loops_on(seen, host)
            if stay:
                raise Busy(f"cannot free {action.mnt}, and nobody is ended for it: busy by {', '.join(stay[:5])}")
        return [user.process for user in users if not user.spared and (user.process.pid, user.process.started) in named]

    for number, time in ((SIGTERM, action.grace), (SIGKILL, _AFTER_KILL)):
        left = those(first=number == SIGTERM)
        for process in left:
            say(f"{number.name} to pid {process.pid} {program(process)}")
            try:
                host.processes.signal(process, number)
            except Denied as error:
                raise Busy(f"cannot free {action.mnt}: {error}") from None
        end = host.clock.monotonic() + time
        for process in left:
            left_over = end - host.clock.monotonic()
            if not host.processes.wait_gone(process, max(0.0, left_over)) and host.clock.monotonic() < end - _SOON:
                raise Cancelled(f"asked to stop while pid {process.pid} {program(process)} had time left to end")
    stay = those()
    if stay:
        names = ", ".join(f"pid {process.pid} {program(process)}" for process in stay)
        raise Busy(f"cannot free {action.mnt}: {names} did not end, not even by KILL")


def _nothing_below(mnt: str, table: Table) -> None:
    """Raises Busy where something is mounted below a mount point: then it cannot be unmounted."""
    inner = [mount.target for mount in table.mounts if mount.target != mnt and holds_path(mnt, mount.target)]
    if inner:
        raise Busy(f"cannot unmount {mnt}: busy ({', '.join(inner[:3])} is mounted below it)")


def _mine(action: Unmount | EndHolders, host: Host) -> tuple[ports.Mount, Table] | None:
    """The mount that an action is about; None when it is not mounted any more. Raises Conflict when something lies over it."""
    table = Table(host.mounts.table())
    handle = _handle(action)
    mine = [mount for mount in table.mounts if mount.target == action.mnt and was_of(mount, handle, table, host)]
    if not mine:
        return None
    seen = table.at(action.mnt)
    if seen is None or seen not in mine:
        cover = table.holding(action.mnt)
        raise Conflict(f"cannot unmount {action.mnt}: {name(cover) if cover else 'something'} is mounted over it")
    return seen, table


def make_file(action: MakeFile, host: Host) -> None:
    """Never over a file that holds anything, or is of a size of its own."""
    stat = host.files.stat(action.path)
    if stat is not None and (stat.kind != "file" or stat.size not in {0, action.size} or not host.mounts.bare(action.path)):
        raise Conflict(f"cannot make {action.path}: something is there already")
    if stat is not None and stat.size == action.size:
        return
    for words in action.commands():
        host.commands.run(words)


def make_filesystem(action: MakeFilesystem, host: Host) -> None:
    """Never over anything at all, whatever it was when this was planned, and never on what somebody uses."""
    if action.dev.startswith(TAGS) and path_of(action.dev, host) != action.device:
        raise Conflict(f"cannot make {action.type} on {action.dev}: it is not {action.device} any more; plan again")
    if host.mounts.signature(action.device) == action.type:
        return
    if not host.mounts.bare(action.device):
        raise Conflict(
            f"cannot make {action.type} on {action.device}: something is on it; "
            f"wipefs --no-act {action.device} and hexdump -C -n 4096 {action.device} show what"
        )
    used = mounters(action.device, host) or host.mounts.loops(action.device)
    if used or host.mounts.claimed(action.device):
        raise Busy(f"cannot make {action.type} on {action.device}: in use by {used[0] if used else 'another device'}")
    host.commands.run(action.argv(), timeout=CHECK_TIME)


def _handle(action: Mount | Unmount | EndHolders) -> Desired:
    """What an action is about, as far as a mount is recognised by it."""
    words = (*action.mnt_opt, *action.mount_only) if isinstance(action, Mount) else action.part
    return Desired.model_construct(dev=action.dev, mnt=action.mnt, type=action.type, mnt_opt=words, mount_only=())
