"""The ports to Docker engines: what may be asked of one, as a Protocol. ports.py has the rest of the machine."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from reconciler.core.lazy import dataclass


@dataclass(frozen=True, slots=True)
class Pulled:
    """A line of progress of a pull: layer id, what is done, bytes so far and in all (0 when unknown)."""

    layer: str
    status: str
    current: int = 0
    total: int = 0


class LogLine(NamedTuple):
    """What a container said. at: when, in nanoseconds since 1970. text: as it was written, without the end of the line."""

    at: int
    text: str


class LogStream(Protocol):
    def __iter__(self) -> Iterator[LogLine]:
        """The lines, once, each as soon as it is there. Raises Transient where the engine breaks off."""

    def close(self) -> None:
        """End the reading, from whichever thread: no line comes any more, and nothing is raised."""


class Engine(Protocol):
    """A Docker engine behind one unix socket. Records are those of its HTTP API, verbatim; methods name its calls.

    Raises Transient (no answer, connection refused), NotFound, Conflict, Denied, Permanent.
    """

    socket: str

    def ping(self, timeout: float = 3.0) -> None: ...

    def info(self) -> dict[str, Any]: ...

    def containers(self, labels: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """All of them, stopped too; or those that carry all of these labels."""

    def inspect(self, container: str) -> dict[str, Any]: ...

    def images(self, *, inner: bool = False) -> list[dict[str, Any]]:
        """inner: also those without a name that others are built on, and were built on the way to them."""

    def image(self, ref: str) -> dict[str, Any]:
        """Inspect of an image. Raises NotFound."""

    def networks(self) -> list[dict[str, Any]]: ...

    def volumes(self) -> list[dict[str, Any]]: ...

    def create_volume(self, config: Mapping[str, Any]) -> None:
        """Create a volume from the body of POST /volumes/create. One of that name that is there already is left as it is."""

    def create_network(self, config: Mapping[str, Any]) -> str:
        """Create a network from the body of POST /networks/create. Its id."""

    def remove_network(self, network: str) -> None:
        """Raises Denied while a container is on it, NotFound."""

    def connect(self, network: str, container: str, endpoint: Mapping[str, Any]) -> None:
        """Put a container on a network. endpoint: its settings there (aliases, addresses), as an inspect has them."""

    def disconnect(self, network: str, container: str) -> None:
        """Take a container off a network, by force; where no container has that name, what the engine still keeps of one that
        had. Raises NotFound when there is neither, or no such network."""

    def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Create a container from the body of POST /containers/create. Its id."""

    def start(self, container: str) -> None: ...

    def stop(self, container: str, timeout: int) -> None:
        """TERM (or the container's own signal), KILL after `timeout` seconds. Done when it has ended."""

    def pause(self, container: str) -> None: ...

    def unpause(self, container: str) -> None: ...

    def rename(self, container: str, name: str) -> None: ...

    def update(self, container: str, resources: Mapping[str, Any]) -> None: ...

    def remove(self, container: str) -> None:
        """Never with its volumes, never by force."""

    def pull(
        self,
        ref: str,
        timeout: float,
        progress: Callable[[Pulled], None] | None = None,
        *,
        credentials: str = "",
        platform: str = "",
    ) -> None:
        """Fetch an image from its registry. credentials: a file like the docker client's config.json, for that registry; "" for
        the client's own. platform: such as linux/arm64; "" for the engine's."""

    def distribution(self, ref: str, *, credentials: str = "") -> str:
        """The digest that a reference has in its registry now ("sha256:…"). Raises NotFound, Denied, Transient."""

    def load(self, archive: str, tag: str, timeout: float) -> None:
        """Load a docker-save archive, or import a root-filesystem tar, and see that `tag` names it."""

    def remove_image(self, image: str) -> None:
        """By a name: that one goes, and with its last name the image, where nothing uses it. By an id: the image, if it has names
        of one repository at most. Never by force, and nothing that it was built on. Raises NotFound, and Conflict where a
        container uses it, running or not."""

    def logs(self, container: str, lines: int = 10) -> str:
        """The last lines of a container's output, without control sequences."""

    def log(self, container: str, *, tail: int = 0, since: int = 0, follow: bool = False) -> LogStream:
        """What a container said. tail: only so many lines, the last; 0 is all. since: only from this moment on, in nanoseconds
        since 1970. follow: go on until the container ends (or at once where it does not run). Raises NotFound, and Permanent where
        its log driver keeps nothing that could be read."""


class Docker(Protocol):
    def engine(self, socket: str) -> Engine:
        """The engine behind a socket. Nothing is connected before the first call. One engine object per socket."""
