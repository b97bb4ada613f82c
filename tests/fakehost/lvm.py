"""LVM on the fake machine: its report, vgchange(8), lvchange(8), and kpartx(8)."""

from collections.abc import Callable

from reconciler.core.devices import mapper_path
from reconciler.host.errors import NotFound
from reconciler.host.ports import Holder, LogicalVolume, VolumeGroup, VolumeGroups
from tests.fakehost.disks import carrier_of
from tests.fakehost.machine import SIGNATURE, Machine
from tests.fakehost.said import Said, Unknown
from tests.fakehost.volumes import FakeGroup, FakeVolume

_FAILED = 5
"""LVM's exit code of whatever did not work."""


class FakeLvm:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def groups(self) -> VolumeGroups:
        machine = self._machine
        machine.look("lvm report")
        if machine.program("lvm") is None:
            raise NotFound("LVM is not installed here: apt-get install lvm2")
        found = [_record(machine, group) for group in machine.lvm.there()]
        return VolumeGroups(tuple(sorted(found, key=lambda group: (group.name, group.uuid))), machine.lvm.unread)

    def begin(self) -> Callable[[], VolumeGroups]:
        return self.groups


def _record(machine: Machine, group: FakeGroup) -> VolumeGroup:
    return VolumeGroup(
        name=group.name,
        uuid=group.uuid,
        tags=tuple(sorted(group.tags)),
        exported=group.exported,
        devices=group.devices,
        missing=group.missing,
        volumes=tuple(
            LogicalVolume(
                name=name,
                uuid=volume.uuid,
                size=volume.size,
                active=volume.active if machine.lvm.mapper else None,
                number=volume.number if volume.active else "",
                opened=_opened(machine, volume),
                skipped=volume.skipped,
                holders=tuple(
                    sorted(
                        [Holder(name, True) for name in volume.partitions] + [Holder(name) for name in volume.holders],
                        key=lambda holder: holder.name,
                    )
                ),
            )
            for name, volume in sorted(group.volumes.items())
        ),
    )


def _opened(machine: Machine, volume: FakeVolume) -> bool:
    mounted = volume.image is not None and any(mount.fs is volume.image for mount in machine.tree.mounts)
    return mounted or bool(volume.partitions or volume.holders)


def run_vgchange(machine: Machine, words: list[str]) -> str:
    match words:
        case ["-a", "y" | "n" as to, name]:
            group = _group(machine, name)
            if to == "n":
                return _all_off(machine, group)
            return _all_on(machine, group)
        case [*tagging, name] if tagging and len(tagging) % 2 == 0:
            group = _group(machine, name)
            if group.exported:
                raise Said(_FAILED, f"  Volume group {name} is exported\n")
            for option, tag in zip(tagging[::2], tagging[1::2], strict=True):
                _tag(group, option, tag)
            return f'  Volume group "{name}" successfully changed\n'
        case _:
            raise Unknown("vgchange")


def run_lvchange(machine: Machine, words: list[str]) -> str:
    match words:
        case ["-a", "y", "-K", *names] | ["-a", "n", *names] if names:
            for path in names:
                name, _, volume = path.partition("/")
                group = _group(machine, name)
                if volume not in group.volumes:
                    raise Said(_FAILED, f'  Failed to find logical volume "{path}"\n')
                if words[1] == "n" and _opened(machine, group.volumes[volume]):
                    raise Said(_FAILED, f"  {_why_open(machine, group, volume)}\n")
                _switch(machine, group, volume, active=words[1] == "y")
            return ""
        case _:
            raise Unknown("lvchange")


def run_vgcreate(machine: Machine, words: list[str]) -> str:
    """Disks that carry anything are asked about, and nobody answers."""
    options, (name, *disks) = _split(words)
    if options not in ([], ["-s", "8m"]):
        raise Unknown("vgcreate")
    if machine.lvm.named(name):
        raise Said(_FAILED, f"  A volume group called {name} already exists.\n")
    for disk in disks:
        carrier = carrier_of(machine, disk)
        if carrier is None:
            raise Said(_FAILED, f"  No device found for {disk}.\n")
        if carrier.image is not None or carrier.text:
            fstype = carrier.image.fstype if carrier.image else carrier.text
            asked = f"WARNING: {fstype} signature detected on {disk} at offset 1080. Wipe it? [y/n]: [n]\n"
            raise Said(_FAILED, f"{asked}  Aborted wiping of {fstype}.\n  1 existing signature left on the device.\n")
    group = machine.lvm.add(name)
    group.devices = tuple(disks)
    for disk in disks:
        carrier = carrier_of(machine, disk)
        assert carrier is not None
        carrier.text = f"{SIGNATURE}LVM2_member"
        group.behind = carrier if carrier.kind == "file" else None
    return f'  Volume group "{name}" successfully created\n'


