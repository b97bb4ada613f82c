"""vg: makes, claims, activates, deactivates and removes volume groups, looking once more at what is there before each."""

from collections.abc import Callable
from typing import Any

from reconciler.host.errors import Busy, Conflict, HostError, NotFound, Permanent
from reconciler.host.ports import Host, VolumeGroup, VolumeGroups
from reconciler.resources.lvm_host import in_use, refused, there_already, unclaimed
from reconciler.resources.vg.actions import Activate, AddTags, Create, Deactivate, DropPartitions, GroupAction, Remove

_CHANGE_TIME = 300.0


def perform(action: Any, host: Host, say: Callable[[str], None]) -> None:
    """See Driver.perform."""
    if not isinstance(action, GroupAction):
        raise Permanent(f"cannot do {type(action).__name__} to a volume group")
    if isinstance(action, Create):
        _create(action, host)
        return
    if isinstance(action, Remove) and not any(group.name == action.group for group in host.lvm.groups()):
        return
    group = _group(action, host)
    if isinstance(action, AddTags) and action.claims:
        others = [tag for tag in group.tags if tag not in (*action.tags, *action.beside)]
        if others:
            raise Conflict(f"cannot claim {group.name}: {', '.join(others)} has claimed it meanwhile")
    if isinstance(action, Remove):
        unclaimed(action, group, action.beside)
    if isinstance(action, Remove) and group.volumes:
        names = ", ".join(volume.name for volume in group.volumes)
        raise Conflict(f"cannot {action.says()}: {names} is in it still; lvremove, if nobody needs what is on it")
    if isinstance(action, Activate) and group.missing:
        say(f"{group.name} lacks {len(group.missing)} of its physical volumes")
    if isinstance(action, Deactivate):
        _leave_used(action, group, host)
    try:
        host.commands.run(action.argv(), timeout=_CHANGE_TIME)
    except NotFound:
        if isinstance(action, DropPartitions):
            raise Permanent("cannot run kpartx: apt-get install kpartx") from None
        raise
    except HostError as error:
        if isinstance(action, Deactivate):
            _leave_used(action, _group(action, host), host)
        if isinstance(action, DropPartitions):
            raise Busy(f"cannot {action.says()}: one is in use", error.output) from None
        if isinstance(action, Remove):
            raise refused(action, action.group, error) from None
        raise


def _group(action: GroupAction, host: Host) -> VolumeGroup:
    """The very group that an action is about, as it is now."""
    groups = host.lvm.groups()
    found = [group for group in groups if group.name == action.group]
    if not found:
        raise _lacking(action, groups) or NotFound(f"cannot {action.says()}: the group is gone")
    if len(found) > 1 or (action.uuid and found[0].uuid != action.uuid):
        raise Conflict(f"cannot {action.says()}: another group of that name has come ({', '.join(group.uuid for group in found)})")
    return found[0]


def _lacking(action: GroupAction, groups: VolumeGroups) -> HostError | None:
    """Why a group that is not reported may be there all the same."""
    return Permanent(f"cannot {action.says()}: {groups.unread}") if groups.unread else None


def _leave_used(action: Deactivate, group: VolumeGroup, host: Host) -> None:
    """Raises Busy where a volume that is to be deactivated is open."""
    volumes = (volume for volume in group.volumes if volume.name in action.volumes or not action.volumes)
    busy = in_use(group.name, group.name, volumes, host)
    if busy is not None:
        raise busy


def _create(action: Create, host: Host) -> None:
    """Make a group, where there is none of that name, of disks that are bare still."""
    groups = host.lvm.groups()
    if any(group.name == action.group for group in groups):
        raise there_already(action)
    unsure = _lacking(action, groups)
    if unsure is not None:
        raise unsure
    taken = [disk for disk in action.disks if not host.mounts.bare(disk)]
    if taken:
        raise Conflict(f"cannot {action.says()}: {', '.join(taken)} is not bare any more")
    host.commands.run(action.argv(), timeout=_CHANGE_TIME)
