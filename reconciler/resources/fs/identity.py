"""Identity: whether a mount shows what a spec says, by the device that is meant and not by how it is spelt."""

from collections.abc import Mapping
from dataclasses import replace

from reconciler.host.errors import HostError
from reconciler.host.ports import Host, Mount, Mounts
from reconciler.resources.fs import options
from reconciler.resources.fs.model import NFS, ON_DISK, TAGS, Desired
from reconciler.resources.fs.table import Table


class _Remembering:
    """The Mounts port for one observation: what a tag means is asked once, whoever wants to know it."""

    def __init__(self, mounts: Mounts) -> None:
        self._mounts = mounts
        self._devices: dict[str, str | HostError] = {}

    def table(self) -> tuple[Mount, ...]:
        return self._mounts.table()

    def signature(self, path: str) -> str:
        return self._mounts.signature(path)

    def bare(self, path: str) -> bool:
        return self._mounts.bare(path)

    def claimed(self, path: str) -> bool:
        return self._mounts.claimed(path)

    def loops(self, path: str) -> tuple[str, ...]:
        return self._mounts.loops(path)

    def silent(self, mounts: Mapping[str, tuple[Mount, float]]) -> frozenset[str]:
        return self._mounts.silent(mounts)

    def device(self, tag: str) -> str:
        if tag not in self._devices:
            try:
                self._devices[tag] = self._mounts.device(tag)
            except HostError as error:
                self._devices[tag] = error
        found = self._devices[tag]
        if isinstance(found, HostError):
            raise found
        return found


def remembering(host: Host) -> Host:
    """The same host, for one observation."""
    return replace(host, mounts=_Remembering(host.mounts))


def path_of(dev: str, host: Host) -> str:
    """Where the device, file or folder of a spec lies; "" for a tag that no device bears. Raises Conflict where several do."""
    return host.mounts.device(dev) if dev.startswith(TAGS) else dev


def is_of(mount: Mount, handle: Desired, table: Table, host: Host) -> bool:
    """Whether a mount shows what `handle` says should be mounted, wherever it is."""
    if handle.type == "tmpfs":
        return mount.fstype == "tmpfs" and mount.root == "/" and mount.source == handle.dev
    if handle.type in NFS:
        return mount.fstype in NFS and _export(mount.source) == _export(handle.dev)
    if handle.type == "bind":
        source = host.files.resolve(handle.dev)
        holder = table.holding(source)
        if holder is None:
            return False
        rest = source if holder.target == "/" else source[len(holder.target) :]
        root = (holder.root.rstrip("/") + rest) or "/"
        return (mount.device, mount.root) == (holder.device, root) and mount != holder
    return _shows_part(mount, handle) and is_from(mount, handle.dev, host)


def is_from(mount: Mount, dev: str, host: Host) -> bool:
    """Whether a mount is one of this device or backing file: by the device's number, whatever its path; where the mount has none
    (btrfs), and for a file, by path and through links. What has taken the place of a device or file since is another one."""
    if mount.fstype not in ON_DISK:
        return False
    try:
        path = path_of(dev, host)
    except HostError:
        return False
    if not path:
        return False
    stat = host.files.stat(path)
    if stat is not None and stat.number and not _is_anonymous(mount):
        return stat.number == mount.device
    if {path, host.files.resolve(path)} & {mount.source, mount.backing}:
        return not _is_unlinked(mount, host)
    if stat is None or not stat.number:
        return False
    source = host.files.stat(mount.source) if mount.source.startswith("/") else None
    return source is not None and source.number == stat.number


def was_of(mount: Mount, handle: Desired, table: Table, host: Host) -> bool:
    """As `is_of`, and also for what is mounted still although its source is out of sight: its filesystem, or device, is gone."""
    if is_of(mount, handle, table, host):
        return True
    if handle.type == "bind":
        holder = table.holding(handle.dev)
        gone = holder is None or holder.device != mount.device
        return gone and (mount.root == "/" or handle.dev.endswith(mount.root))
    return handle.type in ON_DISK and handle.type == mount.fstype and _named(mount, handle.dev) and is_lost(mount, handle.dev, host)


def is_lost(mount: Mount, dev: str, host: Host) -> bool:
    """Whether the device or file that a mount is of is there no longer, or another one bears its name."""
    path = path_of(dev, host)
    stat = host.files.stat(path) if path else None
    if stat is None:
        return True
    return stat.number != mount.device if stat.number and not _is_anonymous(mount) else _is_unlinked(mount, host)


def _is_anonymous(mount: Mount) -> bool:
    """Whether a mount is not shown by the number of its device."""
    return mount.device.startswith("0:")


def _is_unlinked(mount: Mount, host: Host) -> bool:
    """Whether the backing file of a mount has no name any more: one of that name is another one."""
    if not mount.backing:
        return False
    backing = host.files.read(f"/sys/class/block/{mount.source.rsplit('/', 1)[-1]}/loop/backing_file") or ""
    return backing.rstrip("\n").endswith(" (deleted)")


def _named(mount: Mount, dev: str) -> bool:
    return dev.startswith(TAGS) or dev in {mount.source, mount.backing}


def _shows_part(mount: Mount, handle: Desired) -> bool:
    """Whether all of a filesystem is mounted or, of a btrfs, the subvolume that is asked for."""
    if mount.fstype != "btrfs":
        return mount.root == "/"
    part = options.part((*handle.mnt_opt, *handle.mount_only), "btrfs")
    return mount.root == "/" if not part else all(word in mount.options for word in part.split(","))


def _export(source: str) -> str:
    """server:/path without slashes at its end."""
    return source.rstrip("/") if not source.endswith(":/") else source
