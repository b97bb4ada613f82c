"""What the drivers of volume groups and of single volumes share: a group found by its name, and who uses a volume."""

from collections.abc import Iterable
from typing import TypeAlias

from reconciler.core.model import Model
from reconciler.core.observed import Unknown
from reconciler.host.errors import Busy, HostError
from reconciler.host.ports import Host, LogicalVolume, VolumeGroup

Unseen: TypeAlias = Unknown[Model, Model]


def named(groups: Iterable[VolumeGroup], name: str) -> VolumeGroup | Unseen | None:
    """The group of this name; None when there is none, and unknown where it cannot be told which one is meant, or what of it is
    active."""
    found = [group for group in groups if group.name == name]
    if not found:
        return None
    if len(found) > 1:
        uuids = ", ".join(group.uuid for group in found)
        return Unknown(f"there are {len(found)} volume groups called {name} ({uuids}): rename one, vgrename UUID NAME")
    unasked = [volume.name for volume in found[0].volumes if volume.active is None]
    if unasked:
        return Unknown(f"whether {name}/{unasked[0]} is active cannot be seen: the kernel has no device-mapper (modprobe dm-mod)")
    return found[0]


def in_use(what: str, group: str, volumes: Iterable[LogicalVolume], host: Host, error: HostError) -> HostError:
    """The error of a deactivation, naming who uses a volume, if one is used. what: what is deactivated."""
    mounts = {mount.device: mount.target for mount in host.mounts.table()}
    users: list[str] = []
    for volume in volumes:
        if volume.opened:
            lies = [mounts[volume.number]] if volume.number in mounts else [holder.name for holder in volume.holders]
            users.append(f"/dev/{group}/{volume.name}" + (f" ({', '.join(lies)})" if lies else ""))
    return Busy(f"cannot deactivate {what}: in use: {'; '.join(users)}", error.output) if users else error


def split(volume: LogicalVolume) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What lies on a volume: the mappings of its partitions, and everything else."""
    return (
        tuple(holder.name for holder in volume.holders if holder.partition),
        tuple(holder.name for holder in volume.holders if not holder.partition),
    )
