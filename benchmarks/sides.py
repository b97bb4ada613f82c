"""Sides: who takes part. Each says which processes do a piece of work; the same containers, by the same engine, for all.

Two shapes: `containers` is one service (one Compose project) of N containers, `services` is N services (projects) of one container
each in one folder.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from tests.contract.engine_fixture import DEMO
from tests.integration.lab import Lab

ROOT = Path(__file__).resolve().parents[1]
START_UP = "start-up"
"""To read the same specs, and touch nothing."""
WORKS = ("cold", START_UP, "no-op", "one changed", "one killed", "tear-down")


class Side(Protocol):
    """One who takes part.

    env: what its processes have besides the clean environment. lasts: seconds that a container must have run, so that its end is
    an accident to this side, and not the next turn of a crash loop (osvc watches such a one for a second after its start).
    """

    env: Mapping[str, str]
    lasts: float

    def what(self, work: str) -> str:
        """How the table names it."""

    def names(self, count: int) -> tuple[str, ...]:
        """The names of its containers; the first is changed, the last is killed."""

    def write(self, work: str, count: int) -> None:
        """Write the files that the work is done by. Not timed."""

    def argvs(self, work: str, count: int) -> list[list[str]]:
        """The processes that do it, one after the other."""


def command(changed: bool) -> str:
    return f"sleep {100001 if changed else 100000}"


@dataclass
class Floor:
    """Only the necessary calls: see benchmarks/floor.py."""

    socket: str
    lasts: float = 0.0

    def __post_init__(self) -> None:
        self.env: Mapping[str, str] = {"PYTHONPATH": str(ROOT)}

    def what(self, work: str) -> str:
        return "a bare interpreter" if work == START_UP else "floor"

    def names(self, count: int) -> tuple[str, ...]:
        return tuple(f"floor-{n}" for n in range(1, count + 1))

    def write(self, work: str, count: int) -> None:
        """It has no files."""

    def argvs(self, work: str, count: int) -> list[list[str]]:
        if work == START_UP:
            return [[sys.executable, "-c", "pass"]]
        program = "from benchmarks.floor import main; main()"
        return [[sys.executable, "-S", "-c", program, work, self.socket, DEMO, str(count)]]


@dataclass
class Ours:
    """osvc, one process whatever the number of services. program: its path; the interpreter lies beside it. engine: what of a
    spec names the engine (a data root, or nothing).

    The containers of one service are a parallel subset: the others start theirs together, too.
    """

    program: Path
    lab: Lab
    shape: str
    engine: Mapping[str, str]
    lasts: float = 11.0

    def __post_init__(self) -> None:
        mine = ("OSVC_STATE_DIR", "OSVC_RUN_DIR", "OSVC_CONFIG")
        self.env: Mapping[str, str] = {name: self.lab.env[name] for name in mine}

    def what(self, work: str) -> str:
        return {START_UP: "osvc validate", "tear-down": "osvc apply --prune-all"}.get(work, "osvc apply")

    def names(self, count: int) -> tuple[str, ...]:
        if self.shape == "containers":
            return tuple(f"web.container.{n}" for n in range(1, count + 1))
        return tuple(f"s{n}.container.1" for n in range(1, count + 1))

    def write(self, work: str, count: int) -> None:
        if work == "cold":
            self._folder(count, changed=False)
        elif work == "one changed":
            self._folder(count, changed=True)
        elif work == "tear-down":
            self._folder(0, changed=False)

    def argvs(self, work: str, count: int) -> list[list[str]]:
        verb = {START_UP: ["validate"], "tear-down": ["apply", "--yes", "--prune-all"]}.get(work, ["apply", "--yes"])
        return [[str(self.program), *verb, str(self.lab.specs)]]

    def _folder(self, count: int, *, changed: bool) -> None:
        """The specs of so many containers: of none, a service whose engine stays, or an empty folder."""
        made = [self._container(changed and n == 1) for n in range(1, count + 1)]
        if self.shape == "containers":
            found = {f"container#{n}": {**one, "subset": "all"} for n, one in enumerate(made, 1)}
            together = {"subsets": {"container:all": {"parallel": True}}} if made else {}
            return write_record(self.lab.specs / "web.yaml", {**self.engine, **together, "resources": found})
        for old in self.lab.specs.iterdir():
            old.unlink()
        for n, one in enumerate(made, 1):
            write_record(self.lab.specs / f"s{n}.yaml", {**self.engine, "resources": {"container#1": one}})

    @staticmethod
    def _container(changed: bool) -> dict[str, Any]:
        return {"type": "docker", "image": DEMO, "network": "bridge", "command": command(changed)}


@dataclass
class Compose:
    """Docker Compose v2, one process a project: it knows no folder of them."""

    binary: str
    socket: str
    folder: Path
    shape: str
    lasts: float = 0.0

    def __post_init__(self) -> None:
        self.env: Mapping[str, str] = {"DOCKER_HOST": f"unix://{self.socket}"}
        self.folder.mkdir(exist_ok=True)

    def what(self, work: str) -> str:
        return " ".join(["docker-compose", *self._verb(work)])

    def names(self, count: int) -> tuple[str, ...]:
        return tuple(f"{project}-{service}-1" for project, services in self._projects(count) for service in services)

    def write(self, work: str, count: int) -> None:
        if work not in ("cold", "one changed"):
            return
        for project, services in self._projects(count):
            first = project in ("web", "s1") and work == "one changed"
            found = {
                service: {"image": DEMO, "command": command(first and service == "c1"), "network_mode": "bridge"}
                for service in services
            }
            write_record(self.folder / f"{project}.yaml", {"services": found})

    def argvs(self, work: str, count: int) -> list[list[str]]:
        return [[*self._base(project), *self._verb(work)] for project, _ in self._projects(count)]

    @staticmethod
    def _verb(work: str) -> list[str]:
        return {START_UP: ["config", "--quiet"], "tear-down": ["down"]}.get(work, ["up", "-d"])

    def _base(self, project: str) -> list[str]:
        return [self.binary, "--progress", "quiet", "-p", project, "-f", str(self.folder / f"{project}.yaml")]

    def _projects(self, count: int) -> list[tuple[str, tuple[str, ...]]]:
        """Each project, and its services."""
        if self.shape == "containers":
            return [("web", tuple(f"c{n}" for n in range(1, count + 1)))]
        return [(f"s{n}", ("c1",)) for n in range(1, count + 1)]


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """A spec, as a file that nobody else can read."""
    path.write_text(yaml.safe_dump(dict(record), sort_keys=False))
    path.chmod(0o600)
