"""fs: sees mounts through one reading of the mount table, and mounts, remounts and unmounts with mount(8) and umount(8)."""

import re
from collections.abc import Callable, Mapping, Sequence
from posixpath import dirname
from typing import Any

from reconciler.core.facts import holds_path
from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.host import ports
from reconciler.host.errors import Busy, Conflict, HostError, Permanent
from reconciler.host.ports import Host
from reconciler.resources.driver import Wanted
from reconciler.resources.fs import options
from reconciler.resources.fs.actions import MakeMountPoint, Mount, Remount, RemoveMountPoint, Unmount
from reconciler.resources.fs.holders import holders, users
from reconciler.resources.fs.model import EXT, Around, Desired, State
from reconciler.resources.fs.table import Table, inside, name

_CHECK_TIME = 3600.0
_MOUNT_TIME = 120.0


class FsDriver:
    """The contract of resources/driver.py for filesystems."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        try:
            table = Table(host.mounts.table())
        except HostError as error:
            return {want.id: Unknown(f"the mount table cannot be read: {error}") for want in wanted}
        points: dict[str, ResourceId] = {}
        for want in wanted:
            for handle in want.handles:
                points.setdefault(handle.mnt, want.id)
        found: dict[ResourceId, Observed] = {}
        for want in wanted:
            try:
                found[want.id] = _Look(table, points, host).observe(want)
            except HostError as error:
                found[want.id] = Unknown(str(error))
        return found

    def look(self, want: Wanted, host: Host) -> Observed:
        return self.observe([want], host)[want.id]

    def words(self, state: Any, host: Host) -> str:
        return ""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        match action:
            case MakeMountPoint() | RemoveMountPoint():
                host.commands.run(action.argv())
            case Mount():
                _mount(action, host, say)
            case Remount():
                host.commands.run(action.argv(), timeout=_MOUNT_TIME)
            case Unmount():
                _unmount(action, host)
            case _:
                raise Permanent(f"cannot do {type(action).__name__} to a filesystem")


class _Look:
    """One look at the machine, for one resource after the other."""

    def __init__(self, table: Table, points: Mapping[str, ResourceId], host: Host) -> None:
        self._table = table
        self._points = points
        self._host = host

    def observe(self, want: Wanted) -> Observed:
        shall: Desired = want.desired if want.desired is not None else want.handles[-1]
        state = self._find(want)
        behind = self._unmounted(shall.dev, want.id) if shall.type != "tmpfs" and not shall.dev.startswith("/dev/") else ""
        if state is None and behind:
            holder = self._points[behind]
            guess = self._around(shall, None).model_copy(
                update={"source": "dir" if shall.type == "bind" else "file", "signature": None, "inherited": ()}
            )
            if holder.service == want.id.service:
                return Unknown(
                    f"{shall.dev} comes with {holder.rid}, which is not mounted",
                    holder.rid,
                    Absent(guess),
                    f"comes with {holder.rid}",
                )
        around = self._around(shall, state)
        return Absent(around) if state is None else Present(state, around)

    def _find(self, want: Wanted) -> State | None:
        """The mount that is this resource, at any of the points and from any of the sources that it had or shall have."""
        handles = want.handles
        for point in dict.fromkeys(handle.mnt for handle in handles):
            mount = self._table.at(point)
            for handle in reversed(handles):
                if mount is not None and (_is(mount, handle, self._table, self._host) or self._orphaned(mount, handle, want)):
                    return _state(mount, handle, self._host)
                covered = self._covered(point, handle)
                if covered is not None and want.owned is not None:
                    cover = self._table.holding(point)
                    hidden = name(cover) if cover is not None else "something"
                    return _state(covered, handle, self._host).model_copy(update={"hidden": hidden})
        return None

    def _orphaned(self, mount: ports.Mount | None, handle: Desired, want: Wanted) -> bool:
        """Whether an owned bind mount lives on although the filesystem of its source is gone: it shows the same folder of it."""
        if mount is None or handle.type != "bind" or want.owned is None:
            return False
        outer = self._unmounted(handle.dev, want.id)
        return bool(outer) and mount.root == (handle.dev[len(outer) :] or "/")

    def _covered(self, point: str, handle: Desired) -> ports.Mount | None:
        seen = self._table.at(point)
        for mount in self._table.mounts:
            if mount.target == point and mount != seen and _is(mount, handle, self._table, self._host):
                return mount
        return None

    def _unmounted(self, path: str, but: ResourceId) -> str:
        """The deepest wanted mount point that holds `path` and is not mounted; "" when there is none."""
        point = inside((point for point, id in self._points.items() if id != but), path) or (
            path if path in self._points and self._points[path] != but else ""
        )
        return point if point and self._table.at(point) is None else ""

    def _around(self, shall: Desired, state: State | None) -> Around:
        """What is around; of a resource that is mounted as it shall be only what may still change."""
        here = state is not None and (state.dev, state.mnt) == (shall.dev, shall.mnt)
        around: dict[str, Any] = {"point": "dir"} if here else self._point(shall, state)
        if shall.type == "tmpfs":
            return Around(**around)
        files = self._host.files
        stat = files.stat(shall.dev)
        if stat is not None:
            around["source"] = stat.kind if stat.kind in {"file", "dir", "block"} else "other"
        if shall.type == "bind":
            holder = self._table.holding(files.resolve(shall.dev)) if stat is not None else None
            inherited = options.shown(holder.options, holder.fstype, bound=True) if holder is not None else ()
            around["inherited"] = options.inheritable(inherited)
        elif not here and stat is not None and stat.kind in {"file", "block"}:
            around["signature"] = self._host.mounts.signature(shall.dev)
            around["elsewhere"] = tuple(
                mount.target
                for mount in self._table.mounts
                if mount.target not in self._points and _is(mount, shall, self._table, self._host)
            )
        return Around(**around)

    def _point(self, shall: Desired, state: State | None) -> dict[str, Any]:
        """The mount point: what it is, what is on it, what has to be made. Below a mount yet to come nothing can be seen."""
        files = self._host.files
        mount = self._table.at(shall.mnt)
        if mount is not None and not (state is not None and state.mnt == shall.mnt):
            return {"point": "dir", "occupied": name(mount)}
        outer = inside(self._points, shall.mnt)
        if outer and self._table.at(outer) is None:
            return {"make": (shall.mnt,)}
        stat = files.stat(shall.mnt)
        if stat is not None:
            entries = files.names(shall.mnt) if stat.kind == "dir" and state is None else ()
            return {"point": "dir" if stat.kind == "dir" else "file", "entries": len(entries or ())}
        missing = [shall.mnt]
        while dirname(missing[0]) != "/" and files.stat(dirname(missing[0])) is None:
            missing.insert(0, dirname(missing[0]))
        return {"make": tuple(missing)}


def _is(mount: ports.Mount, handle: Desired, table: Table, host: Host) -> bool:
    """Whether a mount shows what `handle` says should be mounted, wherever it is."""
    if handle.type == "tmpfs":
        return mount.fstype == "tmpfs" and mount.root == "/" and mount.source == handle.dev
    if handle.type == "bind":
        source = host.files.resolve(handle.dev)
        holder = table.holding(source)
        if holder is None:
            return False
        rest = source if holder.target == "/" else source[len(holder.target) :]
        root = (holder.root.rstrip("/") + rest) or "/"
        return (mount.device, mount.root) == (holder.device, root) and mount != holder
    if mount.root != "/":
        return False
    if handle.dev in {mount.source, mount.backing}:
        return True
    return host.files.resolve(handle.dev) in {
        mount.backing,
        host.files.resolve(mount.source) if mount.source.startswith("/") else "",
    }


def _was(mount: ports.Mount, handle: Desired, table: Table, host: Host) -> bool:
    """As `_is`, and also for a bind mount whose source is out of sight meanwhile, because its filesystem is gone."""
    if _is(mount, handle, table, host):
        return True
    holder = table.holding(handle.dev)
    gone = holder is None or holder.device != mount.device
    return handle.type == "bind" and gone and (mount.root == "/" or handle.dev.endswith(mount.root))


def _state(mount: ports.Mount, handle: Desired, host: Host) -> State:
    kind = "bind" if handle.type == "bind" else mount.fstype
    shown = options.shown(mount.options, kind, bound=kind == "bind")
    if kind == "tmpfs" and any(word.startswith("size=") for word in shown):
        shown = options.unsized(shown, _memory(host))
    live, held = options.fixed(shown)
    loop = bool(mount.backing) and kind in EXT
    protected = loop and (host.files.read(f"/sys/class/block/{mount.source.rsplit('/', 1)[-1]}/ro") or "").strip() == "1"
    return State(dev=handle.dev, mnt=mount.target, type=kind, mnt_opt=live, mount_only=held, loop=loop, protected=protected)


def _memory(host: Host) -> int:
    """The machine's memory in pages; 0 when it does not say."""
    found = re.search(r"^MemTotal: +(\d+) kB$", host.files.read("/proc/meminfo") or "", re.MULTILINE)
    return int(found[1]) // 4 if found else 0


