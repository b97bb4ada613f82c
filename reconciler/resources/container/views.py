"""Views: what one engine has, read from the engine itself (LiveView) or, while it is down, from its files (StillView)."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from reconciler import __version__
from reconciler.core.observed import Seen
from reconciler.host.errors import HostError, NotFound
from reconciler.host.ports import Engine, Files, Host
from reconciler.resources.container import refs
from reconciler.resources.container.model import Around, Container, ImageFacts, pieces
from reconciler.resources.container.normal import RID, SERVICE, STORE, container_of, facts_of, health_in


@dataclass(frozen=True, slots=True)
class Entry:
    """A container as a list shows it. published: (address, port, protocol) on the host, of a running one."""

    id: str
    name: str
    image: str
    image_id: str
    status: str
    labels: Mapping[str, str]
    health: str | None = None
    published: tuple[tuple[str, int, str], ...] = ()

    def belongs(self, service: str, rid: str, store: str | None) -> bool:
        """Whether its labels are the resource's. store: None on a private engine, where the data root decides."""
        mine = self.labels.get(SERVICE) == service and self.labels.get(RID) == rid
        return mine and (store is None or self.labels.get(STORE, "") == store)

    def made_here(self, store: str | None) -> bool:
        """Whether osvc made it for any resource."""
        return RID in self.labels and (store is None or self.labels.get(STORE, "") == store)


class View(Protocol):
    @property
    def entries(self) -> Sequence[Entry]:
        """Every container that the engine has."""

    def container(self, entry: Entry) -> Container | None:
        """The container behind an entry; None when it has gone meanwhile. Raises HostError."""

    def image(self, ref: str) -> ImageFacts | None:
        """The image that a reference means, or None. Raises HostError."""

    def labels_of(self, image_id: str) -> Mapping[str, str]:
        """An image's own labels."""

    def cpus(self) -> int:
        """The machine's processors; 0 when unknown."""


Stamp: TypeAlias = tuple[str | int, ...]


@dataclass(slots=True)
class Memory:
    """What the driver remembers from one observation to the next. Safe to use from several threads: each entry is replaced whole.

    containers: (socket, id) -> its stamp when it was inspected, and what the inspect said. images: by id, which never change.
    refs: (socket, reference) -> the id of the image that it meant when the engine's images were last listed.
    infos: socket -> the engine's own description (processors, data root).
    """

    containers: dict[tuple[str, str], tuple[Stamp, Container]] = field(default_factory=dict)
    images: dict[str, ImageFacts] = field(default_factory=dict)
    refs: dict[tuple[str, str], str] = field(default_factory=dict)
    infos: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def recall(self, seen: Seen) -> None:
        """Take in what another process saw: a container whose stamp is still the same needs no inspect."""
        around = seen.around
        assert isinstance(around, Around)
        if around.image is not None:
            self.images.setdefault(around.image.id, around.image)
        for one in pieces(seen):
            if one.id in around.stamps:
                self.containers.setdefault((one.socket, one.id), (around.stamps[one.id], one))

    def stamps(self, found: Iterable[Container]) -> dict[str, Stamp]:
        """id -> stamp, of those of these containers that have one."""
        known = ((one.id, self.containers.get((one.socket, one.id))) for one in found)
        return {name: entry[0] for name, entry in known if entry is not None}

    def forget_refs(self, socket: str) -> None:
        """An engine's references may mean other images now."""
        for key in [key for key in [*self.refs] if key[0] == socket]:
            self.refs.pop(key, None)

    def forget_others(self, socket: str, alive: Collection[str]) -> None:
        """An engine has no containers but these any more."""
        for key in [key for key in [*self.containers] if key[0] == socket and key[1] not in alive]:
            self.containers.pop(key, None)


