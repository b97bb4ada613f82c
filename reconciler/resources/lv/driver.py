"""lv: sees logical volumes through one report of LVM, activates them with lvchange(8), makes them with lvcreate(8)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.host.errors import Busy, Conflict, HostError, NotFound, Permanent
from reconciler.host.ports import Host, LogicalVolume, VolumeGroup, VolumeGroups
from reconciler.resources.driver import Wanted
from reconciler.resources.lv.actions import Create, Deactivate, DropPartitions, Remove, VolumeAction
from reconciler.resources.lv.model import Around, Desired, State
from reconciler.resources.lvm_host import in_use, named, refused, split, there_already, unclaimed

_CHANGE_TIME = 300.0


class LvDriver:
    """The contract of resources/driver.py for logical volumes."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        try:
            groups = host.lvm.groups()
        except HostError as error:
            return {want.id: Unknown(str(error)) for want in wanted}
        return {want.id: _seen(want, groups) for want in wanted}

    def look(self, want: Wanted, host: Host) -> Observed:
        return self.observe([want], host)[want.id]

    def words(self, state: Any, host: Host) -> str:
        return ""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        if not isinstance(action, VolumeAction):
            raise Permanent(f"cannot do {type(action).__name__} to a logical volume")
        volume = _volume(action, host)
        if isinstance(action, Remove) and volume is None:
            return
        try:
            host.commands.run(action.argv(), timeout=_CHANGE_TIME)
        except HostError as error:
            raise _told(action, volume, host, error) from None


def _seen(want: Wanted, groups: VolumeGroups) -> Observed:
    shall: Desired = want.desired if want.desired is not None else want.handles[-1]
    for handle in want.handles:
        found = named(groups, handle.vg)
        if isinstance(found, Unknown):
            return found
        volume = _of(found, handle.name)
        if found is not None and volume is not None and (volume.active or handle == shall):
            return Present(_state(found, volume), _around(found, shall))
    found = named(groups, shall.vg)
    assert not isinstance(found, Unknown)
    return Absent(_around(found, shall))


def _of(group: VolumeGroup | None, name: str) -> LogicalVolume | None:
    return next((volume for volume in group.volumes if volume.name == name), None) if group is not None else None


def _state(group: VolumeGroup, volume: LogicalVolume) -> State:
    partitions, holders = split(volume)
    return State(
        name=volume.name, vg=group.name, uuid=volume.uuid, active=bool(volume.active), partitions=partitions, holders=holders
    )


def _around(group: VolumeGroup | None, shall: Desired) -> Around:
    if group is None:
        return Around(group=False)
    return Around(others=tuple(tag for tag in group.tags if tag not in (shall.tag, *shall.keep_tags)))


def _volume(action: VolumeAction, host: Host) -> LogicalVolume | None:
    """The very volume that an action is about, as it is now; None for one that is to be made, or was removed already."""
    group = named(host.lvm.groups(), action.vg)
    if isinstance(group, Unknown):
        raise Conflict(f"cannot {action.says()}: {group.reason}")
    volume = _of(group, action.name)
    if isinstance(action, Create) and group is not None:
        if volume is not None:
            raise there_already(action)
        return None
    if isinstance(action, Remove) and group is not None:
        unclaimed(action, group, action.beside)
    if volume is None and isinstance(action, Remove):
        return None
    if volume is None:
        raise NotFound(f"cannot {action.says()}: it is gone")
    if action.uuid and volume.uuid != action.uuid:
        raise Conflict(f"cannot {action.says()}: another volume of that name has come ({volume.uuid})")
    if isinstance(action, Remove) and volume.active:
        name = f"{action.vg}/{action.name}"
        raise Conflict(f"cannot {action.says()}: it is active again, somebody may use it; lvchange -an {name}, if nobody does")
    return volume


def _told(action: VolumeAction, volume: LogicalVolume | None, host: Host, error: HostError) -> HostError:
    """An error, with what a person has to know of it."""
    match action:
        case Deactivate():
            volumes = [volume for volume in [_volume(action, host)] if volume is not None]
            return in_use(f"{action.vg}/{action.name}", action.vg, volumes, host) or error
        case DropPartitions() if isinstance(error, NotFound):
            return Permanent("cannot run kpartx: apt-get install kpartx")
        case DropPartitions():
            return Busy(f"cannot {action.says()}: one is in use", error.output)
        case Remove():
            return refused(action, action.vg, error)
        case Create() if "wiping" in error.output:
            why = "older data lies where it would be, and osvc writes over none: make it by hand with lvcreate"
            return Permanent(f"cannot {action.says()}: {why}", error.output)
    return error


DRIVER = LvDriver()
