"""Views: what one engine has, read from the engine itself (LiveView) or, while it is down, from its files (StillView)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from reconciler.host.errors import HostError, NotFound
from reconciler.host.ports import Engine, Files, Host
from reconciler.resources.container import refs
from reconciler.resources.container.model import Container, ImageFacts
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


@dataclass(slots=True)
class Memory:
    """What the driver remembers from one observation to the next.

    containers: id -> what its files looked like when it was inspected, and the result. images: by id, which never change.
    infos: socket -> the engine's own description (processors, data root).
    """

    containers: dict[tuple[str, str], tuple[tuple[object, ...], Container]] = field(default_factory=dict)
    images: dict[str, ImageFacts] = field(default_factory=dict)
    infos: dict[str, Mapping[str, Any]] = field(default_factory=dict)


class LiveView:
    """An engine that answers: one list of containers, one of images; an inspect for what has changed since the last time."""

    def __init__(self, engine: Engine, files: Files, memory: Memory, data_root: str | None) -> None:
        """Reads both lists. Raises HostError when the engine does not answer."""
        self._engine, self._files, self._memory, self._root = engine, files, memory, data_root
        self.entries = tuple(_entry(record) for record in engine.containers())
        self._images = engine.images()
        alive = {entry.id for entry in self.entries}
        for key in list(memory.containers):
            if key[0] == engine.socket and key[1] not in alive:
                memory.containers.pop(key, None)

    def container(self, entry: Entry) -> Container | None:
        key, stamp = (self._engine.socket, entry.id), self._stamp(entry)
        known = self._memory.containers.get(key)
        if known is None or stamp is None or known[0] != stamp:
            try:
                seen = self._engine.inspect(entry.id)
            except NotFound:
                return None
            found = container_of(seen, self._engine.socket, self._facts(seen["Image"]))
            if stamp is not None:
                self._memory.containers[key] = (stamp, found)
        else:
            found = known[1]
        changes = {"name": entry.name, "status": entry.status}
        if entry.health is not None and entry.status == "running":
            changes["health"] = "unhealthy" if entry.health == "unhealthy" else "healthy"
        return found.model_copy(update=changes)

    def image(self, ref: str) -> ImageFacts | None:
        found = refs.resolve(ref, self._images)
        return None if found is None else self._facts(found["Id"])

    def labels_of(self, image_id: str) -> Mapping[str, str]:
        return next((image.get("Labels") or {} for image in self._images if image["Id"] == image_id), {})

    def cpus(self) -> int:
        return int(self._info().get("NCPU") or 0)

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

    def _stamp(self, entry: Entry) -> tuple[object, ...] | None:
        """What changes whenever the container does: its files in the data root (private-engine.md, 12). None: not to be had."""
        root = self._root or str(self._info().get("DockerRootDir") or "")
        stamps: list[object] = [entry.status]
        for name in ("hostconfig.json", "config.v2.json"):
            try:
                stat = self._files.stat(f"{root}/containers/{entry.id}/{name}")
            except HostError:
                return None
            if stat is None:
                return None
            stamps += [stat.inode, stat.mtime_ns]
        return tuple(stamps)


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
