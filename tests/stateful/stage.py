"""Stage: where lives are played: a real specs folder and store, a fake machine with strangers on it, and hands that meddle."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.cli.specs import read_specs
from reconciler.core.outcome import Result
from reconciler.core.policy import Aim, Goal, Policy, Selection
from reconciler.engine.config import Config
from reconciler.engine.means import Means
from reconciler.engine.session import Session
from reconciler.host.errors import HostError
from tests.crash.life import IMAGE, NEWER
from tests.fakehost import Crash, FakeHost, Machine
from tests.fakehost.docker import SYSTEM

SERVICES = ("web", "db")
_NOT_THEIRS = ("osvc-", "OSVC-", " -P ")
"""In the names of links and rules of ours; the tables' own policies are there once somebody looks."""


_MEMORY = "/dev/shm"
"""Where the store's syncing costs nothing."""


class OneByOne(Session):
    """One step at a time, so that the same faults meet the same steps."""

    def _means(self, *asked: Any) -> Means:
        return replace(super()._means(*asked), workers=1)


class Stage:
    """What a user does, on any machine. specs: the folder of specs. config: the node's."""

    specs: Path
    config: Config

    def open(self) -> Session:
        raise NotImplementedError

    def by_hand(self, service: str) -> Any:
        """The engine of a service, as another person uses it."""
        raise NotImplementedError

    def kill(self, pid: int) -> None:
        raise NotImplementedError

    def meddle(self, service: str, container: str, act: str) -> None:
        """Somebody does something to a container by hand, where there is one."""
        engine = self.by_hand(service)
        with suppress(HostError, ProcessLookupError):
            found = engine.inspect(container)
            match act:
                case "kill" if found["State"]["Pid"]:
                    self.kill(found["State"]["Pid"])
                case "stop":
                    engine.stop(container, 1)
                case "pause":
                    engine.pause(container)
                case "remove":
                    engine.stop(container, 1)
                    engine.remove(container)
                case "rename":
                    engine.rename(container, f"{service}-by-hand")
                case "update":
                    engine.update(container, {"Memory": 32 << 20, "MemorySwap": 64 << 20})

    def write(self, service: str, spec: Mapping[str, Any] | None) -> None:
        """Write a spec, or take it away."""
        path = self.specs / f"{service}.yaml"
        if spec is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(json.dumps(spec))
            path.chmod(0o644)

    def run(
        self, names: Sequence[str] = (), aim: Aim | None = None, *, rids: Sequence[str] = (), prune: bool = False
    ) -> dict[str, Result] | None:
        """One verb, from beginning to end: apply, or with `aim` start and stop. None when it was killed on the way."""
        with self.open() as session:
            targets = session.targets(read_specs((), self.config, may_be_empty=prune), names, aim=aim)
            if aim is not None and not rids:
                session.set_goal([target.name for target in targets], Goal(aim, "alice"))
            results = session.converge(
                targets,
                selection=Selection(tuple(rids)),
                policy=Policy(prune=prune),
                prune_all=True,
                whole_undo=aim is Aim.UP and not rids,
            )
        return {result.service: result for result in results}