def run_lvcreate(machine: Machine, words: list[str]) -> str:
    """A volume whose extents carry something (group.stale) is asked about, and nobody answers."""
    match words:
        case ["-n", volume, "-L", size, "-W", "y", name] if size.endswith("k"):
            group = _group(machine, name)
            if volume in group.volumes:
                raise Said(_FAILED, f'  Logical Volume "{volume}" already exists in volume group "{name}"\n')
            if group.stale:
                asked = f"WARNING: ext4 signature detected on /dev/{name}/{volume} at offset 1080. Wipe it? [y/n]: [n]\n"
                why = f"  Aborted wiping of ext4.\n  Failed to wipe signatures on logical volume {name}/{volume}.\n"
                raise Said(_FAILED, f"{asked}{why}  Aborting. Failed to wipe start of new LV.\n")
            group.volumes[volume] = FakeVolume(f"uuid-{name}-{volume}", int(size[:-1]) << 10, machine.lvm.number())
            _switch(machine, group, volume, active=True)
            return f'  Logical volume "{volume}" created.\n'
        case _:
            raise Unknown("lvcreate")


def run_lvremove(machine: Machine, words: list[str]) -> str:
    """One that is active is asked about, and nobody answers."""
    match words:
        case [path] if "/" in path:
            name, _, volume = path.partition("/")
            group = _group(machine, name)
            if volume not in group.volumes:
                raise Said(_FAILED, f'  Failed to find logical volume "{path}"\n')
            if group.volumes[volume].active:
                raise Said(_FAILED, f"Do you really want to remove active logical volume {path}? [y/n]: [n]\n")
            del group.volumes[volume]
            return f'  Logical volume "{volume}" successfully removed.\n'
        case _:
            raise Unknown("lvremove")


def run_vgremove(machine: Machine, words: list[str]) -> str:
    match words:
        case [name]:
            group = _group(machine, name)
            if group.volumes:
                count = len(group.volumes)
                raise Said(_FAILED, f'Do you really want to remove volume group "{name}" containing {count} logical volumes? [n]\n')
            machine.lvm.groups.remove(group)
            return f'  Volume group "{name}" successfully removed\n'
        case _:
            raise Unknown("vgremove")


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    options: list[str] = []
    while words and words[0].startswith("-"):
        options, words = [*options, *words[:2]], words[2:]
    return options, words


def run_kpartx(machine: Machine, words: list[str]) -> str:
    match words:
        case ["-d", path]:
            volume = _volume_at(machine, path)
            volume.partitions = ()
        case ["-a", path]:
            volume = _volume_at(machine, path)
            prefix = mapper_path(*path.split("/")[2:]).removeprefix("/dev/mapper/")
            volume.partitions = tuple(f"{prefix}{n + 1}" for n in range(volume.table))
        case _:
            raise Unknown("kpartx")
    return ""


def _tag(group: FakeGroup, option: str, word: str) -> None:
    """LVM takes the `@` off, which only says that this is a tag. To add one twice, or remove one that is not there, is no error."""
    tag = word.removeprefix("@")
    if option == "--addtag":
        group.tags.add(tag)
    elif option == "--deltag":
        group.tags.discard(tag)
    else:
        raise Unknown(option)


def _group(machine: Machine, name: str) -> FakeGroup:
    found = machine.lvm.named(name)
    if not found:
        raise Said(_FAILED, f'  Volume group "{name}" not found\n  Cannot process volume group {name}\n')
    if len(found) > 1:
        raise Said(_FAILED, f"  Multiple VGs found with the same name: skipping {name}\n")
    return found[0]


def _all_on(machine: Machine, group: FakeGroup) -> str:
    if group.exported:
        raise Said(_FAILED, f"  Volume group {group.name} is exported\n")
    for name, volume in group.volumes.items():
        if not volume.skipped:
            _switch(machine, group, name, active=True)
    return _now_active(group)


def _all_off(machine: Machine, group: FakeGroup) -> str:
    opened = [name for name, volume in group.volumes.items() if _opened(machine, volume)]
    if opened:
        words = f'Can\'t deactivate volume group "{group.name}" with {len(opened)} open logical volume(s)'
        raise Said(_FAILED, f"  {_why_open(machine, group, opened[0])}\n  {words}\n")
    for name in group.volumes:
        _switch(machine, group, name, active=False)
    return _now_active(group)


def _switch(machine: Machine, group: FakeGroup, name: str, *, active: bool) -> None:
    if not machine.lvm.mapper:
        raise Said(_FAILED, "  Check that device-mapper is available in the kernel.\n")
    if active and group.volumes[name].stuck:
        return
    machine.switch(group, name, active=active)


def _now_active(group: FakeGroup) -> str:
    count = sum(volume.active for volume in group.volumes.values())
    return f'  {count} logical volume(s) in volume group "{group.name}" now active\n'


def _why_open(machine: Machine, group: FakeGroup, name: str) -> str:
    volume = group.volumes[name]
    if volume.partitions or volume.holders:
        return f"Logical volume {group.name}/{name} is used by another device."
    return f"Logical volume {group.name}/{name} contains a filesystem in use."


def _volume_at(machine: Machine, path: str) -> FakeVolume:
    _, _, name, volume = path.split("/")
    return _group(machine, name).volumes[volume]
