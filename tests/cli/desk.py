"""The command line over a fake machine: a service with one mount or two."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.osvc import Ended, Place
from tests.fakehost import FakeHost, Machine

SPEC = "resources:\n  fs#1: {{type: tmpfs, dev: tmpfs, mnt: /mnt/one, mnt_opt: [size={one}]}}\n"
TWO = "  fs#2: {{type: tmpfs, dev: tmpfs, mnt: /mnt/two, mnt_opt: [size={two}]}}\n"


class Desk:
    """The command line, a specs folder, and the machine that it works on."""

    def __init__(self, place: Place, machine: Machine, osvc: Callable[..., Ended]) -> None:
        self.place, self.machine, self.osvc = place, machine, osvc

    def web(self, one: str = "1m", two: str = "") -> Path:
        return self.place.spec("web.yaml", (SPEC + (TWO if two else "")).format(one=one, two=two))

    def apply(self, *sizes: str) -> str:
        """Write the spec and apply it. The id of the run."""
        self.web(*sizes)
        assert self.osvc("apply", "--yes").code == 0
        return str(self.runs()[0]["run"])

    def runs(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(self.osvc("history", "--json").out)["runs"]
        return found

    def mounts(self) -> dict[str, str]:
        """The last word of each mount point -> its size."""
        table = [mount for mount in FakeHost(self.machine).mounts.table() if mount.target.startswith("/mnt/")]
        return {mount.target[5:]: ",".join(mount.options).partition("size=")[2].partition(",")[0] for mount in table}

    def umount(self, name: str) -> None:
        """Somebody does it by hand."""
        FakeHost(self.machine).commands.run(["umount", f"/mnt/{name}"])
