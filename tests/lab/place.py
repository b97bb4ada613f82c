"""Place: where the machines of one scenario stand: a folder for their disks, sockets and logs, and the network between them."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.lab.image import Image
from tests.lab.link import Link
from tests.lab.machine import Disk, Machine


class Place:
    """Use `place.machine(…)` as a context manager: it is powered on at its begin, and is off after its end, whatever happens."""

    def __init__(self, image: Image, payload: Path) -> None:
        self.image, self.payload = image, payload
        self.folder = Path(tempfile.mkdtemp(prefix="lab-", dir="/tmp"))
        self.link = Link(self.folder)
        self.machines: list[Machine] = []

    def disk(self, megabytes: int, *, shared: bool = False) -> Disk:
        """A new disk. It outlives the machines that have it."""
        number = len(list(self.folder.glob("*.disk")))
        return Disk.made(self.folder / f"{number}.disk", megabytes, shared=shared)

    @contextlib.contextmanager
    def machine(
        self, name: str, *, address: str = "", disks: Sequence[Disk] = (), memory: int = 1536, systemd: bool = False
    ) -> Iterator[Machine]:
        """A machine with a root file system of its own (`Machine` tells what the words mean)."""
        machine = Machine(
            name,
            self.folder,
            self.image,
            self.payload,
            self.link,
            number=len(self.machines) + 1,
            address=address,
            disks=disks,
            memory=memory,
            systemd=systemd,
        )
        self.machines.append(machine)
        try:
            yield machine.boot()
        finally:
            machine.cut()

    def close(self, *, keep: bool = False) -> None:
        """End everything, and remove the folder unless it shall be kept."""
        for machine in self.machines:
            machine.cut()
        self.link.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
