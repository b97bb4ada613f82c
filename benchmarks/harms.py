"""Harms: what is done to a service behind osvc's back, each with what repairs it and nothing more.

All of it is done to one service, `web`: a container of its own for each harm to a container, an address on `lo`, a filesystem on a
loop device. The floor does the same to a thing of its own beside it, which no spec names.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from benchmarks import engines
from benchmarks.floor import Line, body
from benchmarks.hosts import loop, run
from benchmarks.sides import command, write_record
from tests.contract.engine_fixture import DEMO
from tests.integration.lab import Lab

ADDRESS: Final = "198.18.77.1/32"
FLOORS_ADDRESS: Final = "198.18.77.2/32"
CONTAINERS: Final = ("killed", "stopped", "removed", "paused", "renamed", "edited")
ENGINE: Final = "engine killed"
MEGABYTES: Final = 16
PATIENCE: Final = 20.0


class Events:
    """What an engine tells, and when it came (time.monotonic())."""

    def __init__(self, socket: str) -> None:
        self._seen: list[tuple[float, str, str]] = []
        self._more = threading.Condition()
        self._line = Line(socket)
        self._line.request("GET", f"/events?filters={quote(json.dumps({'type': ['container']}))}")
        self._thread = threading.Thread(target=self._read, args=(self._line.getresponse(),), daemon=True)
        self._line.sock.settimeout(None)
        self._thread.start()

    def _read(self, answer: HTTPResponse) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := answer.readline():
                event, now = json.loads(line), time.monotonic()
                with self._more:
                    self._seen.append((now, event["Action"], event["Actor"]["Attributes"]["name"]))
                    self._more.notify_all()

    def of(self, action: str, name: str, since: float) -> float:
        """When it told this of that container, once it has. Raises TimeoutError."""
        with self._more:
            if not self._more.wait_for(lambda: self._when(action, name, since), PATIENCE):
                raise TimeoutError(f"the engine does not tell of {name}: {action}")
            return self._when(action, name, since)[0]

    def _when(self, action: str, name: str, since: float) -> list[float]:
        return [at for at, told, whom in self._seen if (told, whom) == (action, name) and at >= since]


@dataclass
class Ground:
    """What the harms are done to. osvc: the program. device, floors_device: of the two filesystems."""

    lab: Lab
    osvc: Path
    socket: str
    device: str
    floors_device: str
    turn: int = 0
    events: Events = field(init=False)

    def __post_init__(self) -> None:
        self.listen()

    def listen(self) -> None:
        """Hear the engine, which is a new one after it was killed."""
        self.events = Events(self.socket)

    @property
    def mount(self) -> Path:
        return self.lab.root / "m"

    @property
    def floors_mount(self) -> Path:
        return self.lab.root / "n"

    def call(self, method: str, url: str, told: Any = None) -> Any:
        return Line(self.socket).call(method, url, told)

    def write(self) -> None:
        """The spec, as it is to be in this turn."""
        resources: dict[str, Any] = {
            "ip#1": {"name": ADDRESS.partition("/")[0], "dev": "lo", "netmask": 32},
            "fs#1": {"type": "ext4", "dev": self.device, "mnt": str(self.mount)},
        }
        for name in CONTAINERS:
            words = command(name == "edited" and self.turn % 2 == 1)
            resources[f"container#{name}"] = {"type": "docker", "image": DEMO, "network": "bridge", "command": words}
        fresh = self.lab.root / "fresh.yaml"
        write_record(fresh, {"docker_data_dir": f"{self.lab.root}/d", "resources": resources})
        fresh.replace(self.lab.specs / "web.yaml")

    def pid(self, name: str) -> int:
        return engines.look(self.socket)[name].pid


@dataclass(frozen=True)
class Harm:
    """One harm. rid: of what is harmed, and must be all that is touched.

    do: does it; when the machine told of it (time.monotonic()). floor: does the same to what is the floor's own, and repairs that:
    the seconds of the repair. calls: what the floor calls, as the table names it.
    """

    name: str
    rid: str
    do: Callable[[Ground], float]
    floor: Callable[[Ground], float]
    calls: str


def name_of(harm: str) -> str:
    """The container that osvc makes for a harm."""
    return f"web.container.{harm}"


def _timed(ground: Ground, *calls: tuple[str, str, Any]) -> float:
    began = time.monotonic()
    for call in calls:
        ground.call(*call)
    return time.monotonic() - began


def killed_by_pid(ground: Ground, name: str) -> float:
    """End a container's process as a crash does."""
    now = time.monotonic()
    os.kill(ground.pid(name), signal.SIGKILL)
    return ground.events.of("die", name, now)


def _told(action: str, name: str, *call: str) -> Callable[[Ground], float]:
    """Ask the engine for the harm; when it told of that."""

    def do(ground: Ground) -> float:
        now = time.monotonic()
        ground.call(*call)
        return ground.events.of(action, name, now)

    return do


def _floor_killed(ground: Ground) -> float:
    engines.kill(ground.socket, "floor-killed", 0.0)
    return _timed(ground, ("POST", "/containers/floor-killed/start", None))


def _floor_stopped(ground: Ground) -> float:
    ground.call("POST", "/containers/floor-stopped/stop")
    return _timed(ground, ("POST", "/containers/floor-stopped/start", None))


