"""One engine of the fake Docker port: docker_ports.Engine, call by call, with a real engine's refusals in its own words."""

import copy
import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from reconciler.host.docker_ports import Pulled
from reconciler.host.errors import Conflict, Denied, HostError, NotFound, Permanent, Transient
from reconciler.host.linux.docker import Calls
from reconciler.host.linux.docker_archive import references
from reconciler.host.text import first_line, printable
from tests.fakehost.docker_records import (
    NAME,
    FakeImage,
    Record,
    bridge_name,
    digest_of,
    listed,
    listed_image,
    named,
    new_container,
    pulled_lines,
    read_archive,
    template,
)
from tests.fakehost.logs import FakeLog

if TYPE_CHECKING:
    from tests.fakehost.docker import FakeContainer, FakeDaemon, FakeDocker


def _alone(method: Callable[..., Any]) -> Callable[..., Any]:
    """A read sees the machine at one moment: several threads of osvc work on it at once."""

    @functools.wraps(method)
    def read(self: "FakeEngine", *words: Any, **more: Any) -> Any:
        with self._machine.lock:
            return method(self, *words, **more)

    return read


class FakeEngine:
    """The engine behind a socket. calls: how often it was asked and told, whether or not it answered."""

    def __init__(self, docker: "FakeDocker", socket: str, *, counted: bool = True) -> None:
        self.socket = socket
        self.calls = Calls()
        self._docker = docker
        self._machine = docker.machine
        self._counted = counted

    # Reading

    @_alone
    def ping(self, timeout: float = 3.0) -> None:
        self._read("ping")

    @_alone
    def info(self) -> Record:
        daemon = self._read("info")
        found: Record = template("info.json")
        states = [container.record["State"]["Status"] for container in daemon.data.containers.values()]
        found.update(
            ID=daemon.root,
            DockerRootDir=daemon.root,
            LiveRestoreEnabled=daemon.live_restore,
            Containers=len(states),
            ContainersRunning=states.count("running"),
            ContainersPaused=states.count("paused"),
            ContainersStopped=states.count("exited") + states.count("created"),
            Images=len(daemon.data.images),
        )
        return found

    @_alone
    def containers(self, labels: Mapping[str, str] | None = None) -> list[Record]:
        daemon = self._read("containers")
        found = []
        for container in daemon.data.containers.values():
            if not (labels or {}).items() <= (container.record["Config"]["Labels"] or {}).items():
                continue
            asked = container.record["Config"]["Image"]
            still = daemon.data.tags.get(named(asked)) == container.record["Image"]
            found.append(copy.deepcopy(listed(container.record, asked if still else container.record["Image"])))
        return found[::-1]

    @_alone
    def inspect(self, container: str) -> Record:
        daemon = self._read(f"inspect {container}")
        return copy.deepcopy(self._find(daemon, container).record)

    @_alone
    def images(self, *, inner: bool = False) -> list[Record]:
        daemon = self._read("images")
        return [listed_image(self._image_record(daemon, image)) for image in daemon.data.images.values()]

    @_alone
    def image(self, ref: str) -> Record:
        daemon = self._read(f"image {ref}")
        return self._image_record(daemon, self._find_image(daemon, ref, f"no such image: {ref}: No such image: {ref}"))

    @_alone
    def networks(self) -> list[Record]:
        daemon = self._read("networks")
        found: list[Record] = template("networks.json")
        for network in found:
            if network["Name"] == "bridge":
                network["Options"]["com.docker.network.bridge.name"] = daemon.bridge or "docker0"
        return [*copy.deepcopy(list(daemon.data.networks.values())), *found]

    @_alone
    def volumes(self) -> list[Record]:
        return copy.deepcopy(list(self._read("volumes").data.volumes.values()))

    @_alone
    def logs(self, container: str, lines: int = 10) -> str:
        daemon = self._read(f"logs {container}")
        text = printable(self._find(daemon, container).output)
        return "\n".join(text.rstrip("\n").split("\n")[-lines:])

    @_alone
    def log(self, container: str, *, tail: int = 0, since: int = 0, follow: bool = False) -> FakeLog:
        found = self._find(self._read(f"log {container}"), container)
        if found.record["HostConfig"]["LogConfig"]["Type"] == "none":
            raise Permanent("configured logging driver does not support reading")
        return FakeLog(found, tail=tail, since=since, follow=follow)

    # Writing

    def create_volume(self, config: Mapping[str, Any]) -> None:
        name = str(config["Name"])
        with self._write(f"create volume {name}") as daemon:
            point = f"{daemon.root}/volumes/{name}/_data"
            record = {"Name": name, "Driver": config["Driver"], "Options": config["DriverOpts"], "Labels": config["Labels"]}
            daemon.data.volumes.setdefault(name, {**copy.deepcopy(record), "Mountpoint": point, "Scope": "local"})

    def create_network(self, config: Mapping[str, Any]) -> str:
        name = str(config["Name"])
        with self._write(f"create network {name}") as daemon:
            if self._network(daemon, name) is not None:
                raise Conflict(f"network with name {name} already exists")
            asked = copy.deepcopy((config.get("IPAM") or {}).get("Config")) or [
                {"Subnet": "172.18.0.0/28", "Gateway": "172.18.0.1"}
            ]
            keys = ("Name", "Driver", "Internal", "EnableIPv6", "Options", "Labels")
            record = {**template("networks.json")[0], **{key: copy.deepcopy(config.get(key)) for key in keys}}
            record.update(Id=self._docker.new_id(), IPAM={"Driver": "default", "Options": None, "Config": asked}, Containers={})
            daemon.data.networks[name] = record
            self._docker.bridge(record)
            return str(record["Id"])

    def remove_network(self, network: str) -> None:
        with self._write(f"remove network {network}") as daemon:
            found = self._network(daemon, network)
            if found is None:
                raise NotFound(f"network {network} not found")
            for container in daemon.data.containers.values():
                if container.record["State"]["Running"] and found["Name"] in container.record["NetworkSettings"]["Networks"]:
                    raise Denied(f"error while removing network: network {found['Name']} id {found['Id']} has active endpoints")
            del daemon.data.networks[found["Name"]]
            self._machine.net.links.pop(bridge_name(found), None)

    def connect(self, network: str, container: str, endpoint: Mapping[str, Any]) -> None:
        with self._write(f"connect {network} {self._called(container)}") as daemon:
            there, found = self._network(daemon, network), self._find(daemon, container)
            if there is None:
                raise NotFound(f"network {network} not found")
            empty = template("api-bare.json")["NetworkSettings"]["Networks"]["bridge"]
            joined = {**empty, **copy.deepcopy(dict(endpoint)), "NetworkID": there["Id"]}
            found.record["NetworkSettings"]["Networks"][there["Name"]] = joined
            self._docker.save(daemon, found)

    def disconnect(self, network: str, container: str) -> None:
        with self._write(f"disconnect {network} {container}") as daemon:
            if self._network(daemon, network) is None:
                raise NotFound(f"network {network} not found")
            with suppress(NotFound):
                found = self._find(daemon, container)
                if found.record["NetworkSettings"]["Networks"].pop(network, None) is None:
                    raise Permanent(f"container {found.record['Id']} is not connected to the network {network}")
                return
            if container not in daemon.kept:
                raise NotFound(f"endpoint {container} not found")
            daemon.kept.remove(container)

    def create(self, name: str, config: Mapping[str, Any]) -> str:
        with self._write(f"create {name}") as daemon:
            if not NAME.fullmatch(name):
                raise Permanent(_not_a_name(name))
            self._free(daemon, name)
            image = self._find_image(daemon, str(config["Image"]), f"No such image: {named(str(config['Image']))}")
            for mount in (config.get("HostConfig") or {}).get("Mounts") or ():
                if mount["Type"] == "bind" and self._machine.tree.find(mount["Source"]) is None:
                    raise Permanent(f'invalid mount config for type "bind": bind source path does not exist: {mount["Source"]}')
            ident, now = self._docker.new_id(), self._docker.now()
            record = new_container(ident, name, config, self._image_record(daemon, image), root=daemon.root, created=now)
            self._machine.tree.make_dir(f"{daemon.root}/containers/{ident}", 0o710)
            self._docker.save(daemon, self._docker.keep(daemon, record))
            return ident

    def start(self, container: str) -> None:
        with self._write(f"start {self._called(container)}") as daemon:
            found = self._find(daemon, container)
            if found.record["State"]["Paused"]:
                raise Conflict("cannot start a paused container, try unpause instead")
            if not found.record["State"]["Running"]:
                self._docker.run(daemon, found)

    def stop(self, container: str, timeout: int) -> None:
        with self._write(f"stop {self._called(container)}") as daemon:
            found = self._find(daemon, container)
            if found.record["State"]["Running"]:
                self._docker.stop_process(found)
                self._docker.ended(daemon, found, 137)

    def pause(self, container: str) -> None:
        self._freeze(container, paused=True)

    def unpause(self, container: str) -> None:
        self._freeze(container, paused=False)

    def rename(self, container: str, name: str) -> None:
        with self._write(f"rename {self._called(container)} {name}") as daemon:
            found = self._find(daemon, container)
            if found.record["Name"] == f"/{name}":
                raise Permanent("Renaming a container with the same name as its current name")
            if not NAME.fullmatch(name):
                raise Permanent(f"Error when allocating new name: {_not_a_name(name)}")
            self._free(daemon, name, "Error when allocating new name: ")
            found.record["Name"] = f"/{name}"
            self._docker.save(daemon, found)

    def update(self, container: str, resources: Mapping[str, Any]) -> None:
        with self._write(f"update {self._called(container)}") as daemon:
            found = self._find(daemon, container)
            host, memory = found.record["HostConfig"], resources.get("Memory") or 0
            if 0 < memory < 6 << 20:
                raise Permanent("Minimum memory limit allowed is 6MB")
            if memory and not resources.get("MemorySwap") and 0 < host["MemorySwap"] < memory:
                raise Conflict(
                    f"Cannot update container {found.record['Id']}: Memory limit should be smaller than already set memoryswap"
                    " limit, update the memoryswap at the same time"
                )
            for key, value in resources.items():
                if key == "RestartPolicy":
                    host[key] = {"MaximumRetryCount": 0, **value}
                elif value:
                    host[key] = value
            self._docker.save(daemon, found)

    def remove(self, container: str) -> None:
        with self._write(f"remove {self._called(container)}") as daemon:
            found = self._find(daemon, container)
            ident = found.record["Id"]
            if found.record["State"]["Running"]:
                raise Conflict(
                    f"You cannot remove a running container {ident}. Stop the container before attempting removal or force remove"
                )
            del daemon.data.containers[ident]
            home = f"{daemon.root}/containers/{ident}"
            for file in self._machine.tree.names(home) or ():
                self._machine.tree.remove(f"{home}/{file}")
            self._machine.tree.remove_dir(home)

    @_alone
    def distribution(self, ref: str, *, credentials: str = "") -> str:
        self._read(f"distribution {ref}")
        if self._docker.registry_fault is not None:
            raise self._docker.registry_fault
        image = self._docker.remote(ref)
        if image is None:
            raise NotFound("manifest unknown: manifest unknown")
        return digest_of(image)

    def pull(
        self,
        ref: str,
        timeout: float,
        progress: Callable[[Pulled], None] | None = None,
        *,
        credentials: str = "",
        platform: str = "",
    ) -> None:
        with self._write(f"pull {ref}") as daemon:
            fault = self._docker.pull_faults.pop(0) if self._docker.pull_faults else self._docker.registry_fault
            if fault is not None:
                raise fault
            image = self._docker.remote(ref)
            if image is None:
                host = ref.partition("/")[0]
                if ":" in host and "/" in ref:
                    raise Transient(f'Get "http://{host}/v2/": dial tcp {host}: connect: connection refused')
                name = ref.partition(":")[0]
                raise NotFound(f"pull access denied for {name}, repository does not exist or may require 'docker login'")
            for line in pulled_lines(ref):
                if progress is not None:
                    progress(line)
                self._machine.pass_time(0.2)
            self._tag(daemon, ref, image)
            if "@" not in ref:
                daemon.data.tags[f"{named(ref).rpartition(':')[0]}@{digest_of(image)}"] = image.id

    def load(self, archive: str, tag: str, timeout: float) -> None:
        with self._write(f"load {archive} {tag}") as daemon:
            held = self._docker.archives.get(archive) if self._machine.tree.find(archive) is not None else None
            if held is None:
                references(archive)
                held = read_archive(archive)
            if held.refs is None:
                salt = hashlib.sha256(self._docker.now().encode()).hexdigest()
                self._tag(daemon, tag, FakeImage(held.image.config, salt))
                return
            for ref in {*held.refs, named(tag)}:
                self._tag(daemon, ref, held.image)

    def remove_image(self, image: str) -> None:
        with self._write(f"rmi {image}") as daemon:
            data = daemon.data
            found = self._find_image(daemon, image, f"No such image: {named(image)}")
            mine = sorted(ref for ref, ident in data.tags.items() if ident == found.id)
            by_name = named(image) in mine
            user = next((one.record for one in data.containers.values() if one.record["Image"] == found.id), None)
            gone = [named(image)] if by_name else mine
            left = [ref for ref in mine if ref not in gone]
            if not any("@" not in ref for ref in left):
                gone, left = mine, []
            if user is not None and not left:
                what = "remove repository reference" if by_name else "delete"
                raise Conflict(f"conflict: unable to {what} {image!r} (must force) - container {user['Id'][:12]} is using it")
            if not by_name and len({ref.partition("@")[0].rpartition(":")[0] or ref.partition("@")[0] for ref in mine}) > 1:
                raise Conflict(
                    f"conflict: unable to delete {image} (must be forced) - image is referenced in multiple repositories"
                )
            for ref in gone:
                del data.tags[ref]
            if not left:
                del data.images[found.id]

    # Within

    def _read(self, what: str) -> "FakeDaemon":
        self.calls.reads += 1
        if self._counted:
            self._machine.look(f"docker {self.socket} {what}")
        return self._docker.alive(self.socket)

    @contextmanager
    def _write(self, what: str) -> Iterator["FakeDaemon"]:
        with self._machine.lock:
            self.calls.writes += 1
        if not self._counted:
            with self._machine.lock:
                yield self._docker.alive(self.socket)
            return
        with self._machine.effect(f"docker {self.socket} {what}"):
            yield self._docker.alive(self.socket)

    def _called(self, container: str) -> str:
        """A container's name, by whatever it was named: what is done to it has one label."""
        with self._machine.lock, suppress(HostError):
            return str(self._find(self._docker.alive(self.socket), container).record["Name"].removeprefix("/"))
        return container

    def _freeze(self, container: str, *, paused: bool) -> None:
        with self._write(f"{'pause' if paused else 'unpause'} {self._called(container)}") as daemon:
            found = self._find(daemon, container)
            if paused and not found.record["State"]["Running"]:
                raise Conflict(f"Container {found.record['Id']} is not running")
            if found.record["State"]["Running"]:
                found.record["State"].update(Paused=paused, Status="paused" if paused else "running")
                self._docker.save(daemon, found)

    @staticmethod
    def _network(daemon: "FakeDaemon", network: str) -> Record | None:
        """By name or id."""
        known: list[Record] = [*daemon.data.networks.values(), *template("networks.json")]
        return next((record for record in known if network in (record["Name"], record["Id"])), None)

    @staticmethod
    def _find(daemon: "FakeDaemon", container: str) -> "FakeContainer":
        exact = daemon.data.containers.get(container)
        if exact is not None:
            return exact
        named_so = [it for it in daemon.data.containers.values() if it.record["Name"] == f"/{container}"]
        begins = [it for ident, it in daemon.data.containers.items() if ident.startswith(container)]
        for found in (named_so, begins):
            if len(found) == 1:
                return found[0]
        raise NotFound(first_line(f"No such container: {container}"))

    @staticmethod
    def _free(daemon: "FakeDaemon", name: str, prefix: str = "") -> None:
        for ident, container in daemon.data.containers.items():
            if container.record["Name"] == f"/{name}":
                raise Conflict(
                    f'{prefix}Conflict. The container name "/{name}" is already in use by container "{ident}". '
                    "You have to remove (or rename) that container to be able to reuse that name."
                )

    @staticmethod
    def _find_image(daemon: "FakeDaemon", ref: str, otherwise: str) -> FakeImage:
        data = daemon.data
        ident = data.tags.get(named(ref))
        if ident is None:
            bare = ref.removeprefix("sha256:")
            begins = [known for known in data.images if len(bare) >= 4 and known.removeprefix("sha256:").startswith(bare)]
            ident = begins[0] if len(begins) == 1 else None
        if ident is None:
            raise NotFound(first_line(otherwise))
        return data.images[ident]

    @staticmethod
    def _image_record(daemon: "FakeDaemon", image: FakeImage) -> Record:
        refs = sorted(ref for ref, ident in daemon.data.tags.items() if ident == image.id)
        return image.record([ref for ref in refs if "@" not in ref], [ref for ref in refs if "@" in ref])

    @staticmethod
    def _tag(daemon: "FakeDaemon", ref: str, image: FakeImage) -> None:
        daemon.data.images[image.id] = image
        with suppress(KeyError):
            del daemon.data.tags[named(ref)]
        daemon.data.tags[named(ref)] = image.id


def _not_a_name(name: str) -> str:
    return first_line(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
