"""A node: a specs folder and a state folder that are real, a machine that is not, and sessions on it with the real types."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.core.outcome import Event
from reconciler.engine.config import Config
from reconciler.engine.session import Session
from reconciler.engine.signals import Stop
from tests.fakehost import FakeHost, Machine

SPEC = "resources:\n  fs#1: {dev: tmpfs, mnt: /mnt/%s, type: tmpfs}\n"


class Node:
    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.specs = folder / "services.d"
        self.specs.mkdir(mode=0o755)
        self.machine = Machine()
        self.stop = Stop()
        self.events: list[Event] = []
        self.config = Config(specs=str(self.specs), state_dir=str(folder / "state"), run_dir=str(folder / "run"), log=False)
        self.config = replace(self.config, **settings)
        self.edits = 0

    def write(self, name: str, text: str = "") -> Path:
        path = self.specs / f"{name}.yaml"
        path.write_text(text or SPEC % name)
        path.chmod(0o644)
        self.edits += 1
        os.utime(path, ns=(self.edits, self.edits))
        return path

    def session(self, *, write: bool = True) -> Session:
        return Session.open(self.config, write=write, stop=self.stop, host=FakeHost(self.machine, self.config.place))

    def mounts(self) -> list[str]:
        return [mount.target for mount in FakeHost(self.machine).mounts.table() if mount.target.startswith("/mnt/")]

    def apply(self, *globs: str, **more: Any) -> Any:
        with self.session() as session:
            return session.converge(session.targets(session.load(), globs), on_event=self.events.append, **more)
