"""vg: sees volume groups through one report of LVM, claims and activates them with vgchange(8)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.host.errors import Busy, Conflict, HostError, NotFound, Permanent
from reconciler.host.ports import Host, VolumeGroup
from reconciler.resources.driver import Wanted
from reconciler.resources.vg.actions import Activate, AddTags, Deactivate, DropPartitions, GroupAction
from reconciler.resources.vg.model import Around, Desired, State, Volume

_CHANGE_TIME = 300.0


class VgDriver:
    """The contract of resources/driver.py for volume groups."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        try:
            groups = host.lvm.groups()
        except HostError as error:
            return {want.id: Unknown(str(error)) for want in wanted}
        named: dict[str, list[VolumeGroup]] = {}
        for group in groups:
            named.setdefault(group.name, []).append(group)
        return {want.id: _seen(want, named) for want in wanted}

    def look(self, want: Wanted, host: Host) -> Observed:
        return self.observe([want], host)[want.id]

    def words(self, state: Any, host: Host) -> str:
        return ""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        if not isinstance(action, GroupAction):
            raise Permanent(f"cannot do {type(action).__name__} to a volume group")
        group = _group(action, host)
        if isinstance(action, AddTags) and action.claims:
            others = [tag for tag in group.tags if tag not in action.tags]
            if others:
                raise Conflict(f"cannot claim {group.name}: {', '.join(others)} has claimed it meanwhile")
        if isinstance(action, Activate) and group.missing:
            say(f"{group.name} lacks {len(group.missing)} of its physical volumes")
        try:
            host.commands.run(action.argv(), timeout=_CHANGE_TIME)
        except NotFound:
            if isinstance(action, DropPartitions):
                raise Permanent("cannot run kpartx: apt-get install kpartx") from None
            raise
        except HostError as error:
            if isinstance(action, Deactivate):
                raise _in_use(action, host, error) from None
            if isinstance(action, DropPartitions):
                raise Busy(f"cannot {action.says()}: one is in use", error.output) from None
            raise


def _seen(want: Wanted, named: Mapping[str, Sequence[VolumeGroup]]) -> Observed:
    shall: Desired = want.desired if want.desired is not None else want.handles[-1]
    last: Desired | None = (want.owned.applied or want.owned.wanted) if want.owned is not None else None  # type: ignore[assignment]
    name = shall.name
    if last is not None and last.name != name and _kept(named.get(last.name, ()), last):
        name = last.name
    found = named.get(name, ())
    if len(found) > 1:
        uuids = ", ".join(group.uuid for group in found)
        return Unknown(f"there are {len(found)} volume groups called {name} ({uuids}): rename one, vgrename UUID NAME")
    around = Around(was=last.uuid if last is not None and last.name == name else "")
    if not found:
        return Absent(around)
    (group,) = found
    unasked = [volume.name for volume in group.volumes if volume.active is None]
    if unasked:
        return Unknown(f"whether {name}/{unasked[0]} is active cannot be seen: the kernel has no device-mapper (modprobe dm-mod)")
    return Present(_state(group, shall), around)


def _kept(found: Sequence[VolumeGroup], last: Desired) -> bool:
    """Whether what was applied under another name is claimed or active still."""
    return any(last.tag in group.tags or any(volume.active for volume in group.volumes) for group in found)


def _state(group: VolumeGroup, shall: Desired) -> State:
    return State(
        name=group.name,
        uuid=group.uuid,
        tag=shall.tag,
        tags=group.tags,
        exported=group.exported,
        missing=group.missing,
        volumes=tuple(
            Volume(
                name=volume.name,
                active=bool(volume.active),
                skipped=volume.skipped,
                partitions=tuple(holder.name for holder in volume.holders if holder.partition),
                holders=tuple(holder.name for holder in volume.holders if not holder.partition),
            )
            for volume in group.volumes
        ),
    )


def _group(action: GroupAction, host: Host) -> VolumeGroup:
    """The very group that an action is about, as it is now."""
    found = [group for group in host.lvm.groups() if group.name == action.group]
    if not found:
        raise NotFound(f"cannot {action.says()}: the group is gone")
    if len(found) > 1 or (action.uuid and found[0].uuid != action.uuid):
        raise Conflict(f"cannot {action.says()}: another group of that name has come ({', '.join(group.uuid for group in found)})")
    return found[0]


def _in_use(action: Deactivate, host: Host, error: HostError) -> HostError:
    """The same error, naming who uses a volume."""
    users: list[str] = []
    mounts = {mount.device: mount.target for mount in host.mounts.table()}
    for volume in _group(action, host).volumes:
        if volume.opened:
            lies = [mounts[volume.number]] if volume.number in mounts else [holder.name for holder in volume.holders]
            users.append(f"/dev/{action.group}/{volume.name}" + (f" ({', '.join(lies)})" if lies else ""))
    if not users:
        return error
    return Busy(f"cannot deactivate {action.group}: in use: {'; '.join(users)}", error.output)


DRIVER = VgDriver()
