"""fs: one look at the machine, for one resource after the other."""

import re
from collections.abc import Mapping, Sequence
from posixpath import dirname
from typing import Any

from reconciler.core.ids import ResourceId
from reconciler.core.model import changed
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.host import ports
from reconciler.host.ports import Host
from reconciler.resources.driver import Wanted
from reconciler.resources.fs import options
from reconciler.resources.fs.identity import is_lost, is_of, path_of
from reconciler.resources.fs.model import NFS, ON_DISK, Around, Desired, Holder, State
from reconciler.resources.fs.table import Table, inside, name

_NAME = 64


class Look:
    """points: mount point -> whose it is or was. wanted: all that is observed. silent: the mount points that do not answer."""

    def __init__(
        self, table: Table, points: Mapping[str, ResourceId], wanted: Sequence[Wanted], silent: frozenset[str], host: Host
    ) -> None:
        self._table = table
        self._wanted = wanted
        self._points = points
        self._silent = silent
        self._host = host

    def observe(self, want: Wanted) -> Observed:
        shall: Desired = want.desired if want.desired is not None else want.handles[-1]
        mute = next((handle for handle in want.handles if handle.mnt in self._silent), None)
        if mute is not None:
            return Unknown(f"{mute.mnt} does not answer within {mute.stat_timeout:g} s: {_of_whom(mute)}")
        state = self._find(want)
        behind = self._unmounted(shall.dev, want.id) if shall.dev.startswith("/") and not shall.dev.startswith("/dev/") else ""
        if state is None and behind:
            holder = self._points[behind]
            guess = self._around(want.id, shall, None).model_copy(
                update={"source": "dir" if shall.type == "bind" else "file", "signature": None, "inherited": ()}
            )
            if holder.service == want.id.service:
                return Unknown(
                    f"{shall.dev} comes with {holder.rid}, which is not mounted",
                    holder.rid,
                    Absent(guess),
                    f"comes with {holder.rid}",
                )
        around = self._around(want.id, shall, state)
        return Absent(around) if state is None else Present(state, around)

    def _find(self, want: Wanted) -> State | None:
        """The mount that is this resource, at any of the points and from any of the sources that it had or shall have."""
        handles = want.handles
        for point in self._places(want):
            mount = self._table.at(point)
            for handle in reversed(handles):
                if mount is not None and (is_of(mount, handle, self._table, self._host) or self._orphaned(mount, handle, want)):
                    also = tuple(other for other in self._alike(want) if other != point) if len(handles) > 1 else ()
                    return self._held(changed(_state(mount, handle, self._host), also=also), mount, handles)
                covered = self._covered(point, handle)
                if covered is not None and want.owned is not None:
                    cover = self._table.holding(point)
                    hidden = name(cover) if cover is not None else "something"
                    return _state(covered, handle, self._host).model_copy(update={"hidden": hidden})
        return None

    def _places(self, want: Wanted) -> Sequence[str]:
        """Its points, the one that it was last applied at first. What is told by its place alone, and may be at several, is not
        where another one can only be."""
        points = list(dict.fromkeys(handle.mnt for handle in want.handles))
        if len(points) < 2 or len(self._alike(want)) < 2:
            return points
        left = {other.id: self._alike(other) for other in self._wanted}
        while single := [id for id, places in left.items() if len(places) == 1 and id != want.id]:
            taken = {left.pop(id)[0] for id in single}
            left = {id: [place for place in places if place not in taken] for id, places in left.items()}
        alike = self._alike(want)
        return [point for point in points if point not in alike or point in left[want.id]]

    def _alike(self, want: Wanted) -> list[str]:
        """Those of its points where something like this tmpfs is mounted: nothing else tells one from another."""
        handles = {handle.mnt: handle for handle in want.handles if handle.type == "tmpfs"}
        seen = [(handle, self._table.at(point)) for point, handle in handles.items()]
        return [handle.mnt for handle, mount in seen if mount is not None and is_of(mount, handle, self._table, self._host)]

    def _held(self, state: State, mount: ports.Mount, handles: tuple[Desired, ...]) -> State:
        """With who keeps it busy, where any of its specs allows them to be signalled: to look through all processes is dear."""
        if all(handle.kill_grace is None for handle in handles):
            return state
        users = self._host.processes.users(mount)
        return state.model_copy(update={"holders": tuple(holder_of(user) for user in users)})

    def _orphaned(self, mount: ports.Mount | None, handle: Desired, want: Wanted) -> bool:
        """Whether what osvc mounted lives on although its source is gone: a bind mount that shows the same folder of a filesystem
        that is not mounted any more, or a device that is not there any more, mounted as the table still names it."""
        if mount is None or want.owned is None:
            return False
        if handle.type in ON_DISK:
            return (
                mount.fstype == handle.type
                and handle.dev in {mount.source, mount.backing}
                and is_lost(mount, handle.dev, self._host)
            )
        if handle.type != "bind":
            return False
        outer = self._unmounted(handle.dev, want.id)
        return bool(outer) and mount.root == (handle.dev[len(outer) :] or "/")

    def _covered(self, point: str, handle: Desired) -> ports.Mount | None:
        seen = self._table.at(point)
        for mount in self._table.mounts:
            if mount.target == point and mount != seen and is_of(mount, handle, self._table, self._host):
                return mount
        return None

    def _unmounted(self, path: str, but: ResourceId) -> str:
        """The deepest wanted mount point that holds `path` and is not mounted; "" when there is none."""
        point = inside((point for point, id in self._points.items() if id != but), path) or (
            path if path in self._points and self._points[path] != but else ""
        )
        return point if point and self._table.at(point) is None else ""

    def _around(self, id: ResourceId, shall: Desired, state: State | None) -> Around:
        """What is around; of a resource that is mounted as it shall be only what may still change."""
        here = state is not None and (state.dev, state.mnt) == (shall.dev, shall.mnt)
        around: dict[str, Any] = {"point": "dir"} if here else self._point(id, shall, state)
        if shall.type == "tmpfs":
            return Around(**around)
        if shall.type in NFS:
            return Around(**around, source="server")
        files = self._host.files
        path = path_of(shall.dev, self._host)
        stat = files.stat(path) if path else None
        if stat is not None:
            around["source"] = stat.kind if stat.kind in {"file", "dir", "block"} else "other"
            around["path"] = path if path != shall.dev else ""
        if shall.type == "bind":
            holder = self._table.holding(files.resolve(shall.dev)) if stat is not None else None
            inherited = options.shown(holder.options, holder.fstype, bound=True) if holder is not None else ()
            around["inherited"] = options.inheritable(inherited)
        elif not here and stat is not None and stat.kind in {"file", "block"}:
            around |= self._carried(shall, path, stat)
            around["elsewhere"] = tuple(
                mount.target
                for mount in self._table.mounts
                if mount.target not in self._points and is_of(mount, shall, self._table, self._host)
            )
        return Around(**around)

    def _carried(self, shall: Desired, path: str, stat: ports.FileStat) -> dict[str, Any]:
        """What is on a device or in a file; whether it is bare is asked only where nothing was found, and where that decides."""
        signature = self._host.mounts.signature(path)
        found: dict[str, Any] = {"signature": signature}
        if signature == "":
            found["bare"] = self._host.mounts.bare(path)
            found["volume"] = stat.size if stat.kind == "file" else 0
        return found

    def _point(self, id: ResourceId, shall: Desired, state: State | None) -> dict[str, Any]:
        """The mount point: what it is, what is on it, what has to be made. Below a mount yet to come nothing can be seen."""
        files = self._host.files
        mount = self._table.at(shall.mnt)
        if mount is not None and not (state is not None and state.mnt == shall.mnt):
            return {"point": "dir", "occupied": name(mount), **self._occupant(shall.mnt, id)}
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

    def _occupant(self, point: str, asks: ResourceId) -> dict[str, Any]:
        """Which other resource of the same service what is mounted there is, as that one is seen itself."""
        for want in self._wanted:
            if want.owned is None or want.id.service != asks.service or want.id == asks:
                continue
            state = self._find(want) if any(handle.mnt == point for handle in want.handles) else None
            if state is not None and state.mnt == point and not state.hidden:
                alike = self._alike(want)
                return {"occupant": want.id.rid, "exchanged": sum(place in alike for place in self._places(want)) > 1}
        return {}


