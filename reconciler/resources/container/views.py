"""Views: what one engine has, read from the engine itself (LiveView) or, while it is down, from its files (StillView)."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from reconciler.core.tags import RID, SERVICE
from reconciler.host.docker_ports import Engine
from reconciler.host.errors import HostError, NotFound
from reconciler.host.ports import Files, Host
from reconciler.resources.container import refs
from reconciler.resources.container.entry import Entry, entry_in, entry_of
from reconciler.resources.container.memory import Memory, Stamp
from reconciler.resources.container.model import Container, ImageFacts
from reconciler.resources.container.normal import READER, container_of, facts_of
from reconciler.resources.container.pids import is_gone
from reconciler.resources.container.runs import counted


class View(Protocol):
    @property
    def entries(self) -> Sequence[Entry]:
        """Every container that the engine has."""

    def container(self, entry: Entry) -> Container | None:
        """The container behind an entry; None when it has gone meanwhile. Raises HostError."""

    def image(self, ref: str) -> ImageFacts | None:
        """The image that a reference means, or None. Raises HostError."""

    def called(self, ref: str) -> str:
        """The name that the engine has for that image; "" where it has none. Raises HostError."""

    def labels_of(self, image_id: str) -> Mapping[str, str]:
        """An image's own labels."""

    def cpus(self) -> int:
        """The machine's processors; 0 when unknown."""


class LiveView:
    """An engine that answers. A container is inspected when its stamp is not what it was the last time."""

    def __init__(
        self, engine: Engine, host: Host, memory: Memory, data_root: str | None, entries: Callable[[], Sequence[Entry]]
    ) -> None:
        """data_root: None where only the engine knows. Raises HostError when the engine does not answer."""
        self._engine, self._host, self._memory, self._root = engine, host, memory, data_root
        self.entries = entries()

    def container(self, entry: Entry) -> Container | None:
        stamp = self._stamp(entry.id, entry.status)
        found = self._remembered(entry, stamp) or self._inspect(entry.id, stamp)
        if found is None or found.status not in Container.ALIVE or not is_gone(found.pid, self._engine, self._host):
            return found
        # Its engine may have told of the end already, and lists it so once it has let go of what the container had: an inspect
        # waits for that. Or it has not noticed.
        now = self._inspect(entry.id, stamp)
        if now is None or now.pid != found.pid or self._root is None:
            return now
        return now.model_copy(update={"health": Container.LOST})

    def _remembered(self, entry: Entry, stamp: Stamp | None) -> Container | None:
        """What an inspect said that is still true, with what the list tells now."""
        known = self._memory.containers.get((self._engine.socket, entry.id))
        if known is None or known[0] != stamp:
            return None
        one, listed = known[1], _listed(entry)
        same = all(getattr(one, name) == value for name, value in listed.items())
        return one if same else one.model_copy(update=listed)

    def _inspect(self, id: str, stamp: Stamp | None) -> Container | None:
        """What the engine says of it now, which the list may not do yet. stamp: from before this."""
        try:
            return self._take(self._engine.inspect(id), stamp)
        except NotFound:
            return None

    def image(self, ref: str) -> ImageFacts | None:
        key = (self._engine.socket, ref)
        if key not in self._memory.refs:
            found = refs.resolve(ref, self._images())
            if found is None:
                return None
            self._memory.refs[key] = found["Id"]
        return self._facts(self._memory.refs[key])

    def called(self, ref: str) -> str:
        return refs.name_of(ref, self._images())

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

    def _take(self, seen: Mapping[str, Any], stamp: Stamp | None) -> Container:
        """What an inspect says. stamp: of its files before it was made, so that what happens meanwhile makes another one."""
        found = container_of(seen, self._engine.socket, self._facts(seen["Image"]))
        known = self._memory.containers.pop((found.socket, found.id), None)
        found = counted(found, known[1] if known else None)
        if stamp is not None:
            stamp = (stamp[0], seen["State"]["Status"], *stamp[2:])
            self._memory.containers[found.socket, found.id] = (stamp, found)
        return found

    def _stamp(self, id: str, status: str) -> Stamp | None:
        """What changes whenever the container does: its files in the data root (private-engine.md, 12). None: not to be had."""
        root = self._root or str(self._info().get("DockerRootDir") or "")
        stamps: list[str | int] = [READER, status]
        for name in ("hostconfig.json", "config.v2.json"):
            try:
                stat = self._host.files.stat(f"{root}/containers/{id}/{name}")
            except HostError:
                return None
            if stat is None:
                return None
            stamps += [stat.inode, stat.mtime_ns]
        return tuple(stamps)


