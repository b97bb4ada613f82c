"""Writing to a Docker engine, through the `docker` package's low-level client. The one file that imports it.

Imported when there is something to do: the package takes longer to import than a plan with nothing to do takes in all.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import docker
import docker.auth
import docker.errors
import docker.transport.unixconn
import docker.utils
import requests

from reconciler.host.errors import Permanent, Transient
from reconciler.host.linux.docker_errors import refusal, unreachable
from reconciler.host.ports import Pulled
from reconciler.host.text import first_line

WRITE = 60.0
"""Seconds that the engine has for an answer, on top of what the call itself may take (a stop's grace)."""
STALL = 60.0
"""Seconds that a stream may say nothing before it counts as stalled."""
CLIENTS = 4
"""Clients that are kept, and short calls that are made at once: the engine's best on two cores. Each client has one connection
and serves one thread at a time."""


class _Client(docker.APIClient):
    """The package's client, with its own way of posting made known by name: a body as it is, and a stream with a time-out."""

    def post_record(self, path: str, name: str, record: Mapping[str, Any]) -> None:
        """POST a record to a path that holds one name."""
        self._result(self._post_json(self._url(path, name), data=dict(record)))  # type: ignore[attr-defined]

    def post_stream(self, path: str, **request: Any) -> requests.Response:
        """POST, and the response while its body is still coming. Raises APIError."""
        response: requests.Response = self._post(self._url(path), stream=True, **request)  # type: ignore[attr-defined]
        self._raise_for_status(response)  # type: ignore[attr-defined]
        return response


class _OnePool(docker.transport.unixconn.UnixHTTPAdapter):  # type: ignore[misc,unused-ignore]
    """The package keeps a pool of connections for every URL, so that it connects anew for each container. One is enough."""

    def get_connection(self, url: Any, proxies: Any = None) -> Any:
        return super().get_connection("http+docker://localhost", proxies)


class DockerWriter:
    """POST and DELETE requests to one engine. Safe to use from several threads. Raises HostError."""

    def __init__(self, path: str, version: str) -> None:
        self.path = path
        self.version = version
        self._lock = threading.Lock()
        self._idle: list[_Client] = []
        self._slots = threading.BoundedSemaphore(CLIENTS)

    def create(self, name: str, config: Mapping[str, Any]) -> str:
        with self._slots, self._client() as client:
            return str(client.create_container_from_config(dict(config), name)["Id"])  # type: ignore[no-untyped-call]

    def start(self, container: str) -> None:
        with self._slots, self._client() as client:
            client.start(container)

    def stop(self, container: str, timeout: int) -> None:
        with self._client() as client:
            client.stop(container, timeout=timeout)

    def unpause(self, container: str) -> None:
        try:
            with self._client() as client:
                client.unpause(container)
        except Permanent as error:
            if not str(error).endswith("is not paused"):
                raise

    def rename(self, container: str, name: str) -> None:
        with self._slots, self._client() as client:
            client.rename(container, name)

    def update(self, container: str, resources: Mapping[str, Any]) -> None:
        with self._slots, self._client() as client:
            client.post_record("/containers/{0}/update", container, resources)

    def remove(self, container: str) -> None:
        with self._slots, self._client() as client:
            client.remove_container(container, v=False, link=False, force=False)

    def tag(self, image: str, ref: str) -> None:
        repository, tag = split_ref(ref)
        with self._slots, self._client() as client:
            client.tag(image, repository, tag)

    def pull(self, ref: str, timeout: float, progress: Callable[[Pulled], None] | None) -> None:
        """Pull one image, to the end of the stream. Transient when it says nothing for a minute, or is not done in time."""
        repository, tag = split_ref(ref)
        with self._client() as client:
            header = docker.auth.get_config_header(client, docker.auth.resolve_repository_name(repository)[0])
        headers = {"X-Registry-Auth": str(header, "ascii") if isinstance(header, bytes) else header} if header else {}
        params = {"fromImage": repository, "tag": tag}
        with self._stream("/images/create", params, timeout, silence=STALL, headers=headers) as lines:
            for line in lines:
                detail = line.get("progressDetail") or {}
                if progress is not None and "status" in line:
                    said = first_line(str(line["status"]))
                    layer, current, total = str(line.get("id", "")), detail.get("current"), detail.get("total")
                    progress(Pulled(layer, said, int(current or 0), int(total or 0)))

    def load(self, archive: IO[bytes], timeout: float) -> tuple[str, ...]:
        """Load a docker-save archive. The references and ids that the engine says it loaded."""
        loaded: list[str] = []
        with self._stream("/images/load", {"quiet": "1"}, timeout, data=archive) as lines:
            for line in lines:
                for text in str(line.get("stream", "")).splitlines():
                    label, _, name = text.partition(": ")
                    if label in ("Loaded image", "Loaded image ID"):
                        loaded.append(name.strip())
        return tuple(loaded)

    def import_rootfs(self, archive: IO[bytes], ref: str, timeout: float) -> None:
        """Make an image of one layer out of a root-filesystem tar."""
        repository, tag = split_ref(ref)
        with self._stream("/images/create", {"fromSrc": "-", "repo": repository, "tag": tag}, timeout, data=archive) as lines:
            for _ in lines:
                pass

    @contextlib.contextmanager
    def _stream(
        self,
        path: str,
        params: Mapping[str, str],
        timeout: float,
        *,
        silence: float | None = None,
        data: IO[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """POST, and the lines of the answer as they come. However it ends, the connection is closed.

        silence: seconds that may pass without a line; as many as the whole may take unless given.
        """
        deadline = time.monotonic() + timeout
        kind = {"Content-Type": "application/x-tar"} if data is not None else {}
        patience = max(0.1, min(timeout, silence or timeout))
        with self._client() as client:
            response = client.post_stream(path, params=params, data=data, headers={**kind, **(headers or {})}, timeout=patience)
            with contextlib.closing(response):
                yield self._lines(response, deadline, timeout)

    @staticmethod
    def _lines(response: requests.Response, deadline: float, timeout: float) -> Iterator[dict[str, Any]]:
        """The records of a stream. An error may stand in any of them, long after the status 200."""
        for text in response.iter_lines(chunk_size=None):
            line = _read_line(text)
            if "errorDetail" in line or "error" in line:
                raise refusal(0, str((line.get("errorDetail") or {}).get("message") or line.get("error")))
            yield line
            if time.monotonic() > deadline:
                raise Transient(f"not done within {timeout:g} s")

    @contextlib.contextmanager
    def _client(self) -> Iterator[_Client]:
        """Borrow a client; whatever goes wrong with it comes out as a HostError. One that failed in mid-air is not used again."""
        client = None
        try:
            with self._lock:
                client = self._idle.pop() if self._idle else None
            client = client or self._connect()
            yield client
        except docker.errors.APIError as error:
            self._give_back(client)
            raise refusal(error.response.status_code if error.response is not None else 0, str(error.explanation or "")) from error
        except requests.exceptions.RequestException as error:
            _close(client)
            raise unreachable(self.path, _root_cause(error)) from error
        except (OSError, docker.errors.DockerException) as error:
            _close(client)
            if isinstance(error, OSError):
                raise unreachable(self.path, error) from error
            raise Permanent(first_line(str(error))) from error
        except BaseException:
            _close(client)
            raise
        else:
            self._give_back(client)

    def _connect(self) -> _Client:
        client = _Client(base_url=f"unix://{self.path}", version=self.version, timeout=int(WRITE))  # type: ignore[arg-type,unused-ignore]
        client.trust_env = False
        client.mount("http+docker://", _OnePool(f"http+unix://{self.path}", int(WRITE), max_pool_size=1))
        return client

    def _give_back(self, client: _Client | None) -> None:
        with self._lock:
            if client is not None and len(self._idle) < CLIENTS:
                self._idle.append(client)
                return
        _close(client)


def split_ref(ref: str) -> tuple[str, str]:
    """(repository, tag or digest) of an image reference; the tag is "latest" when it names none."""
    repository, tag = docker.utils.parse_repository_tag(ref)
    return str(repository), str(tag or "latest")


def _close(client: _Client | None) -> None:
    if client is not None:
        client.close()


def _read_line(text: bytes) -> dict[str, Any]:
    try:
        line = json.loads(text) if text.strip() else {}
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def _root_cause(error: BaseException) -> BaseException:
    """The OSError inside what requests and urllib3 wrapped around it, or the error itself."""
    seen: list[BaseException] = []
    queue: list[Any] = [error]
    while queue:
        current = queue.pop(0)
        if not isinstance(current, BaseException) or current in seen:
            continue
        if isinstance(current, OSError) and not isinstance(current, requests.exceptions.RequestException):
            return current
        seen.append(current)
        queue += [*current.args, getattr(current, "reason", None), current.__cause__, current.__context__]
    return TimeoutError() if isinstance(error, requests.exceptions.Timeout) else error