class LiveView:
    """An engine that answers, as far as one resource needs it: the containers that carry its labels, and its image."""

    def __init__(
        self,
        engine: Engine,
        files: Files,
        memory: Memory,
        data_root: str | None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Lists the containers. data_root: None where only the engine knows. Raises HostError when it does not answer."""
        self._engine, self._files, self._memory, self._root = engine, files, memory, data_root
        self.entries = tuple(_entry(record) for record in engine.containers(labels))

    def container(self, entry: Entry) -> Container | None:
        key, stamp = (self._engine.socket, entry.id), self._stamp(entry)
        known = self._memory.containers.get(key)
        if known is None or stamp is None or known[0] != stamp:
            try:
                seen = self._engine.inspect(entry.id)
            except NotFound:
                return None
            found = container_of(seen, self._engine.socket, self._facts(seen["Image"]))
            self._memory.containers.pop(key, None)
            if stamp is not None:
                self._memory.containers[key] = (stamp, found)
        else:
            found = known[1]
        changes = {"name": entry.name, "status": entry.status}
        if entry.health is not None and entry.status == "running":
            changes["health"] = "unhealthy" if entry.health == "unhealthy" else "healthy"
        return found.model_copy(update=changes)

    def image(self, ref: str) -> ImageFacts | None:
        key = (self._engine.socket, ref)
        if key not in self._memory.refs:
            found = refs.resolve(ref, self._images())
            if found is None:
                return None
            self._memory.refs[key] = found["Id"]
        return self._facts(self._memory.refs[key])

    def labels_of(self, image_id: str) -> Mapping[str, str]:
        facts = self._facts(image_id)
        return facts.labels if facts else {}

    def cpus(self) -> int:
        return int(self._info().get("NCPU") or 0)

    def _images(self) -> Sequence[Mapping[str, Any]]:
        return self._engine.images()

    def _facts(self, image_id: str) -> ImageFacts | None:
        if image_id not in self._memory.images:
            try:
                self._memory.images[image_id] = facts_of(self._engine.image(image_id))
            except NotFound:
                return None
        return self._memory.images[image_id]

    def _info(self) -> Mapping[str, Any]:
        socket = self._engine.socket
        if socket not in self._memory.infos:
            self._memory.infos[socket] = self._engine.info()
        return self._memory.infos[socket]

    def _stamp(self, entry: Entry) -> Stamp | None:
        """What changes whenever the container does: its files in the data root (private-engine.md, 12). None: not to be had."""
        root = self._root or str(self._info().get("DockerRootDir") or "")
        stamps: list[str | int] = [__version__, entry.status]
        for name in ("hostconfig.json", "config.v2.json"):
            try:
                stat = self._files.stat(f"{root}/containers/{entry.id}/{name}")
            except HostError:
                return None
            if stat is None:
                return None
            stamps += [stat.inode, stat.mtime_ns]
        return tuple(stamps)


class WholeView(LiveView):
    """The whole of an engine that answers: all its containers and images, each listed once."""

    def __init__(self, engine: Engine, files: Files, memory: Memory, data_root: str | None) -> None:
        """Reads both lists. Raises HostError when the engine does not answer."""
        super().__init__(engine, files, memory, data_root)
        self._listed = engine.images()
        memory.forget_refs(engine.socket)
        memory.forget_others(engine.socket, {entry.id for entry in self.entries})

    def _images(self) -> Sequence[Mapping[str, Any]]:
        return self._listed


class StillView:
    """The files of an engine that does not run. Containers count as running while their shim does."""

    def __init__(self, host: Host, socket: str, data_root: str) -> None:
        """Raises HostError when a file cannot be read in time."""
        self._files, self._socket, self._root = host.files, socket, data_root
        self._memory: dict[str, ImageFacts | None] = {}
        self._seen = {seen["Id"]: seen for seen in self._containers(shims(host))}
        self.entries = tuple(
            Entry(
                seen["Id"],
                seen["Name"].removeprefix("/"),
                seen["Config"].get("Image") or "",
                seen["Image"],
                seen["State"]["Status"],
                seen["Config"].get("Labels") or {},
            )
            for seen in self._seen.values()
        )
        self._store = next(iter(self._files.names(f"{data_root}/image") or ()), "")
        self._images = self._tagged() if self._store else []

    def container(self, entry: Entry) -> Container | None:
        seen = self._seen[entry.id]
        return container_of(seen, self._socket, self._facts(seen["Image"]))

    def image(self, ref: str) -> ImageFacts | None:
        found = refs.resolve(ref, self._images)
        return None if found is None else self._facts(found["Id"])

    def labels_of(self, image_id: str) -> Mapping[str, str]:
        facts = self._facts(image_id)
        return facts.labels if facts else {}

    def cpus(self) -> int:
        return 0

    def _containers(self, shims: frozenset[str]) -> Iterator[dict[str, Any]]:
        for name in self._files.names(f"{self._root}/containers") or ():
            config = _json(self._files, f"{self._root}/containers/{name}/config.v2.json")
            host = _json(self._files, f"{self._root}/containers/{name}/hostconfig.json")
            if config is None or host is None or not config.get("Config") or config.get("ID") != name:
                continue
            yield {
                "Id": name,
                "Name": config.get("Name") or "",
                "Image": config.get("Image") or "",
                "State": {**(config.get("State") or {}), "Status": _still(config.get("State") or {}, name in shims)},
                "Config": config["Config"],
                "HostConfig": host,
            }

    def _tagged(self) -> list[dict[str, Any]]:
        repositories = _json(self._files, f"{self._root}/image/{self._store}/repositories.json") or {}
        images: dict[str, dict[str, Any]] = {
            f"sha256:{name}": {"Id": f"sha256:{name}", "RepoTags": [], "RepoDigests": []}
            for name in self._files.names(f"{self._root}/image/{self._store}/imagedb/content/sha256") or ()
        }
        for names in (repositories.get("Repositories") or {}).values():
            for name, image_id in names.items():
                if image_id in images:
                    images[image_id]["RepoDigests" if "@" in name else "RepoTags"].append(name)
        return list(images.values())

    def _facts(self, image_id: str) -> ImageFacts | None:
        if image_id not in self._memory:
            digest = image_id.removeprefix("sha256:")
            record = _json(self._files, f"{self._root}/image/{self._store}/imagedb/content/sha256/{digest}")
            self._memory[image_id] = None if record is None else facts_of({"Id": image_id, "Config": record.get("config")})
        return self._memory[image_id]


def _entry(record: Mapping[str, Any]) -> Entry:
    names = [name.removeprefix("/") for name in record.get("Names") or ()]
    return Entry(
        record["Id"],
        next((name for name in names if "/" not in name), ""),
        record.get("Image") or "",
        record.get("ImageID") or "",
        record.get("State") or "",
        record.get("Labels") or {},
        health_in(record.get("Status") or ""),
        tuple(
            (port.get("IP") or "0.0.0.0", int(port["PublicPort"]), port.get("Type") or "tcp")
            for port in record.get("Ports") or ()
            if port.get("PublicPort")
        ),
    )


def _still(state: Mapping[str, Any], shim: bool) -> str:
    if shim:
        return "paused" if state.get("Paused") else "running"
    if state.get("Dead"):
        return "dead"
    started = str(state.get("StartedAt") or "0001-01-01")
    return "created" if started.startswith("0001-01-01") else "exited"


def shims(host: Host) -> frozenset[str]:
    """The ids of the containers whose shim lives."""
    found: set[str] = set()
    for process in host.processes.all():
        argv = process.argv
        if argv and argv[0].rpartition("/")[2].startswith("containerd-shim") and "-id" in argv[:-1]:
            found.add(argv[argv.index("-id") + 1])
    return frozenset(found)


def _json(files: Files, path: str) -> dict[str, Any] | None:
    """A file's record; None when there is none, or it makes no sense."""
    try:
        found = json.loads(files.read(path) or "null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