def _check(action: Mount, host: Host, say: Callable[[str], None]) -> None:
    """Run e2fsck, only when nobody has the device: checking a filesystem that lives would destroy it."""
    used = users(action.dev, host)
    if used:
        say(f"{action.dev} is left unchecked: in use by {used[0]}")
        return
    done = host.commands.run(action.check(), timeout=_CHECK_TIME, ok=range(256))
    if done.code in {0, 1}:
        return
    text = (done.stdout + done.stderr).strip()
    if done.code & 4:
        raise Permanent(f"{action.dev} has errors that need a person: run e2fsck {action.dev} by hand", text)
    last = text.splitlines()[-1] if text else f"exit code {done.code}"
    raise Permanent(f"cannot check {action.dev}: {last}", text)


def _mount(action: Mount, host: Host, say: Callable[[str], None]) -> None:
    table = Table(host.mounts.table())
    seen = table.at(action.mnt)
    handle = Desired.model_construct(dev=action.dev, mnt=action.mnt, type=action.type)
    if seen is not None:
        if _is(seen, handle, table, host):
            return
        raise Conflict(f"cannot mount {action.dev} on {action.mnt}: {name(seen)} is mounted there")
    if action.type != "tmpfs" and host.files.stat(action.dev) is None:
        raise Permanent(f"cannot mount {action.dev}: it does not exist")
    if action.check():
        _check(action, host, say)
    host.commands.run(action.argv(), timeout=_MOUNT_TIME)
    if action.remount():
        host.commands.run(action.remount(), timeout=_MOUNT_TIME)


def _unmount(action: Unmount, host: Host) -> None:
    """Unmount what the action names, and nothing else: not a mount of others that lies over it."""
    table = Table(host.mounts.table())
    handle = Desired.model_construct(dev=action.dev, mnt=action.mnt, type=action.type)
    mine = [mount for mount in table.mounts if mount.target == action.mnt and _was(mount, handle, table, host)]
    if not mine:
        return
    seen = table.at(action.mnt)
    if seen not in mine:
        cover = table.holding(action.mnt)
        raise Conflict(f"cannot unmount {action.mnt}: {name(cover) if cover else 'something'} is mounted over it")
    assert seen is not None
    inner = [mount.target for mount in table.mounts if mount.target != action.mnt and holds_path(action.mnt, mount.target)]
    if inner:
        raise Busy(f"cannot unmount {action.mnt}: busy ({', '.join(inner[:3])} is mounted below it)")
    try:
        host.commands.run(action.argv(), timeout=_MOUNT_TIME)
    except Busy as error:
        held = holders(seen, host)
        who = f"busy ({', '.join(held[:5])})" if held else "busy"
        raise Busy(f"cannot unmount {action.mnt}: {who}", error.output) from None


DRIVER = FsDriver()
