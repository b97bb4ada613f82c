"""The fake Docker port: engines in memory, each alive only while its fake dockerd process lives.

    docker = FakeDocker(machine)
    docker.add_image("/srv/web/docker", "osvc/demo:1", demo_image())     # what lies in a data root, engine or not
    docker.system()                                                      # the machine's own engine, always there
    docker.by_hand(socket).remove("web.container.1")                     # somebody else, not osvc: not counted, never fails

A dockerd that osvc spawns is understood from its words and its config file. Containers are processes of the machine (a shim,
the command, a docker-proxy for each published port): killing one is seen as the engine would see it. What a data root holds is
kept by the id in its file `engine-id`, so that it comes and goes with the filesystem; `containers/ID/config.v2.json` and
`hostconfig.json` lie beside it. Restart policies are kept, not acted upon.
"""

import copy
import hashlib
import itertools
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from reconciler.host.docker_ports import LogLine
from reconciler.host.errors import Conflict, Denied, HostError, NotFound, Permanent, Transient
from tests.fakehost.docker_engine import FakeEngine
from tests.fakehost.docker_records import (
    FakeArchive,
    FakeImage,
    Record,
    Script,
    bridge_addresses,
    bridge_name,
    digest_of,
    named,
    on_disk,
    script_of,
    stamp,
)
from tests.fakehost.machine import FakeProcess, Machine
from tests.fakehost.network import FakeLink, plain
from tests.fakehost.processes import listener_of, options_of

SYSTEM = "/var/run/docker.sock"


@dataclass(eq=False)
class FakeContainer:
    record: Record
    process: FakeProcess | None = None
    shim: FakeProcess | None = None
    proxies: list[FakeProcess] = field(default_factory=list)
    said: list[LogLine] = field(default_factory=list)

    @property
    def output(self) -> str:
        return "".join(f"{line.text}\n" for line in self.said)


@dataclass(eq=False)
class FakeData:
    """What lies in a data root. tags: reference -> image id. networks, volumes: those that somebody made, by name."""

    containers: dict[str, FakeContainer] = field(default_factory=dict)
    images: dict[str, FakeImage] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    networks: dict[str, Record] = field(default_factory=dict)
    volumes: dict[str, Record] = field(default_factory=dict)


@dataclass(eq=False)
class FakeDaemon:
    """A dockerd that runs. child: its own containerd; containerd: the socket of the one that it uses."""

    process: FakeProcess
    child: FakeProcess | None
    root: str
    exec_root: str
    containerd: str
    bridge: str
    live_restore: bool
    data: FakeData
    kept: set[str] = field(default_factory=set)
    """Names under which it keeps the bridge's endpoint of a container that is gone."""


