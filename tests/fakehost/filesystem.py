"""The fake machine's files: inodes, filesystems, and a mount tree that behaves as the kernel's does.

A mount lies on an inode of its parent mount. So several on one path are stacked, what is below is hidden and comes back,
a bind shows the same inodes, and a filesystem image keeps its content while it is not mounted.
"""

import itertools
import os
import stat as modes
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from reconciler.host.errors import HostError
from reconciler.host.linux.faults import of_errno
from reconciler.host.ports import FileStat, Mount

MOUNT_FLAGS = {"nosuid": "suid", "nodev": "dev", "noexec": "exec", "nodiratime": "diratime", "nosymfollow": "symfollow"}
"""Flags of one mount, with the word that takes each away."""
ATIMES = ("relatime", "noatime", "strictatime")
_ORDER = ("nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime", "nosymfollow")


@dataclass(eq=False)
class Inode:
    """A file, folder, link, socket or block device. image: the filesystem that a file or device carries.

    size: of a file, where it is larger than its text (a hole).
    gone: once it is unlinked, the path that the mount table goes on showing for it.
    """

    number: int
    kind: str
    mode: int
    parent: "Inode | None" = None
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    text: str = ""
    target: str = ""
    children: "dict[str, Inode]" = field(default_factory=dict)
    image: "Filesystem | None" = None
    size: int = 0
    gone: str = ""


@dataclass(eq=False)
class Filesystem:
    """fsck: the exit code that e2fsck -p would end with (0 clean, 1 mended, 4 errors left)."""

    fstype: str
    device: str
    root: Inode
    options: list[str] = field(default_factory=list)
    readonly: bool = False
    fsck: int = 0


@dataclass(eq=False)
class Mounted:
    """One mount. point: the inode that it lies on, in `parent`. flags: without ro/rw, which is `readonly`."""

    id: int
    parent: "Mounted | None"
    point: Inode | None
    fs: Filesystem
    root: Inode
    target: str
    source: str
    flags: list[str]
    readonly: bool = False
    backing: str = ""

    def options(self) -> tuple[str, ...]:
        """As the mount table gives them: the mount's own, then the superblock's, each word once."""
        own = ["ro" if self.readonly else "rw", *sorted(self.flags, key=_ORDER.index)]
        above = ["ro" if self.fs.readonly else "rw", *self.fs.options]
        return tuple(dict.fromkeys([*own, *above]))


@dataclass(eq=False)
class Loop:
    """A loop device: its backing file, where that lies, whether the device is read-only for good, and whether it goes with its last
    mount."""

    inode: Inode
    path: str
    mount: Mounted
    protected: bool = False
    fleeting: bool = True


@dataclass(frozen=True)
class Spot:
    """Where a path leads. inode: None when its last part does not exist (`rest`: what is missing)."""

    mount: Mounted
    inode: Inode | None
    folder: Inode
    path: str
    rest: tuple[str, ...] = ()


