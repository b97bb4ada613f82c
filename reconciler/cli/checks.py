"""Checks: what osvc needs of a machine, looked at through the host's ports. Nothing is changed; no check ever raises."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator

from reconciler.core.lazy import dataclass
from reconciler.core.node import SYSTEM_SOCKET
from reconciler.engine.config import Config
from reconciler.engine.errors import StoreError
from reconciler.engine.store import Store
from reconciler.host.errors import HostError, NotFound
from reconciler.host.ports import Host
from reconciler.report.check_text import Check, Health
from reconciler.report.texts import listed, plain

_OK, _WARN, _BAD = Health.OK, Health.WARN, Health.BAD


_TOOLS = (
    ("ip", "iproute2", "private engines: bridges and routes"),
    ("arping", "iputils-arping", "addresses: whether another host has one"),
    ("mount", "mount", "filesystems"),
    ("umount", "mount", "filesystems"),
    ("losetup", "mount", "filesystems on a backing file"),
    ("e2fsck", "e2fsprogs", "the check of an ext4 filesystem before it is mounted"),
    ("fsck.fat", "dosfstools", "the check of a vfat filesystem before it is mounted"),
    ("mount.nfs", "nfs-common", "filesystems of type nfs"),
    ("lvm", "lvm2", "volume groups and their volumes"),
    ("kpartx", "kpartx", "the stop of a volume group whose volumes hold partitions"),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the checks look at. root: where /etc, /proc, /sys and /run are found; "" on a real machine."""

    host: Host
    config: Config
    root: str = ""

    def path(self, path: str) -> str:
        return f"{self.root}{path}"

    def text(self, path: str) -> str | None:
        """A file's text, None when it cannot be read."""
        try:
            return self.host.files.read(self.path(path))
        except HostError:
            return None

    def there(self, path: str) -> bool:
        try:
            return self.host.files.stat(self.path(path)) is not None
        except HostError:
            return False


def examine(machine: Machine) -> Iterator[Check]:
    """Every check, in the order in which a person would mend things."""
    for check in _CHECKS:
        try:
            yield from check(machine)
        except HostError as err:
            yield Check(check.__name__.lstrip("_").replace("_", " "), _WARN, f"cannot tell: {plain(str(err))}", "run as root")


def _user(machine: Machine) -> Iterator[Check]:
    if os.geteuid() == 0:
        yield Check("user", _OK, "root")
    else:
        yield Check("user", _WARN, f"uid {os.geteuid()}, not root", "use sudo; validate and plan --snapshot do without")


def _docker_programs(machine: Machine) -> Iterator[Check]:
    yield _version(machine, "dockerd", ("dockerd", "--version"), _BAD, "private engines cannot be started")
    yield _version(machine, "containerd", ("containerd", "--version"), _BAD, "private engines cannot be started")
    yield _version(machine, "docker", ("docker", "--version"), _WARN, "osvc docker has no client to run")


def _version(machine: Machine, name: str, argv: tuple[str, ...], lacking: Health, loss: str) -> Check:
    try:
        answer = machine.host.commands.run(argv, timeout=10.0)
    except NotFound:
        return Check(name, lacking, f"not installed: {loss}", "apt-get install docker.io")
    except HostError as err:
        return Check(name, lacking, f"does not run: {plain(str(err))}", f"run {' '.join(argv)} by hand")
    words = plain(answer.stdout).strip().splitlines()
    return Check(name, _OK, words[0] if words else "installed")


def _system_engine(machine: Machine) -> Iterator[Check]:
    name, socket = "system engine", machine.path(SYSTEM_SOCKET)
    need = "services without docker_data_dir need it"
    remedy = "start docker, or give the service a docker_data_dir"
    if not machine.there(SYSTEM_SOCKET):
        yield Check(name, _WARN, f"no socket {SYSTEM_SOCKET}: {need}", remedy)
        return
    try:
        engine = machine.host.docker.engine(socket)
        engine.ping(3.0)
        info = engine.info()
        yield Check(name, _OK, f"answers: {info.get('ServerVersion', '?')}, {info.get('Driver', '?')}")
    except HostError as err:
        yield Check(
            name, _WARN, f"does not answer: {plain(str(err))}; {need}", "start docker, or give the service a docker_data_dir"
        )


def _cgroups(machine: Machine) -> Iterator[Check]:
    if machine.there("/sys/fs/cgroup/cgroup.controllers"):
        controllers = (machine.text("/sys/fs/cgroup/cgroup.controllers") or "").split()
        lacking = [name for name in ("memory", "cpu", "pids") if name not in controllers]
        version = "version 2"
    else:
        lacking = [name for name in ("memory", "cpu", "pids") if not machine.there(f"/sys/fs/cgroup/{name}")]
        version = "version 1"
    if len(lacking) == 3:
        yield Check("cgroups", _BAD, "none are mounted: no container can run", "mount them on /sys/fs/cgroup")
    elif lacking:
        yield Check(
            "cgroups", _WARN, f"{version}, without {listed(lacking)}: such limits fail", "enable them on the kernel's command line"
        )
    else:
        yield Check("cgroups", _OK, version)


