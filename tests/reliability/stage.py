"""Stage: two services with engines and filesystems of their own, and beside them what is not ours; brought to any state that a run
may begin with."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from reconciler.core.ownership import Ownership
from reconciler.engine.store import Store
from tests.integration.enginelab import SystemEngine, docker
from tests.integration.lab import Lab
from tests.integration.netlab import free_port, own_network
from tests.integration.striking import FILLER, Ground
from tests.reliability.matrix import Stand
from tools.machine_record import Record, record

SERVICES = ("web", "db")
CONTAINERS = {"web": ("container#1", "container#2"), "db": ("container#1",)}
BY_HAND = "by-hand"
_SIZE = {"web": 64, "db": 64, "state": 16}
"""Of each filesystem, in megabytes."""
_PLACE = re.compile(r"^(\S+ \S+) \d+ ")
"""The number of a rule in its chain: jumps to our chains go before those of others, and move them."""
_AUTOMATIC = re.compile(r"\b(fe80:|ff00:|multicast)")


class Foreign:
    """What is not ours: an engine that acts as the system's with a container in it, a mount, a loop device, files in ours."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.folder = lab.root / "foreign"
        self.engine = SystemEngine(lab.root / "sys0")
        self.loop = ""
        self.bystander: subprocess.Popen[bytes] | None = None
        self.files = (self.folder / "mounted" / "file", lab.run_dir / "not-ours", lab.root / "d" / "not-ours")

    def set_up(self) -> None:
        self.engine.start(self.lab.archive())
        self.engine.web("foreign", free_port(), "foreign")
        (self.folder / "mounted").mkdir(parents=True)
        _run("mount", "-t", "tmpfs", "-o", "size=1m", "foreign", str(self.folder / "mounted"))
        with (self.folder / "disk").open("wb") as file:
            file.truncate(1 << 20)
        self.loop = _run("losetup", "-f", "--show", str(self.folder / "disk")).strip()
        self.bystander = subprocess.Popen(["tail", "-f", "/dev/null"])
        (self.lab.root / "bystander").write_text(str(self.bystander.pid))
        for path in self.files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("not ours\n")

    def picture(self) -> dict[str, object]:
        """What must stay as it is."""
        shown = "{{.Id}} {{.State.Pid}} {{.State.StartedAt}} {{.RestartCount}}"
        process = self.engine.process
        return {
            "its container": docker(self.engine.socket, "inspect", "-f", shown, "foreign"),
            "the bystander": "ended" if self.bystander is None or self.bystander.poll() is not None else self.bystander.pid,
            "its engine": process.pid if process is not None and process.poll() is None else "ended",
            "its files": [(str(path), path.stat().st_ino, path.stat().st_mtime_ns, path.read_text()) for path in self.files],
        }

    def clear(self) -> None:
        self.engine.clean()
        if self.bystander is not None:
            self.bystander.kill()
            self.bystander.wait()
        if self.loop:
            subprocess.run(["losetup", "-d", self.loop], check=False)


