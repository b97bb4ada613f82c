"""vg: sees volume groups through one report of LVM, claims and activates them with vgchange(8)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.host.errors import Busy, Conflict, HostError, NotFound, Permanent
from reconciler.host.ports import Host, LogicalVolume, VolumeGroup, VolumeGroups
from reconciler.resources.driver import Wanted
from reconciler.resources.loops_host import loops
from reconciler.resources.lvm_host import Unseen, in_use, named, refused, split, there_already, unclaimed
from reconciler.resources.vg.actions import Activate, AddTags, Create, Deactivate, DropPartitions, GroupAction, Remove
from reconciler.resources.vg.model import Around, Desired, Disk, State, Volume

_CHANGE_TIME = 300.0


class VgDriver:
    """The contract of resources/driver.py for volume groups."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        try:
            groups = host.lvm.groups()
        except HostError as error:
            return {want.id: Unknown(str(error)) for want in wanted}
        found: dict[ResourceId, Observed] = {}
        for want in wanted:
            try:
                found[want.id] = _seen(want, groups, host)
            except HostError as error:
                found[want.id] = Unknown(str(error))
        return found

    def look(self, want: Wanted, host: Host) -> Observed:
        return self.observe([want], host)[want.id]

    def words(self, state: Any, host: Host) -> str:
        return ""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
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


def _seen(want: Wanted, groups: VolumeGroups, host: Host) -> Observed:
    shall: Desired = want.desired if want.desired is not None else want.handles[-1]
    last: Desired | None = (want.owned.applied or want.owned.wanted) if want.owned is not None else None  # type: ignore[assignment]
    name = shall.name
    if last is not None and last.name != name and _kept(named(groups, last.name), last):
        name = last.name
    around = Around(was=last.uuid if last is not None and last.name == name else "")
    found = named(groups, name)
    if isinstance(found, Unknown):
        return found
    if found is not None:
        return Present(_state(found, shall), around)
    return Absent(around.model_copy(update={"disks": tuple(_disk(path, host) for path in shall.pvs)}))


def _disk(path: str, host: Host) -> Disk:
    """What a group is to be made of; a backing file means its loop device."""
    stat = host.files.stat(path)
    if stat is not None and stat.kind == "file":
        device = next((loop.device for loop in loops(host) if loop.backs(path, host)), "")
    else:
        device = path if stat is not None and stat.kind == "block" else ""
    return Disk(path=path, device=device, bare=bool(device) and host.mounts.bare(device))


def _kept(found: VolumeGroup | Unseen | None, last: Desired) -> bool:
    """Whether what was applied under another name is claimed or active still, or may be."""
    if isinstance(found, Unknown):
        return True
    return found is not None and (last.tag in found.tags or any(volume.active for volume in found.volumes))


def _state(group: VolumeGroup, shall: Desired) -> State:
    return State(
        name=group.name,
        uuid=group.uuid,
        tag=shall.tag,
        tags=group.tags,
        kept=shall.keep_tags,
        exported=group.exported,
        missing=group.missing,
        volumes=tuple(_volume(volume) for volume in group.volumes),
    )


def _volume(volume: LogicalVolume) -> Volume:
    partitions, holders = split(volume)
    return Volume(name=volume.name, active=bool(volume.active), skipped=volume.skipped, partitions=partitions, holders=holders)


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


DRIVER = VgDriver()