def _firewall(machine: Machine) -> Iterator[Check]:
    try:
        said = plain(machine.host.commands.run(("iptables", "--version"), timeout=10.0).stdout).strip()
    except NotFound:
        yield Check("firewall", _BAD, "no iptables: private engines have no way out", "apt-get install iptables")
        return
    except HostError as err:
        yield Check("firewall", _WARN, f"iptables does not run: {plain(str(err))}", "run iptables --version by hand")
        return
    yield Check("firewall", _OK, said)


def _forwarding(machine: Machine) -> Iterator[Check]:
    if machine.host.net.forwarding():
        yield Check("forwarding", _OK, "net.ipv4.ip_forward is on")
    else:
        yield Check(
            "forwarding", _WARN, "net.ipv4.ip_forward is off: containers do not reach out", "sysctl -w net.ipv4.ip_forward=1"
        )


def _daemon_json(machine: Machine) -> Iterator[Check]:
    name, path = "daemon.json", "/etc/docker/daemon.json"
    text = machine.text(path)
    if text is None:
        yield Check(name, _OK, f"no {path}")
        return
    try:
        data = json.loads(text)
        keys = sorted(data) if isinstance(data, dict) else None
    except ValueError:
        keys = None
    if keys is None:
        yield Check(name, _WARN, f"{path} is not JSON: the system's engine will not start", "mend it")
    else:
        said = f"sets {listed(keys)}" if keys else "is empty"
        yield Check(name, _OK, f"{path} {said}; private engines do not read it")


def _shared_containerd(machine: Machine) -> Iterator[Check]:
    path = "/run/containerd/containerd.sock"
    if machine.there(path):
        yield Check("containerd socket", _OK, f"the system has {path}; private engines have one of their own")
    else:
        yield Check("containerd socket", _OK, f"no {path}; private engines have one of their own")


def _tools(machine: Machine) -> Iterator[Check]:
    for name, package, use in _TOOLS:
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if found:
            yield Check(name, _OK, found)
        else:
            yield Check(name, _WARN, f"not found; needed for {use}", f"apt-get install {package}")


def _filesystems(machine: Machine) -> Iterator[Check]:
    known = {line.split()[-1] for line in (machine.text("/proc/filesystems") or "").splitlines() if line.strip()}
    for name, use, health in (("overlay", "the engines' usual storage", _WARN), ("ext4", "fs of type ext4", _WARN)):
        if name in known:
            yield Check(f"kernel {name}", _OK, "the kernel has it")
        else:
            yield Check(f"kernel {name}", health, f"the kernel has no {name} (yet); needed for {use}", f"modprobe {name}")


def _loop(machine: Machine) -> Iterator[Check]:
    if machine.there("/dev/loop-control"):
        yield Check("loop devices", _OK, "/dev/loop-control is there")
    else:
        yield Check("loop devices", _WARN, "no /dev/loop-control: no filesystem on a backing file", "modprobe loop")


def _folders(machine: Machine) -> Iterator[Check]:
    for name, path, variable in (
        ("state folder", machine.config.state_dir, "OSVC_STATE_DIR"),
        ("run folder", machine.config.run_dir, "OSVC_RUN_DIR"),
    ):
        yield _folder(machine, name, path, variable)
    longest = f"{machine.config.run_dir}/{'n' * 32}/x/libnetwork/{'n' * 12}.sock"
    if len(longest) > 103:
        yield Check("socket paths", _WARN, f"{machine.config.run_dir} is long: sockets end at 103 characters", "set OSVC_RUN_DIR")


def _folder(machine: Machine, name: str, path: str, variable: str) -> Check:
    place = path
    while not os.path.isdir(place) and place != "/":
        place = os.path.dirname(place)
    if not os.access(place, os.W_OK | os.X_OK):
        return Check(name, _WARN, f"{path}: {place} cannot be written by uid {os.geteuid()}", f"run as root, or set {variable}")
    if variable == "OSVC_STATE_DIR":
        try:
            Store.open(path, write=False).close()
        except StoreError as err:
            what, _, remedy = str(err).partition("; ")
            return Check(name, _BAD, what, remedy or f"set {variable}")
    stat = machine.host.files.stat(place)
    if place == path and stat is not None and stat.mode & 0o022:
        return Check(name, _BAD, f"{path} may be written by others", f"chmod go-w {path}")
    return Check(name, _OK, path if place == path else f"{path} (will be made)")


def _specs(machine: Machine) -> Iterator[Check]:
    name, path = "specs folder", machine.config.specs
    stat = machine.host.files.stat(path)
    if stat is None:
        yield Check(name, _OK, f"no {path}: name the specs on the command line")
    elif stat.kind != "dir":
        yield Check(name, _WARN, f"{path} is not a folder", "make it one, or set specs in the node's configuration")
    elif os.geteuid() == 0 and (stat.mode & 0o022 or stat.uid not in (0, int(os.environ.get("SUDO_UID") or 0))):
        yield Check(name, _BAD, f"{path} may be written by others: its specs are refused", f"chown root: {path}; chmod go-w {path}")
    else:
        yield Check(name, _OK, path)


_CHECKS: tuple[Callable[[Machine], Iterator[Check]], ...] = (
    _user,
    _docker_programs,
    _system_engine,
    _shared_containerd,
    _daemon_json,
    _cgroups,
    _firewall,
    _forwarding,
    _tools,
    _filesystems,
    _loop,
    _folders,
    _specs,
)