def _floor_removed(ground: Ground) -> float:
    ground.call("DELETE", "/containers/floor-removed?force=1")
    make = ("POST", "/containers/create?name=floor-removed", body(DEMO))
    return _timed(ground, make, ("POST", "/containers/floor-removed/start", None))


def _floor_paused(ground: Ground) -> float:
    ground.call("POST", "/containers/floor-paused/pause")
    return _timed(ground, ("POST", "/containers/floor-paused/unpause", None))


def _floor_renamed(ground: Ground) -> float:
    ground.call("POST", "/containers/floor-renamed/rename?name=floor-stolen")
    return _timed(ground, ("POST", "/containers/floor-stolen/rename?name=floor-renamed", None))


def _floor_edited(ground: Ground) -> float:
    url = "/containers/floor-edited"
    make = ("POST", "/containers/create?name=floor-edited", body(DEMO, 100000 + ground.turn % 2))
    return _timed(ground, ("POST", f"{url}/stop", None), ("DELETE", url, None), make, ("POST", f"{url}/start", None))


def _edited(ground: Ground) -> float:
    ground.write()
    return time.monotonic()


def _engine_killed(ground: Ground) -> float:
    """Killed by its pid; when the kernel told that it has ended."""
    pid = ground.lab.daemon("web")
    end = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([end], [], [], PATIENCE)
    os.close(end)
    return time.monotonic()


def _floor_engine(ground: Ground) -> float:
    """The same engine, by the same words, until it answers; then it is ended, and osvc starts it again as its own."""
    words = Path(f"/proc/{ground.lab.daemon('web')}/cmdline").read_bytes().decode().split("\0")[:-1]
    _engine_killed(ground)
    Path(f"{ground.lab.node.service_dir('web')}/docker.pid").unlink(missing_ok=True)
    began = time.monotonic()
    daemon = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _answers(ground):
            if daemon.poll() is not None or time.monotonic() > began + PATIENCE:
                raise TimeoutError("the engine does not start again")
            time.sleep(0.002)
        seconds = time.monotonic() - began
    finally:
        daemon.kill()
        daemon.wait()
    words = [str(ground.osvc), "apply", "--yes"]
    subprocess.run(words, env=ground.lab.env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ground.listen()
    return seconds


def _answers(ground: Ground) -> bool:
    try:
        return Line(ground.socket).say("GET", "/_ping", {}) == b"OK"
    except OSError:
        return False


def _command(*words: str) -> Callable[[Ground], float]:
    def do(ground: Ground) -> float:
        run(*words)
        return time.monotonic()

    return do


def _floor_address(ground: Ground) -> float:
    run("ip", "address", "del", FLOORS_ADDRESS, "dev", "lo")
    began = time.monotonic()
    run("ip", "address", "add", FLOORS_ADDRESS, "dev", "lo")
    return time.monotonic() - began


def _unmounted(*options: str) -> Callable[[Ground], float]:
    def do(ground: Ground) -> float:
        run("umount", *options, str(ground.mount))
        return time.monotonic()

    return do


def _floor_mount(*options: str) -> Callable[[Ground], float]:
    def do(ground: Ground) -> float:
        run("umount", *options, str(ground.floors_mount))
        began = time.monotonic()
        run("e2fsck", "-p", ground.floors_device)
        run("mount", ground.floors_device, str(ground.floors_mount))
        return time.monotonic() - began

    return do


_RENAME: Final = f"/containers/{name_of('renamed')}/rename?name=stolen"
HARMS: Final = (
    Harm("container killed", "container#killed", lambda ground: killed_by_pid(ground, name_of("killed")), _floor_killed, "start"),
    Harm(
        "container stopped",
        "container#stopped",
        _told("die", name_of("stopped"), "POST", f"/containers/{name_of('stopped')}/stop"),
        _floor_stopped,
        "start",
    ),
    Harm(
        "container removed",
        "container#removed",
        _told("destroy", name_of("removed"), "DELETE", f"/containers/{name_of('removed')}?force=1"),
        _floor_removed,
        "create, start",
    ),
    Harm(
        "container paused",
        "container#paused",
        _told("pause", name_of("paused"), "POST", f"/containers/{name_of('paused')}/pause"),
        _floor_paused,
        "unpause",
    ),
    Harm("container renamed", "container#renamed", _told("rename", "stolen", "POST", _RENAME), _floor_renamed, "rename"),
    Harm("spec edited", "container#edited", _edited, _floor_edited, "stop, remove, create, start"),
    Harm("address removed", "ip#1", _command("ip", "address", "del", ADDRESS, "dev", "lo"), _floor_address, "ip address add"),
    Harm("unmounted", "fs#1", _unmounted(), _floor_mount(), "e2fsck -p, mount"),
    Harm("unmounted lazily", "fs#1", _unmounted("-l"), _floor_mount("-l"), "e2fsck -p, mount"),
    Harm(ENGINE, "dockerd", _engine_killed, _floor_engine, "dockerd, until it answers"),
)


@contextlib.contextmanager
def disks(lab: Lab) -> Iterator[tuple[str, str]]:
    """Two loop devices with an ext4 each; the second is mounted where the floor has it."""
    with contextlib.ExitStack() as stack:
        devices = []
        for name in ("m", "n"):
            (lab.root / name).mkdir()
            file = lab.backing_file(f"{name}.img", MEGABYTES)
            devices.append(stack.enter_context(loop(Path(file))))
        run("mount", devices[1], str(lab.root / "n"))
        yield devices[0], devices[1]
