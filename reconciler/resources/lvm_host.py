"""What the drivers of volume groups and of single volumes share: a group found by its name, and who uses a volume."""

from collections.abc import Iterable
from typing import TypeAlias

from reconciler.core.model import Model
from reconciler.core.observed import Unknown
from reconciler.host.errors import Busy
from reconciler.host.ports import Host, LogicalVolume, VolumeGroup, VolumeGroups

Unseen: TypeAlias = Unknown[Model, Model]


def named(groups: VolumeGroups, name: str) -> VolumeGroup | Unseen | None:
    """The group of this name; None when there is none, and unknown where it cannot be told whether there is, which one is meant, or
    what of it is active."""
    found = [group for group in groups if group.name == name]
    if not found and groups.unread:
        return Unknown(f"whether there is a volume group {name} cannot be seen: {groups.unread} (vgs says more)")
    if not found:
        return None
    if len(found) > 1:
        uuids = ", ".join(group.uuid for group in found)
        return Unknown(f"there are {len(found)} volume groups called {name} ({uuids}): rename one, vgrename UUID NAME")
    unasked = [volume.name for volume in found[0].volumes if volume.active is None]
    if unasked:
        return Unknown(f"whether {name}/{unasked[0]} is active cannot be seen: the kernel has no device-mapper (modprobe dm-mod)")
    return found[0]


def in_use(what: str, group: str, volumes: Iterable[LogicalVolume], host: Host) -> Busy | None:
    """Why volumes cannot be deactivated: each that is open, and by whom; None where none is. what: what is deactivated.

    LVM itself would turn off those that are not open before it says so.
    """
    opened = [volume for volume in volumes if volume.opened]
    if not opened:
        return None
    mounts = {mount.device: mount.target for mount in host.mounts.table()}
    users: list[str] = []
    for volume in opened:
        path = f"/dev/{group}/{volume.name}"
        lies = [mounts[volume.number]] if volume.number in mounts else [holder.name for holder in volume.holders]
        users.append(f"{path} ({', '.join(lies) or f'fuser -v {path} says by whom'})")
    return Busy(f"cannot deactivate {what}: in use: {'; '.join(users)}")


def split(volume: LogicalVolume) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What lies on a volume: the mappings of its partitions, and everything else."""
    return (
        tuple(holder.name for holder in volume.holders if holder.partition),
        tuple(holder.name for holder in volume.holders if not holder.partition),
    )
