"""Private engines on the real machine, driven by their driver alone; and what the machine looked like before and after."""

import contextlib
import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.action import Action
from reconciler.core.change import Change
from reconciler.core.diff import diff_down, diff_up
from reconciler.core.ids import ResourceId
from reconciler.core.node import Node, Place
from reconciler.core.observed import Observed, Present, Unknown
from reconciler.core.ownership import Owned
from reconciler.core.policy import Policy
from reconciler.host.linux.host import linux_host
from reconciler.host.ports import Host
from reconciler.resources import firewall
from reconciler.resources.dockerd.driver import DRIVER
from reconciler.resources.dockerd.model import Desired, State
from reconciler.resources.dockerd.observing import is_dockerd
from reconciler.resources.dockerd.planning import KIND
from reconciler.resources.driver import Wanted
from tests.integration.netlab import run
from tools.make_image import write_image

IMAGE = "osvc/demo:1"
CGROUPS = Path("/sys/fs/cgroup")


@dataclass
class Service:
    """One service's engine. owned: what a store would remember of it."""

    name: str
    node: Node
    host: Host
    raw: dict[str, object]
    owned: Owned | None = None

    @property
    def id(self) -> ResourceId:
        return ResourceId(self.name, "dockerd")

    @property
    def desired(self) -> Desired:
        return Desired.model_validate(self.raw, context=Place(self.name, "dockerd", self.node))

    def observe(self, *, remember: bool = False) -> Observed:
        """See the engine. remember: what was seen, as the store does in a run; looking and planning remember nothing."""
        seen = DRIVER.observe([Wanted(self.id, self.desired, self.owned)], self.host)[self.id]
        if remember and self.owned is not None and not isinstance(seen, Unknown):
            self.owned = Owned("dockerd", self.owned.wanted, self.owned.applied, seen)
        return seen

    def state(self) -> State:
        seen = self.observe()
        assert isinstance(seen, Present), seen
        assert isinstance(seen.state, State)
        return seen.state

    def plan_up(self) -> Change:
        return diff_up(KIND, "dockerd", self.desired, self.observe(), self.owned, Policy())

    def plan_down(self) -> Change:
        last = self.owned.applied if self.owned and self.owned.applied else self.desired
        return diff_down(KIND, "dockerd", last, self.observe(), self.owned, remove=False)

    def perform(self, change: Change) -> list[Action]:
        """Do a change's moves in the order of their slots; each must be seen to have been done."""
        moves = KIND.moves(change)
        done: list[Action] = []
        for action in (*moves.prepare, *moves.down, *moves.live, *moves.up, *moves.commit):
            DRIVER.perform(self.id, action, self.host, lambda text: None)
            seen = self.observe(remember=True)
            assert not isinstance(seen, Unknown), (action.op, seen)
            assert action.shown(seen), (action.op, seen)
            done.append(action)
        return done

    def up(self) -> list[Action]:
        change = self.plan_up()
        done = self.perform(change)
        self.owned = Owned("dockerd", change.desired, change.desired)
        self.observe(remember=True)
        return done

    def down(self) -> list[Action]:
        return self.perform(self.plan_down())

    def docker(self, *words: str) -> str:
        return docker(self.desired.socket, *words)

    def load(self, archive: str) -> None:
        self.host.docker.engine(self.desired.socket).load(archive, IMAGE, 60.0)

    def web(self, name: str, port: int, text: str) -> None:
        """A container that answers HTTP on a published port."""
        script = f"mkdir -p /w && echo -n {text} >/w/index.html && exec httpd -f -p 80 -h /w"
        labels = ("--label", f"osvc.service={self.name}", "--label", f"osvc.rid=container#{name}")
        self.docker("run", "-d", "--name", name, *labels, "-p", f"{port}:80", IMAGE, "/bin/sh", "-c", script)


def docker(socket: str, *words: str) -> str:
    env = {key: value for key, value in os.environ.items() if not key.startswith("DOCKER")}
    done = subprocess.run(
        ["docker", "-H", f"unix://{socket}", *words], capture_output=True, text=True, timeout=60, check=False, env=env
    )
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stdout} {done.stderr}"
    return done.stdout.strip()