def holder_of(user: ports.User) -> Holder:
    """A process as plans and actions name it."""
    return Holder(pid=user.process.pid, started=user.process.started, name=program(user.process), spared=user.spared)


def program(process: ports.Process) -> str:
    """The name of a process's program, as its own words have it; nothing in it could pass for another line of a plan."""
    words = process.argv[0].split() if process.argv else []
    name = words[0].rstrip(":").rsplit("/", 1)[-1] if words else ""
    return "".join(char for char in name if char.isprintable())[:_NAME] or "?"


def _of_whom(handle: Desired) -> str:
    return f"the server of {handle.dev} is gone or slow" if handle.type in NFS else f"{handle.dev} is suspended, gone or slow"


def _state(mount: ports.Mount, handle: Desired, host: Host) -> State:
    kind = "bind" if handle.type == "bind" else mount.fstype
    shown = options.shown(mount.options, kind, bound=kind == "bind")
    if kind == "tmpfs" and any(word.startswith("size=") for word in shown):
        shown = options.unsized(shown, _memory(host))
    live, held = options.fixed(shown, kind)
    loop = bool(mount.backing) and kind in ON_DISK and not handle.dev.startswith("/dev/")
    protected = loop and (host.files.read(f"/sys/class/block/{mount.source.rsplit('/', 1)[-1]}/ro") or "").strip() == "1"
    return State(
        dev=handle.dev,
        mnt=mount.target,
        type=kind,
        mnt_opt=live,
        mount_only=held,
        loop=loop,
        protected=protected,
        lost=kind in ON_DISK and is_lost(mount, handle.dev, host),
    )


def _memory(host: Host) -> int:
    """The machine's memory in pages; 0 when it does not say."""
    found = re.search(r"^MemTotal: +(\d+) kB$", host.files.read("/proc/meminfo") or "", re.MULTILINE)
    return int(found[1]) // 4 if found else 0