class FakeStage(Stage):
    """web has its data root on a filesystem of its own, db has it on the machine's."""

    archives = {"osvc/demo:1": "/img/demo.tar", "osvc/demo:2": "/img/newer.tar"}

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="o-", dir=_MEMORY if os.path.isdir(_MEMORY) else None))
        self.specs = self.folder / "services.d"
        self.specs.mkdir(mode=0o755)
        self.config = Config(
            specs=str(self.specs), state_dir=str(self.folder / "state"), run_dir=str(self.folder / "run"), log=False
        )
        self.machine = Machine()
        self.docker = FakeHost(self.machine, self.config.place).docker
        self.machine.make_image("/img/web.ext4")
        for path in ("/srv/web", "/srv/db", *(self.shared(name) for name in SERVICES)):
            self.machine.tree.make_dir(path, 0o755)
        self.docker.add_archive("/img/demo.tar", IMAGE, "osvc/demo:1")
        self.docker.add_archive("/img/newer.tar", NEWER, "osvc/demo:2")
        self._place_strangers()

    def _place_strangers(self) -> None:
        """An engine with a container that looks much like ours, a mount, a process and a file of somebody else."""
        machine = self.machine
        self.docker.system()
        self.docker.add_image("/var/lib/docker", "theirs:1", IMAGE)
        theirs = self.docker.by_hand(SYSTEM)
        labels = {"osvc.service": "web", "osvc.rid": "container#1", "osvc.store": "another"}
        theirs.create("web.container.1", {"Image": "theirs:1", "Cmd": ["sleep", "1"], "Labels": labels})
        theirs.start("web.container.1")
        machine.tree.make_dir("/mnt/theirs", 0o755)
        FakeHost(machine).commands.run(("mount", "-t", "tmpfs", "-o", "size=1m", "--", "theirs", "/mnt/theirs"))
        machine.add_file("/mnt/theirs/file", "theirs")
        self.stranger = machine.start_process(("dockerd", "--data-root", "/elsewhere"), exe="/opt/theirs/dockerd")

    def shared(self, service: str) -> str:
        """The mount point of a service's filesystem for its containers."""
        return f"/more/{service}"

    def data_root(self, service: str) -> str:
        return f"/srv/{service}"

    def device(self) -> str:
        return "/img/web.ext4"

    def close(self) -> None:
        shutil.rmtree(self.folder)

    def open(self) -> Session:
        return OneByOne.open(self.config, write=True, host=FakeHost(self.machine, self.config.place))

    def run(self, *words: Any, **more: Any) -> dict[str, Result] | None:
        try:
            return super().run(*words, **more)
        except Crash:
            self.machine.revive()
            return None

    # what happens to a machine

    def by_hand(self, service: str) -> Any:
        return self.docker.by_hand(self.socket(service))

    def kill(self, pid: int) -> None:
        self.machine.kill(pid)

    def kill_engine(self, service: str) -> None:
        for process in list(self.machine.processes.values()):
            if process.exe.endswith("/dockerd") and f"--data-root={self.data_root(service)}" in process.argv:
                self.machine.kill(process.pid)

    def tear_off(self, path: str) -> None:
        """umount -l by hand."""
        if self.machine.tree.top_at(path) is not None:
            self.machine.tear_off(path)

    def reboot(self) -> None:
        self.machine.reboot()
        self._place_strangers_again()

    def _place_strangers_again(self) -> None:
        self.docker.by_hand(SYSTEM).start("web.container.1")
        FakeHost(self.machine).commands.run(("mount", "-t", "tmpfs", "-o", "size=1m", "--", "theirs", "/mnt/theirs"))
        self.machine.add_file("/mnt/theirs/file", "theirs")
        self.stranger = self.machine.start_process(("dockerd", "--data-root", "/elsewhere"), exe="/opt/theirs/dockerd")

    def fail(self, words: str, error: HostError, times: int) -> None:
        """The next calls that change something and have these words in them go wrong."""
        self.machine.fail_next(lambda label: words in label and not label.startswith("/"), error, times)

    def die(self, k: int, when: Any) -> None:
        """osvc is killed around its k-th effect from now."""
        self.machine.die_at(self.machine.effects + k, when)

    def heal(self) -> None:
        self.machine.heal()
        self.machine.revive()

    # what there is

    def socket(self, service: str) -> str:
        return f"{self.config.place.service_dir(service)}/docker.sock"

    def writes(self) -> int:
        return self.machine.effects

    def running(self, service: str) -> dict[str, dict[str, Any]]:
        """name -> inspect, of every container in a service's data root that has a process, whether its engine runs or not."""
        file = f"{self.data_root(service)}/engine-id"
        data = self.docker._datas.get(self.machine.tree.read(file, 1 << 20) or "") if self.machine.tree.find(file) else None
        found = data.containers.values() if data is not None else ()
        return {item.record["Name"].lstrip("/"): item.record for item in found if item.process is not None}

    def mounts(self) -> dict[str, str]:
        """mount point -> type, of the mounts that a service may have."""
        places = (*(self.shared(name) for name in SERVICES), self.data_root("web"))
        return {mount.target: mount.fstype for mount in FakeHost(self.machine).mounts.table() if mount.target in places}

    def engines(self) -> set[str]:
        """The services whose engine runs."""
        words = [word for process in self.machine.processes.values() for word in process.argv]
        return {name for name in SERVICES if f"--data-root={self.data_root(name)}" in words}

    def strangers(self) -> dict[str, Any]:
        """Whatever is not ours, as far as osvc could reach it."""
        host, machine = FakeHost(self.machine), self.machine
        record = self.docker.by_hand(SYSTEM).inspect("web.container.1")
        return {
            "container": {name: record[name] for name in ("Id", "Name", "State", "Config", "HostConfig")},
            "containers": [one["Id"] for one in self.docker.by_hand(SYSTEM).containers()],
            "mount": [mount.options for mount in host.mounts.table() if mount.target == "/mnt/theirs"],
            "file": machine.tree.read("/mnt/theirs/file", 100),
            "process": (machine.processes.get(self.stranger.pid) is self.stranger, self.stranger.signals),
            "links": _theirs(link.name for link in host.net.links()),
            "rules": _theirs(host.net.rules()),
        }


def _theirs(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not any(mark in name for mark in _NOT_THEIRS))
