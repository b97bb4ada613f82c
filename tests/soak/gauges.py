"""Gauges: what a watch holds of the machine, and what the machine holds for it. Equal at every quiet point, or something leaks."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from typing import Final

from reconciler.engine.crew import SIZE
from reconciler.host.linux.docker_http import IDLE


@dataclass(frozen=True, slots=True)
class Gauge:
    """At one moment. memory: resident, in bytes. threads, files (descriptors) and sockets of the watch and of what it started;
    mounts and processes of the whole place."""

    memory: int
    threads: int
    files: int
    sockets: int
    mounts: int
    processes: int

    @classmethod
    def taken(cls, pid: int) -> "Gauge":
        """Of a watch with this pid."""
        mine = family(pid)
        targets = [target for one in mine for target in _files(one)]
        return cls(
            memory=sum(_status(one, "VmRSS") << 10 for one in mine),
            threads=sum(_status(one, "Threads") for one in mine),
            files=len(targets),
            sockets=sum(target.startswith("socket:") for target in targets),
            mounts=len(Path("/proc/self/mountinfo").read_text().splitlines()),
            processes=sum(name.isdigit() for name in os.listdir("/proc")),
        )

    def says(self) -> str:
        return (
            f"{self.memory / 2**20:.0f} MB, {self.threads} threads, {self.files} files, {self.sockets} of them sockets;"
            f" {self.mounts} mounts, {self.processes} processes"
        )


SLACK: Final = {"memory": 16 << 20, "threads": SIZE, "files": 3, "sockets": 2, "mounts": 0, "processes": 3}
"""How much more the last quarter of a soak may have than the first: the memory of an interpreter settles; a watch begins its
workers when it has work for them; an engine's helpers come and go."""


def leaks(gauges: Sequence[Gauge], engines: int = 0) -> list[str]:
    """What grew, by the medians of the first and of the last quarter. engines: to each of so many a few connections are kept."""
    kept = IDLE * engines
    slack = SLACK | {name: SLACK[name] + kept for name in ("files", "sockets")}
    quarter = max(1, len(gauges) // 4)
    found: list[str] = []
    for name in (one.name for one in fields(Gauge) if gauges):
        first, last = (median(getattr(gauge, name) for gauge in some) for some in (gauges[:quarter], gauges[-quarter:]))
        if last > first + slack[name]:
            found.append(f"{name} grew from {first:,.0f} to {last:,.0f}")
    return found


def family(pid: int) -> list[int]:
    """A process, and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                parent = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def _files(pid: int) -> list[str]:
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return found


def _status(pid: int, key: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{key}:"):
                return int(line.split()[1])
    return 0