class EngineLab:
    """A folder below /tmp with services in it. What is left of them at the end is torn down by the lab, by pid and by name."""

    def __init__(self) -> None:
        self.dir = Path(tempfile.mkdtemp(prefix="o-", dir="/tmp"))
        self.node = Node(name="n1", run_dir=f"{self.dir}/r", state_dir=f"{self.dir}/s")
        self.host = linux_host(self.node, store="11111111-1111-4111-8111-111111111111")
        self.key = Path("/etc/docker/key.json")
        self.had_key = self.key.exists()
        self.alone = not any(is_dockerd(process) for process in self.host.processes.all())
        self.archive = f"{self.dir}/demo.tar"
        self.services: list[Service] = []
        self.systems: list[SystemEngine] = []
        write_image(self.archive, IMAGE)

    def service(self, name: str, **raw: object) -> Service:
        made = Service(name, self.node, self.host, {"container_data_dir": f"{self.dir}/d-{name}", **raw})
        self.services.append(made)
        return made

    def system(self) -> "SystemEngine":
        made = SystemEngine(self.dir / f"sys{len(self.systems)}")
        self.systems.append(made)
        return made

    def __enter__(self) -> "EngineLab":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes():
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        for system in self.systems:
            system.clean()
        for mount in reversed(self.host.mounts.table()):
            if mount.target.startswith(f"{self.dir}/"):
                subprocess.run(["umount", "-l", mount.target], capture_output=True, check=False)
        for made in self.services:
            desired = made.desired
            rules = [
                rule for rule in self.host.net.rules() if firewall.ours(rule, desired.chain) or firewall.inner(rule, desired.chain)
            ]
            for words in firewall.remove(rules):
                subprocess.run(words, capture_output=True, check=False)
            for digits in {firewall.inner(rule, desired.chain) for rule in rules} - {""}:
                subprocess.run(["ip", "link", "delete", f"{firewall.BRIDGE}{digits}"], capture_output=True, check=False)
            subprocess.run(["ip", "link", "delete", desired.bridge], capture_output=True, check=False)
            for name in desired.cgroups():
                with contextlib.suppress(Exception):
                    self.host.processes.drop_cgroup(name)
        memory = Path(f"{self.node.run_dir}/forwarding")
        if memory.exists() and memory.read_text().strip() == "0":
            run("sysctl", "-w", "net.ipv4.ip_forward=0")
        if not self.had_key:
            self.key.unlink(missing_ok=True)
        for path in ("/run/containerd/s", "/run/containerd", "/run/docker/plugins", "/run/docker"):
            with contextlib.suppress(OSError):
                os.rmdir(path)
        shutil.rmtree(self.dir, ignore_errors=True)

    def processes(self) -> list[int]:
        """The pids whose words name the lab's folder, and all that they started."""
        return [pid for pid, _ in self.named()]

    def named(self) -> list[tuple[int, str]]:
        parents: dict[int, int] = {}
        words: dict[int, str] = {}
        for process in self.host.processes.all():
            with contextlib.suppress(OSError, ValueError):
                parents[process.pid] = int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[1])
            words[process.pid] = " ".join(process.argv)
        mine = {pid for pid, text in words.items() if f"{self.dir}/" in text and pid != os.getpid()}
        grown = True
        while grown:
            more = {pid for pid, parent in parents.items() if parent in mine} - mine
            mine |= more
            grown = bool(more)
        return sorted((pid, words[pid]) for pid in mine if pid != os.getpid())