class Stage:
    """stand: where the services are. revision: of the image that the first container of each service is made from. bad: whether
    what the specs say now cannot be."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.ground = Ground(lab.state, lab.run_dir, lab.root / "m")
        self.foreign = Foreign(lab)
        self.stand = Stand.NOTHING
        self.revision = 1
        self.bad = False
        self.sleeps = {
            f"{service}.{rid}": 1_000_000 + os.getpid() % 100_000 * 10 + n
            for n, (service, rid) in enumerate((service, rid) for service in SERVICES for rid in CONTAINERS[service])
        }
        self.by_hand = ""
        self.bare: Record = {}
        self.alien: dict[str, object] = {}

    def set_up(self) -> None:
        self.lab.config.write_text(f"specs: {self.lab.specs}\nnode: lab\ninterval: 2s\n")
        self.lab.state.mkdir(mode=0o700)
        self._make_disk("state")
        self.mount_state()
        for service in SERVICES:
            self._make_disk(service)
        self.foreign.set_up()
        self.write_specs()
        self.bare = self.record()
        self.alien = self.foreign.picture()

    # what the specs say

    def write_specs(self, *, pruned: bool = False, bad: Mapping[str, object] = MappingProxyType({})) -> None:
        """Both specs, or (pruned) only the first, without its last container. bad: other keywords of the first one's first."""
        self.bad = bool(bad)
        for service in SERVICES[:1] if pruned else SERVICES:
            spec = self._spec(service, CONTAINERS[service][:1] if pruned else CONTAINERS[service])
            if service == SERVICES[0]:
                spec["resources"]["container#1"] |= bad
            self.lab.write(f"{service}.yaml", spec)
        if pruned:
            (self.lab.specs / "db.yaml").unlink(missing_ok=True)

    def _spec(self, service: str, rids: tuple[str, ...]) -> dict[str, Any]:
        data = self.ground.disk(service)
        resources: dict[str, Any] = {"fs#1": {"dev": str(self._image(service)), "mnt": str(data), "type": "ext4"}}
        for rid in rids:
            tag, revision = (f"osvc/demo:{self.revision}", self.revision) if rid == "container#1" else ("osvc/other:1", 1)
            resources[rid] = self.lab.container(
                tag,
                revision,
                command=["sh", "-c", f"echo up >>/data/log; exec sleep {self.sleeps[f'{service}.{rid}']}"],
                volume_mounts=[f"{data}/shared:/data"],
            )
        return {"docker_data_dir": f"{data}/engine", "docker_daemon_args": "--debug", "resources": resources}

    # the states

    def bring(self, stand: Stand) -> None:
        """Bring the services to a state, from whatever state they are in. Raises AssertionError when osvc cannot."""
        if self.stand is stand:
            return
        self.write_specs()
        if stand in (Stand.UP, Stand.DOWN) and self.stand is not Stand.UP:
            self.lab.osvc("start", "--yes", "web", "db")
        if stand in (Stand.DOWN, Stand.NOTHING) and self.stand is not Stand.DOWN:
            self.lab.osvc("stop", "*")
        if stand is Stand.NOTHING:
            for path in self.lab.specs.iterdir():
                path.unlink()
            self.lab.apply("--prune-all")
            for service in SERVICES:
                self._make_disk(service)
                self.ground.disk(service).rmdir()
            self.by_hand = ""
            self.write_specs()
        self.arrived(stand)

    def arrived(self, stand: Stand) -> None:
        """The services are in this state now. A container that a person started is put among those of a service that is up."""
        self.stand = stand
        if stand is Stand.UP and not self.by_hand:
            words = ("run", "-d", "--name", BY_HAND, "--network", "none", "osvc/other:1", "tail", "-f", "/dev/null")
            self.by_hand = docker(f"{self.lab.node.service_dir('web')}/docker.sock", *words)

    def edit(self) -> None:
        """Another image for the first container of each service, one that its engine has to load."""
        self.revision = 3 - self.revision
        for service in SERVICES:
            socket = f"unix://{self.lab.node.service_dir(service)}/docker.sock"
            words = ["docker", "-H", socket, "rmi", "-f", f"osvc/demo:{self.revision}"]
            subprocess.run(words, capture_output=True, timeout=60, check=False)
        self.write_specs()

    # disks

    def mount_state(self) -> None:
        _run("mount", "-o", "loop,errors=remount-ro", str(self._image("state")), str(self.lab.state))
        self.lab.state.chmod(0o700)
        shutil.rmtree(self.lab.state / "lost+found", ignore_errors=True)

    def mend_state(self) -> None:
        """The state folder's filesystem went read-only by itself: check it, and mount it again."""
        _run("umount", str(self.lab.state))
        subprocess.run(["e2fsck", "-fy", str(self._image("state"))], capture_output=True, check=False)
        self.mount_state()

    def free_space(self) -> None:
        """Also on a filesystem that undoing has unmounted since it was filled."""
        (self.lab.state / FILLER).unlink(missing_ok=True)
        for service in SERVICES:
            disk = self.ground.disk(service)
            if disk.is_mount():
                (disk / FILLER).unlink(missing_ok=True)
            else:
                words = ["debugfs", "-w", "-R", f"rm /{FILLER}", str(self._image(service))]
                subprocess.run(words, capture_output=True, timeout=60, check=False)

    def _image(self, name: str) -> Path:
        return self.lab.root / f"{name}.img"

    def _make_disk(self, name: str) -> None:
        self._image(name).unlink(missing_ok=True)
        with self._image(name).open("wb") as file:
            file.truncate(_SIZE[name] << 20)
        tree = self.lab.root / "tree"
        (tree / "shared").mkdir(parents=True, exist_ok=True)
        source = [] if name == "state" else ["-d", str(tree)]
        _run("mkfs.ext4", "-q", "-F", *source, str(self._image(name)))

    # what there is

    def record(self) -> Record:
        """The machine's record, as far as it is ours or the foreign things': the network is one of the stage's own.

        What the kernel does by itself for a link that has come up (IPv6, some time later) does not count.
        """
        names = [str(self.lab.root), self.foreign.engine.bridge, *(f"osvc-{self.lab.node.tag(name)}" for name in SERVICES)]
        whole = {"links", "addresses", "routes", "rules", "forwarding"}
        found = {
            topic: [
                line for line in lines if not _AUTOMATIC.search(line) and (topic in whole or any(name in line for name in names))
            ]
            for topic, lines in record().items()
        }
        return found | {"rules": sorted(_PLACE.sub(r"\1 ", line) for line in found["rules"])}

    def ownership(self, service: str) -> Ownership:
        with self._store() as store:
            return store.ownership(service)

    def written(self) -> tuple[int, ...]:
        """How much was written by now: calls to each engine that runs, and lines of the journal."""
        logs = [self.lab.writes(name) if self.ground.daemons(name) else 0 for name in SERVICES]
        with self._store() as store:
            return (*logs, len(store.journal()))

    @contextlib.contextmanager
    def _store(self) -> Iterator[Store]:
        store = Store.open(str(self.lab.state), write=False)
        try:
            yield store
        finally:
            store.close()


@contextlib.contextmanager
def staged() -> Iterator[Stage]:
    """A stage in a network of its own. What was made is removed at the end, whatever has become of it."""
    with own_network():
        lab = Lab()
        stage = Stage(lab)
        try:
            stage.set_up()
            yield stage
        finally:
            for service in SERVICES:
                for pid in stage.ground.daemons(service):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, 18)
            stage.free_space()
            lab.close()
            stage.foreign.clear()


def _run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout} {done.stderr}"
    return done.stdout