class OneView(LiveView):
    """As much of an engine that answers as one resource needs after a step: the containers with its labels. Where it has one
    only, that one is inspected by its id, and nothing is listed."""

    def __init__(
        self, engine: Engine, host: Host, memory: Memory, data_root: str | None, labels: tuple[str, str], store: str | None
    ) -> None:
        """labels: service and rid. Raises HostError when the engine does not answer."""
        key = (engine.socket, *labels)

        def entries() -> Sequence[Entry]:
            known = memory.known(*key, store)
            found = (self._inspected(known[0].id) if len(known) == 1 else None) or self._listed(*labels)
            memory.entries[key] = tuple(found)
            return found

        super().__init__(engine, host, memory, data_root, entries)

    def _inspected(self, id: str) -> Sequence[Entry]:
        """The one container; nothing when it is gone."""
        before = self._stamp(id, "")
        try:
            seen = self._engine.inspect(id)
        except NotFound:
            return ()
        self._take(seen, before)
        return (entry_of(seen),)

    def _listed(self, service: str, rid: str) -> Sequence[Entry]:
        return tuple(entry_in(record) for record in self._engine.containers({SERVICE: service, RID: rid}))


class WholeView(LiveView):
    """The whole of an engine that answers: all its containers and images, each listed once."""

    def __init__(self, engine: Engine, host: Host, memory: Memory, data_root: str | None) -> None:
        """Raises HostError when the engine does not answer."""
        super().__init__(engine, host, memory, data_root, lambda: tuple(entry_in(record) for record in engine.containers()))
        self._listed = engine.images()
        memory.forget_refs(engine.socket)
        memory.whole(engine.socket, self.entries)

    def _images(self) -> Sequence[Mapping[str, Any]]:
        return self._listed


class StillView:
    """The files of an engine that does not run. Containers count as running while their shim does."""

    def __init__(self, host: Host, socket: str, data_root: str) -> None:
        """Raises HostError when a file cannot be read in time."""
        self._files, self._socket, self._root = host.files, socket, data_root
        self._memory: dict[str, ImageFacts | None] = {}
        self._seen = {seen["Id"]: seen for seen in self._containers(shims(host))}
        self.entries = tuple(entry_of(seen) for seen in self._seen.values())
        self._store = next(iter(self._files.names(f"{data_root}/image") or ()), "")
        self._images = self._tagged() if self._store else []

    def container(self, entry: Entry) -> Container | None:
        seen = self._seen[entry.id]
        return counted(container_of(seen, self._socket, self._facts(seen["Image"])), None)

    def image(self, ref: str) -> ImageFacts | None:
        found = refs.resolve(ref, self._images)
        return None if found is None else self._facts(found["Id"])

    def called(self, ref: str) -> str:
        return refs.name_of(ref, self._images)

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
                "NetworkSettings": config.get("NetworkSettings") or {},
                "HostConfig": host,
                "RestartCount": config.get("RestartCount") or 0,
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
            self._memory[image_id] = None if record is None else facts_of(_as_inspected(image_id, record))
        return self._memory[image_id]


def _listed(entry: Entry) -> dict[str, str]:
    """What a list tells of a container that was inspected before."""
    found = {"name": entry.name, "status": entry.status}
    if entry.health is not None and entry.status == "running":
        found |= {"health": "unhealthy" if entry.health == "unhealthy" else "healthy", "check": entry.health}
    return found


def _as_inspected(image_id: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """An image's own record as an engine shows it."""
    words = {"Os": "os", "Architecture": "architecture", "Variant": "variant"}
    return {"Id": image_id, "Config": record.get("config"), **{key: record.get(name) for key, name in words.items()}}


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
