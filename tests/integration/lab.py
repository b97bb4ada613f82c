"""Lab: a place of its own on the real machine, where the real osvc is run as a user runs it.

Everything lies in one short folder: specs, state, run folder, data roots, backing files. Closing it ends what osvc started
(through osvc first, then by pid), and the machine must then be as it was.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from reconciler.core.node import Node
from reconciler.host.docker_ports import Engine
from reconciler.host.linux.docker import LinuxDocker
from reconciler.host.linux.net import parse
from reconciler.resources import firewall
from tests.integration.netlab import run
from tools.make_image import write_image

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "osvc/demo:1"
CGROUPS = Path("/sys/fs/cgroup")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


class Lab:
    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="o-", dir="/tmp"))
        self.specs = self.root / "services.d"
        self.state, self.run_dir = self.root / "state", self.root / "r"
        self.specs.mkdir()
        self.config = self.root / "osvc.yaml"
        self.config.write_text(f"specs: {self.specs}\nnode: lab\n")
        self.config.chmod(0o600)
        self.node = Node("lab", run_dir=str(self.run_dir), state_dir=str(self.state))
        self.docker = LinuxDocker()
        self._archives: dict[str, Path] = {}
        self._forwarding = FORWARDING.read_text()

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "OSVC_STATE_DIR": str(self.state),
            "OSVC_RUN_DIR": str(self.run_dir),
            "OSVC_CONFIG": str(self.config),
            "PYTHONPATH": str(ROOT),
        }

    def archive(self, tag: str = IMAGE, revision: int = 1) -> str:
        """The demo image under this tag, as an archive."""
        if tag not in self._archives:
            path = self.root / f"{tag.replace('/', '-').replace(':', '-')}.tar"
            write_image(str(path), tag, revision=revision)
            self._archives[tag] = path
        return str(self._archives[tag])

    def container(self, tag: str = IMAGE, revision: int = 1, **more: Any) -> dict[str, Any]:
        """The keywords of a container that sleeps."""
        words = {
            "type": "docker",
            "image": tag,
            "image_archive": self.archive(tag, revision),
            "command": "sleep 100000",
            "stop_timeout": 2,
        }
        return words | more

    def backing_file(self, name: str, size_mb: int = 96) -> str:
        """A file with an ext4 filesystem in it."""
        path = self.root / name
        with path.open("wb") as file:
            file.truncate(size_mb << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(path)], check=True)
        return str(path)

    def write(self, name: str, spec: dict[str, Any] | str) -> Path:
        """Write a spec; a dict becomes YAML."""
        path = self.specs / name
        path.write_text(spec if isinstance(spec, str) else yaml.safe_dump(spec, sort_keys=False))
        path.chmod(0o600)
        return path

    def service(self, name: str, count: int, **changes: Any) -> dict[str, Any]:
        """A service of so many sleeping containers with an engine of its own, written to its file. changes: `c3={...}`."""
        resources = {f"container#{n}": self.container() | changes.get(f"c{n}", {}) for n in range(1, count + 1)}
        spec = {"docker_data_dir": f"{self.root}/d/{name}", "resources": resources}
        self.write(f"{name}.yaml", spec)
        return spec

    def osvc(self, *words: str, ok: tuple[int, ...] = (0,), timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Run the command line. Fails when its exit code is not among `ok`."""
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *words],
            env=self.env,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode in ok, f"osvc {' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def apply(self, *words: str, ok: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        return self.osvc("apply", "--yes", str(self.specs), *words, ok=ok)

    def plan(self, *words: str, ok: tuple[int, ...] = (0, 2)) -> subprocess.CompletedProcess[str]:
        return self.osvc("plan", str(self.specs), *words, ok=ok)

    def converged(self) -> None:
        """A plan has nothing to do."""
        self.plan(ok=(0,))

    def touched(self) -> set[str]:
        """The rids that a plan would act on."""
        document = json.loads(self.plan("--json").stdout)
        return {step["rid"] for plan in document["services"] for step in plan["steps"]}

    def engine(self, service: str) -> Engine:
        return self.docker.engine(f"{self.node.service_dir(service)}/docker.sock")

    def containers(self, service: str) -> dict[str, dict[str, Any]]:
        """name -> inspect, of every container of a service's engine."""
        engine = self.engine(service)
        return {found["Name"].lstrip("/"): found for found in (engine.inspect(one["Id"]) for one in engine.containers())}

    def running(self, service: str) -> dict[str, str]:
        """name -> id, of what runs."""
        return {name: found["Id"] for name, found in self.containers(service).items() if found["State"]["Running"]}

    def writes(self, service: str) -> int:
        """How many calls that change something the engine has been asked for; it must run with --debug."""
        log = Path(f"{self.node.service_dir(service)}/docker.log").read_text(errors="replace")
        return sum(log.count(f"Calling {method} ") for method in ("POST", "PUT", "DELETE"))

    def processes(self) -> dict[int, list[str]]:
        """pid -> words, of every process whose words name the lab's folder."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                    if any(str(self.root) in word for word in words):
                        found[int(entry.name)] = words
        return found

    def _runs(self) -> set[int]:
        """The pids of what was started here as a user starts it, osvc itself among them, by its environment."""
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    if f"OSVC_STATE_DIR={self.state}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                        found.add(int(entry.name))
        return found

    def daemon(self, service: str) -> int:
        """The pid of a service's dockerd."""
        return int(Path(f"{self.node.service_dir(service)}/docker.pid").read_text())

    def containerd(self, service: str) -> int:
        """The pid of the containerd of a service's engine."""
        config = f"{self.node.service_dir(service)}/containerd.toml"
        (pid,) = [pid for pid, words in self.processes().items() if words[1:3] == ["--config", config]]
        return pid

    def kill(self, pid: int) -> None:
        """SIGKILL, and wait until it is gone."""
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it went, before its file was opened, or was read
            while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z" and time.monotonic() < deadline:
                time.sleep(0.02)

    def close(self) -> None:
        """End and remove everything. What osvc left although it was asked to stop is removed as well, by pid and by path."""
        try:
            if self.state.exists():
                names = [path.stem for path in self.specs.iterdir()]
                with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                    if names:
                        self.osvc("stop", *sorted(names), ok=tuple(range(256)), timeout=120)
        finally:
            self._sweep()

    def _sweep(self) -> None:
        children = self._descendants({*self.processes(), *self._runs()})
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < deadline:
            time.sleep(0.05)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            target = line.split()[4]
            if target.startswith(f"{self.root}/"):
                subprocess.run(["umount", "-l", "--", target], check=False)
        for name in {
            *(path.stem for path in self.specs.iterdir()),
            *(path.name for path in self.run_dir.glob("*") if path.is_dir()),
        }:
            tag = self.node.tag(name)
            _drop_rules(firewall.chain(tag))
            if Path(f"/sys/class/net/osvc-{tag}").exists():
                subprocess.run(["ip", "link", "del", f"osvc-{tag}"], check=False)
            for top in (folder for hierarchy in [CGROUPS, *CGROUPS.glob("*/")] for folder in hierarchy.glob(f"osvc-{tag}*")):
                for folder, _, _ in os.walk(top, topdown=False):
                    with contextlib.suppress(OSError):
                        os.rmdir(folder)
        if not list(Path("/sys/class/net").glob("osvc-*")):
            FORWARDING.write_text(self._forwarding)
        shutil.rmtree(self.root, ignore_errors=True)

    @staticmethod
    def _descendants(roots: set[int]) -> set[int]:
        children: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    children.setdefault(parent, []).append(int(entry.name))
        found, todo = set(), list(roots)
        while todo:
            pid = todo.pop()
            if pid not in found and pid not in (1, os.getpid()):
                found.add(pid)
                todo += children.get(pid, [])
        return found


def _drop_rules(chain: str) -> None:
    """Remove one service's chains, those of its networks, their bridges and the jumps to them, where osvc could not."""
    rules = [rule for rule in parse(run("iptables-save")) if firewall.ours(rule, chain) or firewall.inner(rule, chain)]
    for words in firewall.remove(rules):
        subprocess.run(words, check=False)
    for digits in {firewall.inner(rule, chain) for rule in rules} - {""}:
        subprocess.run(["ip", "link", "delete", f"{firewall.BRIDGE}{digits}"], capture_output=True, check=False)


@contextlib.contextmanager
def laboratory() -> Iterator[Lab]:
    lab = Lab()
    try:
        yield lab
    finally:
        if os.environ.get("OSVC_KEEP_FAILED") != "1" or sys.exc_info()[0] is None:
            lab.close()
