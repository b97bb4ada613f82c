"""RealStage: lives on the real machine, on engines of their own in a lab; with a mount of somebody else beside them."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from reconciler.engine.config import Config
from reconciler.engine.session import Session
from reconciler.host.linux.host import linux_host
from tests.integration.lab import Lab
from tests.stateful.stage import SERVICES, Stage


class RealStage(Stage):
    """writes: not counted here; that a second apply has no step must do."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.specs = self.lab.specs
        self.config = Config(
            specs=str(self.specs), state_dir=str(self.lab.state), run_dir=str(self.lab.run_dir), node="lab", log=False
        )
        self.archives = {"osvc/demo:1": self.lab.archive(), "osvc/demo:2": self.lab.archive("osvc/demo:2", 2)}
        self._device = self.lab.backing_file("web.ext4")
        self._theirs = self.lab.root / "theirs"
        for folder in (self._theirs, *(Path(self.shared(name)) for name in SERVICES)):
            folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "theirs", str(self._theirs)], check=True)
        (self._theirs / "file").write_text("theirs")

    def open(self) -> Session:
        return Session.open(self.config, write=True)

    def close(self) -> None:
        self.lab.close()

    def shared(self, service: str) -> str:
        return f"{self.lab.root}/more/{service}"

    def data_root(self, service: str) -> str:
        return f"{self.lab.root}/d/{service}"

    def device(self) -> str:
        return self._device

    # what happens to a machine

    def by_hand(self, service: str) -> Any:
        return self.lab.engine(service)

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def kill_engine(self, service: str) -> None:
        if service in self.engines():
            self.lab.kill(self.lab.daemon(service))

    def tear_off(self, path: str) -> None:
        subprocess.run(["umount", "-l", "--", path], check=False, capture_output=True)

    # what there is

    def writes(self) -> int:
        return 0

    def running(self, service: str) -> dict[str, dict[str, Any]]:
        if service not in self.engines():
            return {}
        return {name: found for name, found in self.lab.containers(service).items() if found["State"]["Running"]}

    def mounts(self) -> dict[str, str]:
        return {mount.target: mount.fstype for mount in linux_host(self.config.place, "").mounts.table()}

    def engines(self) -> set[str]:
        words = [word for argv in self.lab.processes().values() for word in argv]
        return {name for name in SERVICES if f"--data-root={self.data_root(name)}" in words}

    def strangers(self) -> dict[str, Any]:
        return {"mounted": str(self._theirs) in self.mounts(), "file": (self._theirs / "file").read_text()}
