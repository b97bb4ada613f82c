"""LinuxDocker: the Docker port. Short calls go over plain HTTP; the SDK moves images, and is imported when one moves."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.lazy import dataclass
from reconciler.host.docker_ports import Engine, LogStream, Pulled
from reconciler.host.errors import Conflict, Permanent
from reconciler.host.linux.docker_archive import open_archive, references, with_tag
from reconciler.host.linux.docker_http import DockerHttp, demultiplexed
from reconciler.host.linux.docker_logs import LogReader
from reconciler.host.text import printable

if TYPE_CHECKING:
    from reconciler.host.linux.docker_sdk import DockerImages

READ = 15.0
"""Seconds that the engine has for the answer to a read."""
WRITE = 60.0
"""Seconds that it has for a write, on top of what the call itself may take (a stop's grace)."""
AT_ONCE = 16
"""Writes that an engine is given at once: measured with 50 starts on two cores, where four take a tenth longer; without a cap
engines time out. A stop, which mostly waits, is not counted."""

ROOM: Final = 16
"""Engines that may be known beside twice as many as were there when the others were forgotten last."""


@dataclass(slots=True)
class Calls:
    """How often an engine was asked, and told. For tests and benchmarks; not exact when threads race."""

    reads: int = 0
    writes: int = 0


class LinuxDocker:
    """The engines of this machine, by socket."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engines: dict[str, LinuxEngine] = {}
        self._most = ROOM

    def engine(self, socket: str) -> Engine:
        """The engine behind a socket. Nothing is connected before the first call. One engine object per socket that is there."""
        with self._lock:
            if socket not in self._engines:
                if len(self._engines) >= self._most:
                    self._forget()
                self._engines[socket] = LinuxEngine(socket)
            return self._engines[socket]

    def _forget(self) -> None:
        """Let go of engines that are gone, and of the connections to them."""
        for gone in [socket for socket in self._engines if not os.path.exists(socket)]:
            self._engines.pop(gone).close()
        self._most = 2 * len(self._engines) + ROOM


class LinuxEngine:
    """One engine. Implements docker_ports.Engine; raises HostError, with the engine's own words."""

    def __init__(self, socket: str) -> None:
        self.socket = socket
        self.calls = Calls()
        self._http = DockerHttp(socket)
        self._slots = threading.BoundedSemaphore(AT_ONCE)

    def close(self) -> None:
        """Close the connections that nobody uses just now."""
        self._http.close()

    def ping(self, timeout: float = 3.0) -> None:
        self.calls.reads += 1
        self._http.ping(timeout)

    def info(self) -> dict[str, Any]:
        return self._record("info")

    def containers(self, labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        if not labels:
            return self._records("containers", "json", all="1")
        filters = {"label": [f"{name}={value}" for name, value in labels.items()]}
        return self._records("containers", "json", all="1", filters=json.dumps(filters))

    def inspect(self, container: str) -> dict[str, Any]:
        return self._record("containers", container, "json")

    def images(self, *, inner: bool = False) -> list[dict[str, Any]]:
        return self._records("images", "json", **({"all": "1"} if inner else {}))

    def image(self, ref: str) -> dict[str, Any]:
        return self._record("images", ref, "json")

    def networks(self) -> list[dict[str, Any]]:
        return self._records("networks")

    def volumes(self) -> list[dict[str, Any]]:
        return list(self._record("volumes").get("Volumes") or ())

    def create_volume(self, config: Mapping[str, Any]) -> None:
        self.calls.writes += 1
        with self._slots:
            self._http.post("volumes", "create", timeout=WRITE, record=config)

    def create_network(self, config: Mapping[str, Any]) -> str:
        self.calls.writes += 1
        with self._slots:
            return str(json.loads(self._http.post("networks", "create", timeout=WRITE, record=config))["Id"])

    def remove_network(self, network: str) -> None:
        self.calls.writes += 1
        with self._slots:
            self._http.delete("networks", network, timeout=WRITE)

    def connect(self, network: str, container: str, endpoint: Mapping[str, Any]) -> None:
        self.calls.writes += 1
        record = {"Container": container, "EndpointConfig": endpoint}
        with self._slots:
            self._http.post("networks", network, "connect", timeout=WRITE, record=record)

    def disconnect(self, network: str, container: str) -> None:
        self.calls.writes += 1
        record = {"Container": container, "Force": True}
        with self._slots:
            self._http.post("networks", network, "disconnect", timeout=WRITE, record=record)

    def create(self, name: str, config: Mapping[str, Any]) -> str:
        return str(json.loads(self._post("create", record=config, name=name))["Id"])

    def start(self, container: str) -> None:
        self._post(container, "start")

    def stop(self, container: str, timeout: int) -> None:
        self.calls.writes += 1
        self._http.post("containers", container, "stop", timeout=WRITE + timeout, t=timeout)

    def pause(self, container: str) -> None:
        with _already("is already paused"):
            self._post(container, "pause")

    def unpause(self, container: str) -> None:
        with _already("is not paused"):
            self._post(container, "unpause")

    def rename(self, container: str, name: str) -> None:
        self._post(container, "rename", name=name)

    def update(self, container: str, resources: Mapping[str, Any]) -> None:
        self._post(container, "update", record=resources)

    def remove(self, container: str) -> None:
        self.calls.writes += 1
        with self._slots:
            self._http.delete("containers", container, timeout=WRITE, v="false", force="false")

    def pull(
        self,
        ref: str,
        timeout: float,
        progress: Callable[[Pulled], None] | None = None,
        *,
        credentials: str = "",
        platform: str = "",
    ) -> None:
        self.calls.writes += 1
        self._images().pull(ref, timeout, progress, credentials, platform)

    def distribution(self, ref: str, *, credentials: str = "") -> str:
        self.calls.reads += 1
        return self._images().distribution(ref, credentials)

    def load(self, archive: str, tag: str, timeout: float) -> None:
        holds = references(archive)
        self.calls.writes += 1
        images = self._images()
        with open_archive(archive) as file:
            if holds is None:
                images.import_rootfs(file, tag, timeout)
            else:
                self._name_loaded(archive, tag, holds, images.load(file, timeout))
        self.image(tag)

    def remove_image(self, image: str) -> None:
        self.calls.writes += 1
        with self._slots:
            self._http.delete("images", image, timeout=WRITE, force="false", noprune="true")

    def logs(self, container: str, lines: int = 10) -> str:
        tty = bool(self.inspect(container)["Config"].get("Tty"))
        self.calls.reads += 1
        body = self._http.get("containers", container, "logs", timeout=READ, stdout="1", stderr="1", tail=lines)
        text = printable((body if tty else demultiplexed(body)).decode(errors="replace"))
        return "\n".join(text.rstrip("\n").split("\n")[-lines:])

    def log(self, container: str, *, tail: int = 0, since: int = 0, follow: bool = False) -> LogStream:
        tty = bool(self.inspect(container)["Config"].get("Tty"))
        self.calls.reads += 1
        query: dict[str, str | int] = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": int(follow), "tail": tail or "all"}
        if since:
            query["since"] = "{}.{:09d}".format(*divmod(since, 1_000_000_000))
        stream = self._http.stream("containers", container, "logs", timeout=READ, **query)
        return LogReader(stream, framed=not tty)

    def _name_loaded(self, archive: str, tag: str, holds: tuple[str, ...], loaded: tuple[str, ...]) -> None:
        """See that `tag` names what was loaded: as the archive says, or, when it holds one image only, by our tagging it."""
        if tag in holds or with_tag(tag) in holds:
            return
        if not loaded:
            raise Permanent(f"{archive} was loaded, but the engine does not say which image was in it")
        ids = {str(self.image(name)["Id"]) for name in loaded}
        if len(ids) > 1:
            raise Conflict(f"{archive} holds {len(ids)} images, and none is named {tag}: name one of {', '.join(sorted(holds))}")
        self._images().tag(ids.pop(), tag)

    def _record(self, *path: str) -> dict[str, Any]:
        self.calls.reads += 1
        found = self._http.json(*path, timeout=READ)
        if not isinstance(found, dict):
            raise Permanent(f"the engine on {self.socket} answered with something else than a record")
        return found

    def _records(self, *path: str, **query: str) -> list[dict[str, Any]]:
        self.calls.reads += 1
        found = self._http.json(*path, timeout=READ, **query)
        if not isinstance(found, list):
            raise Permanent(f"the engine on {self.socket} answered with something else than a list")
        return found

    def _post(self, *path: str, record: Mapping[str, Any] | None = None, **query: str | int) -> bytes:
        """A short write on a container."""
        self.calls.writes += 1
        with self._slots:
            return self._http.post("containers", *path, timeout=WRITE, record=record, **query)

    def _images(self) -> "DockerImages":
        """The half that moves images. The SDK is imported here, and nowhere sooner."""
        from reconciler.host.linux.docker_sdk import DockerImages

        return DockerImages(self.socket, self._http.version(READ))


@contextmanager
def _already(words: str) -> Iterator[None]:
    """A refusal that ends with these words says that it is done already."""
    try:
        yield
    except (Permanent, Conflict) as error:
        if not str(error).endswith(words):
            raise