class SystemEngine:
    """What stands for the system's engine: a dockerd with its firewall on, its own bridge, socket and data root."""

    def __init__(self, folder: Path) -> None:
        self.dir = folder
        self.bridge = f"osys{folder.name[3:]}-{secrets.token_hex(3)}"
        self.socket = f"{folder}/s"
        self.number = 40 + int(folder.name[3:])
        self.process: subprocess.Popen[bytes] | None = None
        self.before: str = ""

    def start(self, archive: str) -> None:
        self.dir.mkdir(exist_ok=True)
        self.before = self.before or run("iptables-save")
        (self.dir / "c.json").write_text(json.dumps({"cgroup-parent": f"/{self.bridge}"}))
        if self.bridge not in run("ip", "-br", "link"):
            run("ip", "link", "add", "name", self.bridge, "type", "bridge")
            run("ip", "addr", "add", f"10.199.{self.number}.1/24", "dev", self.bridge)
            run("ip", "link", "set", self.bridge, "up")
        argv = ["dockerd", "--config-file", f"{self.dir}/c.json", "-H", f"unix://{self.socket}", "-p", f"{self.dir}/pid"]
        argv += ["--data-root", f"{self.dir}/d", "--exec-root", f"{self.dir}/x", "--bridge", self.bridge, "--storage-driver", "vfs"]
        with open(f"{self.dir}/log", "ab") as log:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while subprocess.run(["docker", "-H", f"unix://{self.socket}", "version"], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, Path(f"{self.dir}/log").read_text()[-2000:]
            assert self.process.poll() is None, Path(f"{self.dir}/log").read_text()[-2000:]
            time.sleep(0.1)
        docker(self.socket, "load", "-i", archive)

    def web(self, name: str, port: int, text: str) -> None:
        script = f"mkdir -p /w && echo -n {text} >/w/index.html && exec httpd -f -p 80 -h /w"
        docker(self.socket, "run", "-d", "--name", name, "-p", f"{port}:80", IMAGE, "/bin/sh", "-c", script)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def clean(self) -> None:
        """What a dockerd leaves of its firewall is taken away: the rules that were not there before it."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)
        subprocess.run(["ip", "link", "delete", self.bridge], capture_output=True, check=False)
        for folder in CGROUPS.glob(f"*/{self.bridge}"):
            for path, _, _ in os.walk(folder, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(path)
        remove_rules_since(self.before)


def remove_rules_since(before: str) -> None:
    """Delete the rules and chains that stand in the firewall now and did not before, and put policies back."""

    def lines(text: str) -> list[tuple[str, str]]:
        table, found = "", []
        for line in text.splitlines():
            if line.startswith("*"):
                table = line[1:].strip()
            elif line.startswith((":", "-")):
                found.append((table, line.partition(" [")[0] if line.startswith(":") else line))
        return found

    old, now = lines(before), lines(run("iptables-save"))
    fresh = [item for item in now if item not in old and "OSVC-" not in item[1]]
    for table, line in fresh:
        if line.startswith("-A"):
            subprocess.run(["iptables", "-w", "-t", table, "-D", *shlex.split(line)[1:]], capture_output=True, check=False)
    for table, line in fresh:
        if line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            words = ["-X", chain] if policy == "-" else ["-P", chain, "ACCEPT"]
            subprocess.run(["iptables", "-w", "-t", table, *words], capture_output=True, check=False)


def picture(lab: EngineLab) -> dict[str, object]:
    """What must be the same before and after."""
    tags = (*(made.desired.cgroup for made in lab.services), *(made.bridge for made in lab.systems))
    tags = (*tags, *(("docker",) if lab.alone else ()))
    rules = {rule for rule in lab.host.net.rules() if not rule.endswith(" ACCEPT") or " -P " not in rule}
    return {
        "links": {link.name for link in lab.host.net.links()},
        "routes": set(lab.host.net.routes()),
        "rules": rules,
        "forwarding": lab.host.net.forwarding(),
        "mounts": {mount.target for mount in lab.host.mounts.table() if str(lab.dir) in mount.target},
        "cgroups": {str(path) for path in CGROUPS.glob("*/*") if path.is_dir() and path.name.startswith(tags)},
        "run": {name for name in ("docker", "containerd", "netns") if lab.alone and _holds_files(f"/run/{name}")},
        "etc": set(os.listdir("/etc/docker")) - {"key.json"} if os.path.isdir("/etc/docker") else set(),
        "processes": {text for _, text in lab.named()},
        "files": {path.name for path in lab.dir.iterdir() if not path.name.startswith("d-")},
    }


def _holds_files(folder: str) -> bool:
    """Empty folders that every engine makes, also one of the system's, are as good as absent."""
    return any(files for _, _, files in os.walk(folder))
