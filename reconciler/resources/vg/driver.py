"""vg: sees volume groups through one report of LVM. What performs actions is imported when there is one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.host.errors import HostError
from reconciler.host.ports import Host, LogicalVolume, VolumeGroup, VolumeGroups
from reconciler.resources.driver import Wanted
from reconciler.resources.loops_host import loops
from reconciler.resources.lvm_host import Unseen, named, split
from reconciler.resources.vg.model import Around, Desired, Disk, State, Volume


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
        from reconciler.resources.vg.performing import perform

        perform(action, host, say)


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


DRIVER = VgDriver()
