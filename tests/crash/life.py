"""Life: osvc on the fake machine, to be killed at any effect and started again. The store is a real one, in a real folder."""

from __future__ import annotations

import shutil
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reconciler.core.node import Node
from reconciler.core.outcome import OnEvent, Result, silent
from reconciler.core.policy import UP, Goal
from reconciler.core.service import Service
from reconciler.engine.converge import converge
from reconciler.engine.locks import Locks
from reconciler.engine.means import Means
from reconciler.engine.signals import Stop
from reconciler.engine.store import Store
from reconciler.engine.work import Work
from reconciler.spec.load import load_text
from tests.fakehost import Crash, FakeHost, Machine
from tests.fakehost.docker_records import FakeImage

NODE = Node(name="node1", run_dir="/run/osvc", state_dir="/var/lib/osvc")
IMAGE = FakeImage({"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]})
NEWER = FakeImage({"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"]}, salt="2")

SPEC = """
docker_data_dir: /srv/web
resources:
  fs#1: {dev: /img/web.ext4, mnt: /srv/web, type: ext4}
  container#1:
    type: docker
    image: osvc/demo:1
    image_archive: /img/demo.tar
    command: sleep 1000
    environment: {DB_PASSWORD: hunter2, MODE: one}
    ports: 18080:80
  container#2:
    type: docker
    image: osvc/demo:1
    image_archive: /img/demo.tar
    command: sleep 1000
    memory: 64m
"""


def read(text: str, name: str = "web", node: Node = NODE) -> Service:
    loaded = load_text(text, "yaml", name, f"services.d/{name}.yaml", node, "/etc/osvc/services.d")
    assert not loaded.errors, [str(error) for error in loaded.errors]
    return loaded.services[0]


def new_machine() -> Machine:
    machine = Machine()
    machine.make_image("/img/web.ext4")
    machine.tree.make_dir("/srv/web", 0o755)
    docker = FakeHost(machine).docker
    docker.add_archive("/img/demo.tar", IMAGE, "osvc/demo:1")
    docker.add_archive("/img/newer.tar", NEWER, "osvc/demo:2")
    return machine


@dataclass
class Lives:
    """One machine and one state folder over several lives of osvc. workers: 1 makes the order of effects certain."""

    folder: Path
    machine: Machine = field(default_factory=new_machine)
    workers: int = 1
    deaths: int = 0

    def copy(self, folder: Path) -> Lives:
        """The same machine and state folder once more, to be led elsewhere."""
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder, machine=deepcopy(self.machine))

    def run(
        self, service: Service | None, goal: Goal = UP, *, on_event: OnEvent = silent, stop: Stop | None = None, **more: Any
    ) -> Result | None:
        """One life. None when it was killed."""
        store = Store.open(str(self.folder), write=True)
        host = FakeHost(self.machine, NODE, store.uuid)
        locks = Locks(str(self.folder), host.clock)
        means = Means(host, store, locks, stop or Stop(), on_event=on_event, workers=self.workers)
        try:
            with means.locks.hold("web", wait=0.0):
                return converge(Work("web", service, goal, **more), means)
        except Crash:
            self.deaths += 1
            self.machine.revive()
            return None
        finally:
            store.close()

    # what there is

    def records(self) -> list[dict[str, Any]]:
        """Every container that lies in any data root, whether its engine runs or not."""
        return records(self.machine)

    def picture(self) -> dict[str, Any]:
        """The machine, and what lies in the service's run folder."""
        return picture(self.machine, "/run/osvc/web")

    def starts(self) -> dict[str, int]:
        """How often each container was started, by id."""
        found: dict[str, int] = {}
        for label in self.machine.done:
            words = label.split()
            if words[:1] == ["docker"] and "start" in words:
                found[words[-1]] = found.get(words[-1], 0) + 1
        return found


def records(machine: Machine) -> list[dict[str, Any]]:
    """Every container that lies in any data root, whether its engine runs or not."""
    datas = machine.docker._datas.values()
    return sorted((item.record for data in datas for item in data.containers.values()), key=lambda record: record["Name"])


def picture(machine: Machine, folder: str) -> dict[str, Any]:
    """A machine as far as it must be the same whatever happened on the way: no ids, pids, times. folder: a service's run folder."""
    host = FakeHost(machine, NODE)
    programs = [process.exe.rpartition("/")[2] for process in machine.processes.values()]
    return {
        "mounts": sorted((mount.target, mount.source, mount.options) for mount in host.mounts.table()),
        "processes": sorted(name for name in programs if name in ("dockerd", "containerd")),
        "links": sorted((link.name, link.up, link.addresses) for link in host.net.links()),
        "rules": sorted(host.net.rules()),
        "forwarding": host.net.forwarding(),
        "folder": host.files.names(folder),
        "containers": [
            {
                "name": record["Name"],
                "image": record["Image"],
                "running": record["State"]["Running"],
                "env": sorted(record["Config"]["Env"]),
                "memory": record["HostConfig"]["Memory"],
                "policy": record["HostConfig"]["RestartPolicy"]["Name"],
                "owner": (record["Config"]["Labels"].get("osvc.service"), record["Config"]["Labels"].get("osvc.rid")),
            }
            for record in records(machine)
        ],
    }
