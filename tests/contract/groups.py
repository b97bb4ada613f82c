"""Groups: a machine with volume groups that a contract may do what it likes with."""

from typing import Protocol

from reconciler.host.ports import Host
from tests.fakehost import FakeHost, Machine


class Groups(Protocol):
    """Its one group is "o-data" on two disks, with the volumes "root" (ext4) and "app-data" (one partition); nothing is active."""

    host: Host

    def mount(self, device: str) -> None:
        """Mount a device somewhere."""

    def lay(self, name: str, group: str, volume: str) -> None:
        """Make a device-mapper device of this name on a volume."""

    def export(self, group: str) -> None: ...

    def pull(self, group: str) -> None:
        """Take one of its disks away, on which nothing of a volume lies."""


class FakeGroups:
    def __init__(self) -> None:
        self.machine = Machine()
        self.host = FakeHost(self.machine)
        group = self.machine.add_group("o-data", {"root": "ext4", "app-data": ""}, disks=2)
        group.volumes["app-data"].table = 1

    def mount(self, device: str) -> None:
        self.machine.tree.make_dir("/mnt", 0o755)
        self.host.commands.run(["mount", "-t", "ext4", "--", device, "/mnt"])

    def lay(self, name: str, group: str, volume: str) -> None:
        self.machine.lvm.named(group)[0].volumes[volume].holders = (name,)

    def export(self, group: str) -> None:
        self.machine.lvm.named(group)[0].exported = True

    def pull(self, group: str) -> None:
        found = self.machine.lvm.named(group)[0]
        found.missing, found.devices = ("uuid-of-a-disk",), found.devices[:-1]
