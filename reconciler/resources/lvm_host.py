"""What the drivers of volume groups and of single volumes share: a group found by its name, and who uses a volume."""

from collections.abc import Iterable
from typing import TypeAlias

from reconciler.core.action import Action
from reconciler.core.model import Model
from reconciler.core.observed import Unknown
from reconciler.host.errors import Busy, Conflict, HostError, NotFound
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


def there_already(action: Action) -> Conflict:
    """Why something is not made that was not there when that was planned. An attempt of a moment ago may have made it; that cannot
    be proven, so it is nobody's to destroy."""
    return Conflict(f"cannot {action.says()}: it is there already, and who made it is not known; osvc start takes it as it is")


def unclaimed(action: Action, group: VolumeGroup, beside: Iterable[str]) -> None:
    """Raises Conflict where a group that something is to be removed of has got a tag that was not there when that was planned."""
    others = sorted(set(group.tags).difference(beside))
    if others:
        raise Conflict(f"cannot {action.says()}: {', '.join(others)} has claimed {group.name} meanwhile")


def refused(action: Action, group: str, error: HostError) -> HostError:
    """What LVM says when it does not remove something, with what a person has to know of that."""
    if isinstance(error, NotFound):
        return error
    why = f"LVM refuses it ({error}), and nothing of it is lost; what hangs on it is shown by lvs -a {group}"
    return type(error)(f"cannot {action.says()}: {why}", error.output)


def split(volume: LogicalVolume) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What lies on a volume: the mappings of its partitions, and everything else."""
    return (
        tuple(holder.name for holder in volume.holders if holder.partition),
        tuple(holder.name for holder in volume.holders if not holder.partition),
    )