class Tree:
    """The mount namespace. Methods raise HostError, as the real adapter does."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._numbers = itertools.count(2)
        self._mount_ids = itertools.count(20)
        self._minors = itertools.count(30)
        root = self.new_filesystem("ext4", "254:0")
        self.mounts: list[Mounted] = [Mounted(next(self._mount_ids), None, None, root, root.root, "/", "/dev/vda", ["relatime"])]
        self.loops: dict[str, Loop] = {}

    # Making things

    def new_filesystem(self, fstype: str, device: str = "") -> Filesystem:
        """An empty filesystem. Without a device number it gets an anonymous one."""
        root = Inode(next(self._numbers), "dir", 0o1777 if fstype == "tmpfs" else 0o755, mtime_ns=self._now_ns())
        if fstype.startswith("ext"):
            root.children["lost+found"] = Inode(next(self._numbers), "dir", 0o700, parent=root, mtime_ns=self._now_ns())
        return Filesystem(fstype, device or f"0:{next(self._minors)}", root)

    def attach(self, fs: Filesystem, root: Inode, spot: Spot, source: str, flags: list[str], **more: object) -> Mounted:
        """Put a filesystem, or a part of it, on a spot."""
        mount = Mounted(next(self._mount_ids), spot.mount, spot.inode, fs, root, spot.path, source, flags, **more)  # type: ignore[arg-type]
        self.mounts.append(mount)
        return mount

    def detach(self, mount: Mounted) -> None:
        """Take a mount out of the tree, and free its loop device when it was the last on it, and that was made for it."""
        self.mounts.remove(mount)
        loop = self.loops.get(mount.source)
        if loop is not None and loop.fleeting and not any(other.source == mount.source for other in self.mounts):
            del self.loops[mount.source]

    # Finding things

    def walk(self, path: str, *, follow: bool = True) -> Spot:
        """Resolve a path: links, mounts, dot-dot. What does not exist is taken as it is written. Raises HostError for a loop."""
        mount = self._top(self.mounts[0])
        here, done = mount.root, ""
        todo = [part for part in path.split("/") if part not in ("", ".")]
        trail: list[tuple[Mounted, Inode, str]] = []
        links = 0
        while todo:
            part = todo.pop(0)
            if part == "..":
                if trail:
                    mount, here, done = trail.pop()
                continue
            found = here.children.get(part) if here.kind == "dir" else None
            if found is None:
                missing = (part, *todo)
                return Spot(mount, None, here, os.path.normpath("/".join((done or "", *missing)) or "/"), missing)
            if found.kind == "link" and (todo or follow):
                links += 1
                if links > 40:
                    raise of_errno(OSError(40, "Too many levels of symbolic links"), f"cannot look at {path}")
                todo = [word for word in found.target.split("/") if word not in ("", ".")] + todo
                if found.target.startswith("/"):
                    mount = self._top(self.mounts[0])
                    here, done, trail = mount.root, "", []
                continue
            trail.append((mount, here, done))
            done = f"{done}/{part}"
            mount, here = self._enter(mount, found)
        return Spot(mount, here, here.parent or here, done or "/")

    def find(self, path: str, *, follow: bool = True) -> Inode | None:
        return self.walk(path, follow=follow).inode

    def top_at(self, path: str) -> Mounted | None:
        """The visible mount whose mount point is this path, or None."""
        spot = self.walk(path)
        return spot.mount if spot.inode is spot.mount.root and spot.path == spot.mount.target else None

    def children_of(self, mount: Mounted) -> list[Mounted]:
        return [other for other in self.mounts if other.parent is mount]

    def path_of(self, inode: Inode) -> str:
        """The path inside its filesystem."""
        parts: list[str] = []
        if inode.gone:
            return inode.gone
        while inode.parent is not None:
            parts.append(next(name for name, child in inode.parent.children.items() if child is inode))
            inode = inode.parent
        return "/" + "/".join(reversed(parts))

    def _enter(self, mount: Mounted, inode: Inode) -> tuple[Mounted, Inode]:
        for other in reversed(self.mounts):
            if other.parent is mount and other.point is inode:
                top = self._top(other)
                return top, top.root
        return mount, inode

    def _top(self, mount: Mounted) -> Mounted:
        """What is stacked on the root of a mount."""
        for other in reversed(self.mounts):
            if other.parent is mount and other.point is mount.root:
                return self._top(other)
        return mount

    # What the ports ask

    def table(self) -> tuple[Mount, ...]:
        return tuple(
            Mount(
                id=mount.id,
                parent=mount.parent.id if mount.parent else 1,
                device=mount.fs.device,
                root=self.path_of(mount.root),
                target=mount.target,
                options=mount.options(),
                fstype=mount.fs.fstype,
                source=mount.source,
                backing=mount.backing,
            )
            for mount in self.mounts
        )

    def stat(self, path: str, *, follow: bool = True) -> FileStat | None:
        spot = self.walk(path, follow=follow)
        if spot.inode is None:
            return None
        major, minor = (int(part) for part in spot.mount.fs.device.split(":"))
        inode = spot.inode
        size = (
            max(inode.size, len(inode.text.encode()))
            if inode.kind == "file"
            else 4096
            if inode.kind == "dir"
            else len(inode.target)
        )
        device = os.makedev(major, minor)
        number = (inode.image.device if inode.image else "253:0") if inode.kind == "block" else ""
        return FileStat(inode.kind, inode.mode, inode.uid, inode.gid, size, device, inode.number, inode.mtime_ns, number)

    def read(self, path: str, limit: int) -> str | None:
        inode = self.find(path)
        if inode is None:
            return None
        if inode.kind != "file":
            raise _fault(22, "Not a regular file", f"cannot read {path}")
        if len(inode.text.encode()) > limit:
            raise _fault(27, "File too large", f"cannot read {path}")
        return inode.text

    def write(self, path: str, text: str, mode: int, what: str | None = None) -> Inode:
        """Replace a file as a whole: a new inode each time."""
        what = what or f"cannot write {path}"
        spot = self.walk(path, follow=False)
        if spot.inode is not None and spot.inode.kind == "dir":
            raise _fault(21, "Is a directory", what)
        return self._put(spot, "file", mode, what, text=text)

    def append(self, path: str, text: str, mode: int = 0o600) -> None:
        """Append to a file, making it."""
        inode = self.find(path)
        if inode is None:
            inode = self._put(self.walk(path), "file", mode, f"cannot write {path}")
        inode.text += text
        inode.mtime_ns = self._now_ns()

    def put(self, path: str, kind: str, mode: int = 0o755, **more: object) -> Inode:
        """Make something other than a file or folder: a socket, a link, a block device."""
        return self._put(self.walk(path, follow=False), kind, mode, f"cannot make {path}", **more)

    def names(self, path: str) -> tuple[str, ...] | None:
        inode = self.find(path)
        return tuple(sorted(inode.children)) if inode is not None and inode.kind == "dir" else None

    def make_dir(self, path: str, mode: int) -> bool:
        what = f"cannot make the folder {path}"
        spot = self.walk(path)
        if spot.inode is not None:
            if spot.inode.kind != "dir":
                raise _fault(17, "File exists", what)
            return False
        while len(spot.rest) > 1:
            parent = spot.path[: -len("/".join(spot.rest)) - 1] + "/" + spot.rest[0]
            self._put(self.walk(parent), "dir", 0o755, what)
            spot = self.walk(path)
        self._put(spot, "dir", mode, what)
        return True

    def remove_dir(self, path: str) -> bool:
        spot = self.walk(path, follow=False)
        inode = spot.inode
        if inode is None or inode.kind != "dir":
            return False
        if inode.children:
            return False
        if inode is spot.mount.root or any(mount.point is inode for mount in self.mounts):
            raise _fault(16, "Device or resource busy", f"cannot remove the folder {path}")
        self._unlink(spot, f"cannot remove the folder {path}")
        return True

    def remove(self, path: str) -> bool:
        spot = self.walk(path, follow=False)
        if spot.inode is None:
            return False
        if spot.inode.kind == "dir":
            raise _fault(21, "Is a directory", f"cannot remove {path}")
        self._unlink(spot, f"cannot remove {path}")
        return True

    def under(self, inode: Inode) -> Iterator[Inode]:
        """An inode and all that lies below it in its filesystem."""
        yield inode
        for child in inode.children.values():
            yield from self.under(child)

    def _put(self, spot: Spot, kind: str, mode: int, what: str, **more: object) -> Inode:
        if len(spot.rest) > 1:
            raise _fault(2, "No such file or directory", what)
        folder, name = self._place(spot)
        if folder.kind != "dir":
            raise _fault(20, "Not a directory", what)
        if spot.mount.readonly or spot.mount.fs.readonly:
            raise _fault(30, "Read-only file system", what)
        inode = Inode(next(self._numbers), kind, mode, parent=folder, mtime_ns=self._now_ns())
        folder.children[name] = replace(inode, **more)  # type: ignore[arg-type]
        folder.mtime_ns = self._now_ns()
        return folder.children[name]

    def _unlink(self, spot: Spot, what: str) -> None:
        if spot.mount.readonly or spot.mount.fs.readonly:
            raise _fault(30, "Read-only file system", what)
        folder, name = self._place(spot)
        folder.children[name].gone = f"{self.path_of(folder.children[name])}//deleted"
        del folder.children[name]
        folder.mtime_ns = self._now_ns()

    @staticmethod
    def _place(spot: Spot) -> tuple[Inode, str]:
        return spot.folder, spot.rest[0] if spot.rest else spot.path.rsplit("/", 1)[1]


def mode_of(text: str) -> int:
    return modes.S_IMODE(int(text, 8))


def _fault(number: int, words: str, what: str) -> HostError:
    return of_errno(OSError(number, words), what)
