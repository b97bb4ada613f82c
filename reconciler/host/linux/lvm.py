"""Lvm on Linux: one report of everything (lvm fullreport), and what lies on a volume by the kernel's own account."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from reconciler.host.errors import NotFound, Permanent
from reconciler.host.linux import faults
from reconciler.host.linux.sysfs import names, word
from reconciler.host.ports import Commands, Completed, Holder, LogicalVolume, VolumeGroup, VolumeGroups

_FIELDS: Final[Mapping[str, str]] = {
    "vg": "vg_name,vg_uuid,vg_tags,vg_exported",
    "pv": "pv_name,pv_uuid,pv_missing",
    "lv": "lv_name,lv_uuid,lv_size,lv_active,lv_role,lv_skip_activation,lv_device_open,lv_kernel_major,lv_kernel_minor",
    "pvseg": "pv_name",
    "seg": "lv_name",
}
"""Of each part of the report what is asked for. The last two cannot be left out, and are not read."""

REPORT: Final = (
    *("lvm", "fullreport", "--reportformat", "json", "--units", "b", "--nosuffix", "--binary"),
    *("--config", 'report/list_item_separator=","'),
    *(word for part, fields in _FIELDS.items() for word in ("--configreport", part, "-o", fields)),
)
_YES: Final = "1"
_INCOMPLETE: Final = 5
"""The exit code where something could not be read (a group of another machine, one whose metadata are damaged). What could is
reported all the same."""

Holders: TypeAlias = Callable[[str], tuple[Holder, ...]]
"""The number of a device that is open -> what lies on it."""

_PARTITION = "part"
"""How the uuid begins that kpartx gives to the mapping of a partition."""


class LinuxLvm:
    """sys: where sysfs is."""

    def __init__(self, commands: Commands, sys: str = "/sys") -> None:
        self._commands = commands
        self._sys = sys

    def groups(self) -> VolumeGroups:
        """See Lvm.groups."""
        return self._groups(partial(self._commands.run, REPORT, ok=(0, _INCOMPLETE)))

    def begin(self) -> Callable[[], VolumeGroups]:
        """See Lvm.begin."""
        return partial(self._groups, self._commands.begin(REPORT, ok=(0, _INCOMPLETE)))

    def _groups(self, report: Callable[[], Completed]) -> VolumeGroups:
        try:
            done = report()
        except NotFound:
            raise NotFound("LVM is not installed here: apt-get install lvm2") from None
        if not done.code:
            return VolumeGroups(parse(done.stdout, self._holders))
        failure = faults.of_output(REPORT[0], done.code, "", done.stderr)
        try:
            return VolumeGroups(parse(done.stdout, self._holders), str(failure))
        except Permanent:
            raise failure from None

    def _holders(self, number: str) -> tuple[Holder, ...]:
        """What lies on a device, by name."""
        found: list[Holder] = []
        for name in names(f"{self._sys}/dev/block/{number}/holders"):
            about = f"{self._sys}/class/block/{name}/dm"
            found.append(Holder(word(f"{about}/name") or name, word(f"{about}/uuid").startswith(_PARTITION)))
        return tuple(sorted(found, key=lambda holder: holder.name))


def parse(text: str, holders: Holders) -> tuple[VolumeGroup, ...]:
    """The groups of a report, by name."""
    try:
        return tuple(sorted(_groups(json.loads(text)["report"], holders), key=lambda group: (group.name, group.uuid)))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise Permanent(f"cannot understand what lvm fullreport says: {error}") from None


def _groups(parts: Sequence[Mapping[str, Any]], holders: Holders) -> Iterator[VolumeGroup]:
    """Physical volumes of no group come in a part without one."""
    for part in parts:
        for group in part.get("vg", ()):
            disks = part["pv"]
            yield VolumeGroup(
                name=group["vg_name"],
                uuid=group["vg_uuid"],
                tags=tuple(sorted(filter(None, group["vg_tags"].split(",")))),
                exported=group["vg_exported"] == _YES,
                devices=tuple(sorted({disk["pv_name"] for disk in disks if disk["pv_missing"] != _YES})),
                missing=tuple(sorted({disk["pv_uuid"] for disk in disks if disk["pv_missing"] == _YES})),
                volumes=tuple(sorted(_volumes(part["lv"], holders), key=lambda volume: volume.name)),
            )


def _volumes(rows: Sequence[Mapping[str, str]], holders: Holders) -> Iterator[LogicalVolume]:
    for row in rows:
        if "public" not in row["lv_role"].split(","):
            continue
        number = f"{row['lv_kernel_major']}:{row['lv_kernel_minor']}" if int(row["lv_kernel_major"]) >= 0 else ""
        opened = row["lv_device_open"] == _YES
        yield LogicalVolume(
            name=row["lv_name"],
            uuid=row["lv_uuid"],
            size=int(row["lv_size"]),
            active=None if row["lv_active"] == "unknown" else bool(row["lv_active"]) and "remote" not in row["lv_active"],
            number=number,
            opened=opened,
            skipped=row["lv_skip_activation"] == _YES,
            holders=holders(number) if opened and number else (),
        )