class FakeDocker:
    """Implements docker_ports.Docker on a fake machine.

    registry: what can be pulled. registry_fault: what every pull meets instead; pull_faults: what the next ones do, one each.
    scripts: what a container does when it is started, by the first of them that matches its record; otherwise by its command
    (docker_records.script_of).
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.registry: dict[str, FakeImage] = {}
        self.registry_fault: HostError | None = None
        self.pull_faults: list[HostError] = []
        self.archives: dict[str, FakeArchive] = {}
        self.scripts: list[tuple[Callable[[Record], bool], Script]] = []
        self.daemons: list[FakeDaemon] = []
        self._datas: dict[str, FakeData] = {}
        self._engines: dict[str, FakeEngine] = {}
        self._numbers = itertools.count(1)
        self._system: tuple[str, str] | None = None
        machine.on_spawn.append(self._spawned)
        machine.on_exit.append(self._exited)
        machine.on_reboot.append(self._rebooted)

    # What tests set up and look at

    def engine(self, socket: str) -> "FakeEngine":
        return self._engines.setdefault(socket, FakeEngine(self, socket))

    def by_hand(self, socket: str = SYSTEM) -> "FakeEngine":
        """The same engine as another person uses it: no effect is counted, no fault injected."""
        return FakeEngine(self, socket, counted=False)

    def system(self, socket: str = SYSTEM, root: str = "/var/lib/docker") -> FakeProcess:
        """Start the machine's own engine. It comes back after a reboot."""
        machine, self._system = self.machine, (socket, root)
        process = machine.start_process(("dockerd", "--host", f"unix://{socket}", "--data-root", root), exe="/usr/sbin/dockerd")
        machine.tree.make_dir(os.path.dirname(socket), 0o755)
        path = machine.tree.walk(socket).path
        machine.tree.remove(path)
        machine.tree.put(path, "socket", 0o660)
        process.sockets.append(path)
        self._spawned(process)
        return process

    def data(self, root: str) -> FakeData:
        """What lies in a data root now; a new, empty one when nothing does. Makes the folder."""
        tree = self.machine.tree
        tree.make_dir(root, 0o710)
        ident = tree.read(f"{root}/engine-id", 1 << 20)
        if ident is None:
            ident = f"engine-{next(self._numbers)}"
            tree.write(f"{root}/engine-id", ident, 0o600)
            for folder in ("containers", "image", "overlay2", "volumes"):
                tree.make_dir(f"{root}/{folder}", 0o710)
        return self._datas.setdefault(ident, FakeData())

    def add_image(self, root: str, ref: str, image: FakeImage) -> str:
        """Put an image into a data root. Its id."""
        data = self.data(root)
        data.images[image.id] = image
        data.tags[named(ref)] = image.id
        return image.id

    def add_archive(self, path: str, image: FakeImage, *refs: str, rootfs: bool = False) -> None:
        """Put an image archive among the machine's files."""
        self.machine.add_file(path, "an archive")
        self.archives[path] = FakeArchive(image, None if rootfs else tuple(named(ref) for ref in refs))

    def remote(self, ref: str) -> FakeImage | None:
        """What the registry has under a name, or of a digest."""
        repository, at, digest = named(ref).partition("@")
        if not at:
            return self.registry.get(repository)
        known = (image for name, image in self.registry.items() if named(name).rpartition(":")[0] == repository)
        return next((image for image in known if digest_of(image) == digest), None)

    def say(self, container: FakeContainer, text: str) -> None:
        """Have a container write these lines, each at a time of its own."""
        second = int(self.machine.now().timestamp()) * 10**9
        container.said += [LogLine(second + next(self._numbers), line) for line in text.splitlines()]

    def script(self, matching: Callable[[Record], bool], script: Script) -> None:
        """From now on, what containers do whose record matches."""
        self.scripts.insert(0, (matching, script))

    # The daemon's life

    def alive(self, socket: str) -> FakeDaemon:
        """The daemon behind a socket. Raises Transient."""
        found = self.machine.tree.find(socket)
        if found is None or found.kind != "socket":
            raise Transient(f"no engine answers on {socket}: there is no such socket")
        process = listener_of(self.machine, socket)
        for daemon in self.daemons:
            if daemon.process is process:
                return daemon
        raise Transient(f"no engine answers on {socket}: connection refused")

    def _spawned(self, process: FakeProcess) -> None:
        """A dockerd is up: sockets, pid file and folders are there already."""
        if os.path.basename(process.argv[0]) != "dockerd":
            return
        options = self._options(process)
        try:
            data = self.data(options["data-root"])
            if any(daemon.data is data for daemon in self.daemons):
                raise Permanent("error while opening volume store metadata database: timeout")
        except HostError as error:
            if process.log:
                self.machine.tree.append(process.log, f"failed to start daemon: {error}\n")
            self.machine.end_process(process, clean=True)
            return
        self.machine.hold(process, options["data-root"])
        child = None
        if not options["containerd"]:
            words = ("containerd", "--config", f"{options['exec-root']}/containerd/containerd.toml")
            child = self.machine.start_process(words, parent=process.pid)
        address = options["containerd"] or f"{options['exec-root']}/containerd/containerd.sock"
        live = options["live-restore"].lower() == "true"
        daemon = FakeDaemon(process, child, options["data-root"], options["exec-root"], address, options["bridge"], live, data)
        self.daemons.append(daemon)
        for network in data.networks.values():
            self.bridge(network)
        for container in data.containers.values():
            if container.record["State"]["Running"]:
                self._restore(daemon, container)

    def bridge(self, network: Record) -> None:
        """Make the bridge of a network, unless it is there: a daemon that ends leaves its bridges behind."""
        if network["Driver"] == "bridge":
            name = bridge_name(network)
            assigned = [plain(cidr, name) for cidr in bridge_addresses(network)]
            self.machine.net.links.setdefault(name, FakeLink("bridge", True, assigned))

    def _options(self, process: FakeProcess) -> dict[str, str]:
        """The settings of a dockerd: its own defaults, its config file, its command line."""
        given = {name.lstrip("-"): values[-1] or "true" for name, values in options_of(process.argv).items()}
        file = self.machine.tree.read(given.get("config-file", "/etc/docker/daemon.json"), 1 << 20)
        configured = {key: str(value) for key, value in json.loads(file or "{}").items() if not isinstance(value, list | dict)}
        defaults = {
            "data-root": "/var/lib/docker",
            "exec-root": "/var/run/docker",
            "containerd": "",
            "bridge": "",
            "live-restore": "false",
        }
        return {**defaults, **configured, **given}

    def _restore(self, daemon: FakeDaemon, container: FakeContainer) -> None:
        """What a daemon does with a container that ran when its predecessor ended."""
        if container.process is not None and daemon.live_restore:
            self._proxy(daemon, container)
            return
        code = 255 if container.process is None else 137
        before = copy.deepcopy(container.record["NetworkSettings"])
        self.stop_process(container)
        self.ended(daemon, container, code)
        container.record["NetworkSettings"].update(Ports=before["Ports"])
        self.save(daemon, container)

    def _rebooted(self) -> None:
        if self._system is not None:
            self.system(*self._system)

    def _exited(self, process: FakeProcess, clean: bool) -> None:
        for daemon in list(self.daemons):
            if daemon.process is process:
                self._daemon_ended(daemon, clean)
        for data in self._datas.values():
            for container in data.containers.values():
                if container.process is process:
                    container.process = None
                    for daemon in self.daemons:
                        if daemon.data is data:
                            self.ended(daemon, container, 137)

    def _daemon_ended(self, daemon: FakeDaemon, clean: bool) -> None:
        for container in daemon.data.containers.values():
            for proxy in container.proxies:
                self.machine.end_process(proxy, clean=True)
            container.proxies.clear()
            if clean and not daemon.live_restore and container.process is not None:
                self.stop_process(container)
                self.ended(daemon, container, 137)
        self.daemons.remove(daemon)
        if daemon.child is not None:
            self.machine.end_process(daemon.child, clean=clean)

    # Containers

    def run(self, daemon: FakeDaemon, container: FakeContainer) -> None:
        """Start the command of a container. Raises Conflict, NotFound, Permanent, with the state that a real engine leaves."""
        record, machine = container.record, self.machine
        try:
            script = self._admit(daemon, container)
        except HostError as error:
            record["State"].update(Error=str(error), ExitCode=127 if "executable file" in str(error) else 128)
            self.save(daemon, container)
            raise
        for mount in record["Mounts"]:
            machine.tree.make_dir(mount["Source"], 0o755)
        self.say(container, script.output)
        now = self.now()
        home = f"{daemon.root}/containers/{record['Id']}"
        record["HostConfig"]["Runtime"] = "runc"
        for key, file in (("HostnamePath", "hostname"), ("HostsPath", "hosts"), ("ResolvConfPath", "resolv.conf")):
            record[key] = f"{home}/{file}"
        record["LogPath"] = f"{home}/{record['Id']}-json.log"
        record["State"].update(Status="running", Running=True, ExitCode=0, Error="", StartedAt=now)
        if script.code is not None:
            self.ended(daemon, container, script.code)
            return
        shim = ("containerd-shim-runc-v2", "-namespace", "moby", "-id", record["Id"], "-address", daemon.containerd)
        container.shim = machine.start_process(shim)
        container.process = machine.start_process((record["Path"], *record["Args"]), parent=container.shim.pid)
        record["State"]["Pid"] = container.process.pid
        machine.hold(container.shim, daemon.root)
        for mount in record["Mounts"]:
            machine.hold(container.process, mount["Source"])
        self.publish(daemon, container)
        self.save(daemon, container)

    def _admit(self, daemon: FakeDaemon, container: FakeContainer) -> Script:
        record = container.record
        mode = record["HostConfig"]["NetworkMode"]
        if mode not in ("default", "bridge", "host", "none") and not mode.startswith("container:"):
            there, joined = daemon.data.networks.get(mode), record["NetworkSettings"]["Networks"].get(mode) or {}
            if there is None or joined.get("NetworkID") not in ("", None, there["Id"]):
                raise NotFound(f"network {joined.get('NetworkID') or mode} not found")
        if record["Name"][1:] in daemon.kept and mode in ("default", "bridge"):
            raise Denied(f"endpoint with name {record['Name'][1:]} already exists in network bridge")
        for protocol, address, port in self._ports(daemon, record):
            failed = f"driver failed programming external connectivity on endpoint {record['Name'][1:]} ({record['Id']}): "
            for other in daemon.data.containers.values():
                if other is not container and other.proxies and (protocol, address, port) in self._ports(daemon, other.record):
                    raise Conflict(f"{failed}Bind for {address}:{port} failed: port is already allocated")
            if self._listens(protocol, address, port):
                raise Conflict(
                    f"{failed}Error starting userland proxy: listen {protocol}4 {address}:{port}: bind: address already in use"
                )
        script = next((script for matching, script in self.scripts if matching(record)), None) or script_of(record)
        if script.missing:
            raise Permanent(
                "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
                f'exec: "{script.missing}": executable file not found in $PATH: unknown'
            )
        return script

    def _listens(self, protocol: str, address: str, port: int) -> bool:
        wild = ("0.0.0.0", "::", "")
        return any(
            (kind, number) == (protocol, port) and (there == address or there in wild or address in wild)
            for process in self.machine.processes.values()
            for kind, there, number in process.ports
        )

    @staticmethod
    def _published(daemon: FakeDaemon, record: Record) -> dict[str, list[dict[str, str]]]:
        """What is published, as inspect shows it: bindings of ports that the configuration exposes, and of no others; nothing where
        no bridge leads to the world."""
        mode = record["HostConfig"]["NetworkMode"]
        made = daemon.data.networks.get(mode)
        if mode not in ("default", "bridge") and (made is None or made["Internal"] or made["Driver"] != "bridge"):
            return {}
        exposed, found = record["Config"].get("ExposedPorts") or {}, {}
        for port, bindings in (record["HostConfig"]["PortBindings"] or {}).items():
            if port in exposed:
                found[port] = [
                    {"HostIp": address, "HostPort": binding.get("HostPort") or "49153"}
                    for binding in bindings or ()
                    for address in ([binding["HostIp"]] if binding.get("HostIp") else ["0.0.0.0", "::"])
                ]
        return found

    def _ports(self, daemon: FakeDaemon, record: Record) -> list[tuple[str, str, int]]:
        """(protocol, address, port) of what is published."""
        return [
            (port.partition("/")[2] or "tcp", binding["HostIp"], int(binding["HostPort"]))
            for port, bindings in self._published(daemon, record).items()
            for binding in bindings
        ]

    def publish(self, daemon: FakeDaemon, container: FakeContainer) -> None:
        """Give a running container its addresses and its proxies."""
        record = container.record
        network = record["NetworkSettings"]
        network["Ports"] = dict.fromkeys(record["Config"].get("ExposedPorts") or ()) | self._published(daemon, record)
        network.update(SandboxID=record["Id"][::-1], SandboxKey=f"{daemon.exec_root}/netns/{record['Id'][:12]}")
        for name, endpoint in network["Networks"].items():
            ident = daemon.data.networks[name]["Id"] if name in daemon.data.networks else "n" * 64
            endpoint.update(NetworkID=ident, EndpointID=hashlib.sha256(record["Id"].encode()).hexdigest())
        if "bridge" in network["Networks"]:
            address = {"IPAddress": f"172.17.0.{next(self._numbers) % 250 + 2}", "IPPrefixLen": 16, "Gateway": "172.17.0.1"}
            network["Networks"]["bridge"].update(address)
            network.update(address)
        self._proxy(daemon, container)

    def _proxy(self, daemon: FakeDaemon, container: FakeContainer) -> None:
        """Start a proxy for each published port."""
        for protocol, there, number in self._ports(daemon, container.record):
            words = ("docker-proxy", "-proto", protocol, "-host-ip", there, "-host-port", str(number))
            proxy = self.machine.start_process(words, parent=daemon.process.pid, ports=[(protocol, there, number)])
            container.proxies.append(proxy)

    def stop_process(self, container: FakeContainer) -> None:
        """End a container's processes, without the engine's taking notice."""
        process, container.process = container.process, None
        if process is not None:
            self.machine.end_process(process, clean=True)

    def ended(self, daemon: FakeDaemon, container: FakeContainer, code: int) -> None:
        """The engine notices that a container has ended."""
        record = container.record
        for process in (*container.proxies, container.shim):
            if process is not None:
                self.machine.end_process(process, clean=True)
        container.proxies, container.shim, container.process = [], None, None
        record["State"].update(
            Status="exited", Running=False, Paused=False, Restarting=False, Pid=0, ExitCode=code, FinishedAt=self.now()
        )
        network = record["NetworkSettings"]
        network.update(Ports={}, IPAddress="", IPPrefixLen=0, Gateway="", EndpointID="")
        for endpoint in network["Networks"].values():
            endpoint.update(IPAddress="", IPPrefixLen=0, Gateway="", EndpointID="")
        self.save(daemon, container)

    def save(self, daemon: FakeDaemon, container: FakeContainer) -> None:
        """Write what the engine keeps of a container into its data root."""
        home = f"{daemon.root}/containers/{container.record['Id']}"
        with suppress(NotFound):
            for file, text in on_disk(container.record).items():
                self.machine.tree.write(f"{home}/{file}", text, 0o600)

    def now(self) -> str:
        return stamp(self.machine.now(), next(self._numbers))

    def keep(self, daemon: FakeDaemon, record: Record) -> FakeContainer:
        """Take a new container into a daemon's data."""
        container = daemon.data.containers[record["Id"]] = FakeContainer(record)
        return container

    def new_id(self) -> str:
        return hashlib.sha256(f"container {next(self._numbers)}".encode()).hexdigest()
