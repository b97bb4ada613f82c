"""Strikes: what can happen to osvc, to the engines below it and to the disks that it needs, as functions that make it happen.

They act from inside the process that is being tested (`dying.py`), at the very moment between two of its actions. Who is struck is
found by its own traces on the machine, never by asking osvc or an engine.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

FILLER = "filler"
"""The file that takes all the space of a full disk."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Ground:
    """Where a lab keeps its services. data: the folder that holds a service's filesystem, by its name."""

    state: Path
    run: Path
    data: Path

    @classmethod
    def here(cls) -> "Ground":
        """The lab that this process was started in, from its environment."""
        return cls(*(Path(os.environ.get(name, os.devnull)) for name in ("OSVC_STATE_DIR", "OSVC_RUN_DIR", "OSVC_DATA_DIR")))

    def daemons(self, service: str) -> list[int]:
        """The pids of a service's dockerd: one at most, if all is well."""
        return self._named(service, "dockerd")

    def containerds(self, service: str) -> list[int]:
        return self._named(service, "containerd")

    def shims(self, service: str) -> list[int]:
        return self._named(service, "containerd-shim-runc-v2")

    def containers(self, service: str) -> list[int]:
        """The host pids of what runs in a service's containers (`sleep`, as the specs of the lab have it)."""
        parents = set(self.shims(service))
        return [pid for pid, parent, argv in processes() if parent in parents and argv[0] == "sleep"]

    def disk(self, service: str) -> Path:
        return self.data / service

    @property
    def bystander(self) -> Path:
        """The file with the pid of a process that has nothing to do with osvc."""
        return self.data.parent / "bystander"

    def _named(self, service: str, program: str) -> list[int]:
        folder = f"{self.run}/{service}/"
        return [
            pid for pid, _, argv in processes() if os.path.basename(argv[0]) == program and any(folder in word for word in argv)
        ]


def processes() -> Iterator[tuple[int, int, list[str]]]:
    """pid, parent and words of every process that is alive and has words."""
    for name in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
        with contextlib.suppress(OSError):
            argv = Path(f"/proc/{name}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
            state, parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[:2]
            if argv[0] and state != "Z":
                yield int(name), int(parent), argv


def fill(folder: Path) -> None:
    """Write into a folder until not one more byte fits."""
    handle = os.open(folder / FILLER, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = _CHUNK
        while size:
            try:
                os.write(handle, b"\0" * size)
            except OSError:
                size //= 2
    finally:
        os.close(handle)


@dataclass(frozen=True)
class Strike:
    """there: whether somebody (something) is there to be struck, of the service whose action is at hand. hit: the stroke itself."""

    there: Callable[[Ground, str], object]
    hit: Callable[[Ground, str], None]


def _kill(who: Callable[[Ground, str], list[int]], number: int = signal.SIGKILL, *, first: bool = False) -> Strike:
    def hit(ground: Ground, service: str) -> None:
        for pid in who(ground, service)[: 1 if first else None]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    return Strike(who, hit)


def _both(ground: Ground, service: str) -> list[int]:
    return [*ground.daemons(service), *ground.containerds(service)] if ground.daemons(service) else []


def _signal(*numbers: int) -> Strike:
    def hit(ground: Ground, service: str) -> None:
        for number in numbers:
            os.kill(os.getpid(), number)
            time.sleep(0.1)  # the main thread has to take the first one before there is a second

    return Strike(lambda ground, service: True, hit)


def _mounted(ground: Ground, service: str) -> bool:
    return os.path.ismount(ground.disk(service))


def _abandon(ground: Ground, service: str, *, reused: bool) -> None:
    """An engine's socket and pid file, and no engine: it is killed where there is one. reused: its pid is somebody else's now."""
    for pid in _both(ground, service):
        os.kill(pid, signal.SIGKILL)
    folder = ground.run / service
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "docker.sock").exists():
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(folder / "docker.sock"))
    gone = subprocess.Popen(["true"])
    gone.wait()
    (folder / "docker.pid").write_text(ground.bystander.read_text() if reused else str(gone.pid))


OTHERS: list[subprocess.Popen[str]] = []
"""The runs that were begun beside this one."""


def _beside(*words: str) -> Strike:
    """Begin another run."""

    def hit(ground: Ground, service: str) -> None:
        argv = [sys.executable, "-m", "reconciler", *words]
        other = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        OTHERS.append(other)

    return Strike(lambda ground, service: True, hit)


STRIKES: dict[str, Strike] = {
    "osvc": _signal(signal.SIGKILL),
    "sigint": _signal(signal.SIGINT),
    "sigint-twice": _signal(signal.SIGINT, signal.SIGINT),
    "sigterm": _signal(signal.SIGTERM),
    "dockerd": _kill(Ground.daemons),
    "containerd": _kill(Ground.containerds),
    "engine": _kill(_both),
    "container": _kill(Ground.containers, first=True),
    "hung": _kill(Ground.daemons, signal.SIGSTOP),
    "state-full": Strike(lambda ground, service: True, lambda ground, service: fill(ground.state)),
    "data-full": Strike(_mounted, lambda ground, service: fill(ground.disk(service))),
    "apply-beside": _beside("apply", "--yes", "--wait", "120"),
    "stop-beside": _beside("stop", "--wait", "120", "*"),
    "stale": Strike(lambda ground, service: False, partial(_abandon, reused=False)),
    "reused": Strike(lambda ground, service: False, partial(_abandon, reused=True)),
}
"""name -> strike."""


def settle(write: Callable[[dict[str, object]], None]) -> None:
    """Wait for the runs beside this one, and tell how they ended."""
    for other in OTHERS:
        said, _ = other.communicate(timeout=240)
        write({"beside": other.returncode, "said": said})


def telling() -> Callable[[dict[str, object]], None]:
    """What writes a line of facts into the file that OSVC_ACTIONS names, if it names one."""
    path = os.environ.get("OSVC_ACTIONS", os.devnull)

    def write(facts: dict[str, object]) -> None:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")

    return write
