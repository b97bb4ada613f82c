"""The volume groups of the fake machine: what lies on their disks (names, uuids, tags), and which volumes are active."""

import itertools
from collections.abc import Collection
from dataclasses import dataclass, field

from tests.fakehost.filesystem import Filesystem, Inode, Loop


@dataclass(eq=False)
class FakeVolume:
    """table: how many partitions it has. partitions: the mappings of them. holders: other device-mapper devices on it.

    stuck: it does not come up.
    """

    uuid: str
    size: int
    number: str
    image: Filesystem | None = None
    active: bool = False
    skipped: bool = False
    stuck: bool = False
    table: int = 0
    partitions: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()


@dataclass(eq=False)
class FakeGroup:
    """missing: uuids of physical volumes that are away. gone: all of them are: the group cannot be seen.

    behind: the backing file that it lies in: it can be seen while that is attached.
    stale: what is free of it carries a signature of older data.
    """

    name: str
    uuid: str
    tags: set[str] = field(default_factory=set)
    exported: bool = False
    devices: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    gone: bool = False
    behind: Inode | None = None
    stale: bool = False
    volumes: dict[str, FakeVolume] = field(default_factory=dict)


class Volumes:
    """loops: the loop devices of the machine."""

    def __init__(self, loops: dict[str, Loop]) -> None:
        self._loops = loops
        self.groups: list[FakeGroup] = []
        self._minors = itertools.count()
        self._uuids = itertools.count(1)
        self.mapper = True
        """Whether the kernel has device-mapper."""
        self.unread = ""
        """What LVM says of a group that it cannot read."""

    def add(self, name: str, tags: Collection[str] = (), disks: int = 1) -> FakeGroup:
        """A group without volumes; a second one of the same name is another one."""
        number = next(self._uuids)
        group = FakeGroup(name, f"vg-uuid-{number}", set(tags), devices=tuple(f"/dev/disk{number}.{n}" for n in range(disks)))
        self.groups.append(group)
        return group

    def number(self) -> str:
        """A device number that nobody has."""
        return f"252:{next(self._minors)}"

    def there(self) -> list[FakeGroup]:
        shown = [loop.inode for loop in self._loops.values()]
        return [group for group in self.groups if not group.gone and (group.behind is None or group.behind in shown)]

    def named(self, name: str) -> list[FakeGroup]:
        return [group for group in self.there() if group.name == name]
