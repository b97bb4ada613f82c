"""The world of a soak: many services on real engines, and whether the machine is as their specs say, by what it says itself.

Most services share the system's engine (in a place, this is the place's own); every sixth has an engine of its own. Each has an
address, a filesystem and two containers.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from benchmarks import engines
from benchmarks.cycles import SYSTEM_SOCKET, System
from benchmarks.floor import Line
from benchmarks.sides import write_record
from tests.contract.engine_fixture import DEMO
from tests.integration.lab import Lab

PRIVATE = 6
"""One service in so many has an engine of its own."""
CONTAINERS = ("container#1", "container#2")


@dataclass
class Service:
    """One service. edits: how often its spec was edited; private: whether it has an engine of its own."""

    number: int
    lab: Lab
    edits: int = 0

    @property
    def name(self) -> str:
        return f"s{self.number}"

    @property
    def private(self) -> bool:
        return self.number % PRIVATE == 0

    @property
    def address(self) -> str:
        return f"198.18.{100 + self.number // 200}.{self.number % 200 + 1}"

    @property
    def mount(self) -> str:
        return f"{self.lab.root}/m/{self.name}"

    @property
    def socket(self) -> str:
        return f"{self.lab.node.service_dir(self.name)}/docker.sock" if self.private else SYSTEM_SOCKET

    @property
    def file(self) -> Path:
        return self.lab.specs / f"{self.name}.yaml"

    def container(self, rid: str) -> str:
        return f"{self.name}.{rid.replace('#', '.')}"

    @property
    def command(self) -> list[str]:
        """What its first container does, which an edit changes."""
        return ["sleep", str(100000 + self.edits)]

    def spec(self) -> dict[str, Any]:
        """Its spec, as it is to be now."""
        resources: dict[str, Any] = {
            "ip#1": {"name": self.address, "dev": "lo", "netmask": 32},
            "fs#1": {"type": "tmpfs", "dev": "tmpfs", "mnt": self.mount, "mnt_opt": [f"size={1 + self.edits % 3}m"]},
        }
        for rid in CONTAINERS:
            words = self.command if rid == CONTAINERS[0] else ["sleep", "100000"]
            resources[rid] = self.lab.container(network="none", command=words)
        engine = {"docker_data_dir": f"{self.lab.root}/d/{self.name}"} if self.private else {}
        return {**engine, "resources": resources}

    def write(self) -> None:
        """Write it, whole or not at all."""
        fresh = self.lab.root / f"{self.name}.fresh"
        write_record(fresh, self.spec())
        fresh.replace(self.file)


@dataclass
class World:
    lab: Lab
    system: System
    services: list[Service] = field(default_factory=list)

    def make(self, count: int) -> None:
        """So many services, up."""
        self.lab.docker.engine(self.system.socket).load(self.lab.archive(), DEMO, 60.0)
        for number in range(1, count + 1):
            service = Service(number, self.lab)
            Path(service.mount).mkdir(parents=True)
            service.write()
            self.services.append(service)
        self.lab.apply()

    def named(self, name: str) -> Service:
        return next(service for service in self.services if service.name == name)

    def sockets(self) -> list[str]:
        return list(dict.fromkeys(service.socket for service in self.services))

    def differs(self) -> list[str]:
        """What is not as the specs say, by what engines, kernel and processes say; nothing of osvc is asked."""
        return [*self._addresses(), *self._mounts(), *self._containers()]

    def _addresses(self) -> Iterator[str]:
        said = json.loads(subprocess.run(["ip", "-j", "addr", "show", "lo"], check=True, capture_output=True).stdout)
        there = {one["local"] for one in said[0]["addr_info"] if one["local"].startswith("198.18.")}
        yield from (f"address {one}" for one in sorted(there ^ {service.address for service in self.services}))

    def _mounts(self) -> Iterator[str]:
        lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        below = f"{self.lab.root}/m/"
        there = [(line[4], line[-1]) for line in lines if line[4].startswith(below)]
        wanted = [(service.mount, f"size={(1 + service.edits % 3) * 1024}k") for service in self.services]
        for point, size in wanted:
            found = [options for target, options in there if target == point]
            if len(found) != 1 or size not in found[0]:
                yield f"{point}: {found or 'not mounted'}"
        yield from (f"{target}: mounted" for target, _ in there if target not in {point for point, _ in wanted})

    def _containers(self) -> Iterator[str]:
        for socket in self.sockets():
            mine = [service for service in self.services if service.socket == socket]
            try:
                there = engines.look(socket)
                paused = {
                    one["Names"][0].lstrip("/")
                    for one in Line(socket, 5.0).call("GET", "/containers/json?all=1")
                    if one["State"] == "paused"
                }
            except (OSError, HTTPException, RuntimeError, KeyError) as err:
                yield f"engine of {mine[0].name}: {err}"
                continue
            for service in mine:
                for rid in CONTAINERS:
                    name = service.container(rid)
                    found = there.pop(name, None)
                    if found is None or not found.runs or name in paused:
                        yield f"{name} does not run"
                    elif rid == CONTAINERS[0] and list(found.command) != service.command:
                        yield f"{name} is an old one"
            yield from (f"{name} is nobody's" for name in sorted(there))
