"""Images on their way into a Docker engine, through the `docker` package's low-level client. The one file that imports it.

It brings what a pull needs: registry credentials, long streams. Imported when an image moves, and not before: the package takes
longer to import than a plan with nothing to do takes in all.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import docker
import docker.auth
import docker.errors
import docker.utils
import requests

from reconciler.host.docker_ports import Pulled
from reconciler.host.errors import Permanent, Transient
from reconciler.host.linux.docker_errors import refusal, unreachable
from reconciler.host.text import first_line

SHORT = 60.0
"""Seconds that the engine has for the answer to a tag."""
STALL = 60.0
"""Seconds that a stream may say nothing before it counts as stalled."""


class _Client(docker.APIClient):
    """The package's client, with its own way of posting made known by name: a stream with a time-out."""

    def take_credentials(self, path: str) -> None:
        """Use a file like ~/.docker/config.json instead of that one. Raises Permanent when it is not there, or is none."""
        try:
            with open(path, encoding="utf-8") as file:
                record = json.load(file)
        except OSError as error:
            raise Permanent(f"cannot read registry_creds {path}: {error.strerror}") from error
        except ValueError:
            raise Permanent(f"registry_creds {path} is no JSON; it is to be like ~/.docker/config.json") from None
        if not isinstance(record, dict) or not isinstance(record.get("auths"), dict):
            raise Permanent(f'registry_creds {path} has no "auths"; it is to be like ~/.docker/config.json')
        try:
            self._auth_configs = docker.auth.load_config(config_path=path, config_dict=None)
        except (docker.errors.DockerException, ValueError, TypeError, KeyError, AttributeError):
            raise Permanent(f'registry_creds {path}: an entry of its "auths" is broken; docker login writes such a file') from None

    def get_record(self, path: str, **request: Any) -> dict[str, Any]:
        """GET, and the body as a record. Raises APIError."""
        response: requests.Response = self._get(self._url(path), **request)  # type: ignore[attr-defined]
        self._raise_for_status(response)  # type: ignore[attr-defined]
        found = response.json()
        return found if isinstance(found, dict) else {}

    def post_stream(self, path: str, **request: Any) -> requests.Response:
        """POST, and the response while its body is still coming. Raises APIError."""
        response: requests.Response = self._post(self._url(path), stream=True, **request)  # type: ignore[attr-defined]
        self._raise_for_status(response)  # type: ignore[attr-defined]
        return response


class DockerImages:
    """The image calls of one engine that take long. Safe to use from several threads: each call has a client. Raises HostError."""

    def __init__(self, path: str, version: str) -> None:
        self.path = path
        self.version = version

    def tag(self, image: str, ref: str) -> None:
        repository, tag = split_ref(ref)
        with self._client() as client:
            client.tag(image, repository, tag)

    def pull(
        self, ref: str, timeout: float, progress: Callable[[Pulled], None] | None, credentials: str = "", platform: str = ""
    ) -> None:
        """Pull one image, to the end of the stream. Transient when it says nothing for a minute, or is not done in time."""
        repository, tag = split_ref(ref)
        headers = self._headers(repository, credentials)
        params = {"fromImage": repository, "tag": tag} | ({"platform": platform} if platform else {})
        with self._stream("/images/create", params, timeout, silence=STALL, headers=headers) as lines:
            for line in lines:
                detail = line.get("progressDetail") or {}
                if progress is not None and "status" in line:
                    said = first_line(str(line["status"]))
                    layer, current, total = str(line.get("id", "")), detail.get("current"), detail.get("total")
                    progress(Pulled(layer, said, int(current or 0), int(total or 0)))

    def distribution(self, ref: str, credentials: str = "") -> str:
        """The digest that the registry has for a reference."""
        headers = self._headers(split_ref(ref)[0], credentials)
        with self._client() as client:
            found = client.get_record(f"/distribution/{ref}/json", headers=headers)
        return str((found.get("Descriptor") or {}).get("digest") or "")

    def _headers(self, repository: str, credentials: str) -> dict[str, str]:
        """What says who asks. credentials: a file like the docker client's own, or "" for that one."""
        registry = docker.auth.resolve_repository_name(repository)[0]
        with self._client() as client:
            if credentials:
                client.take_credentials(credentials)
            header = docker.auth.get_config_header(client, registry)
        if not header:
            return {}
        return {"X-Registry-Auth": str(header, "ascii") if isinstance(header, bytes) else header}

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
        """A client of its own; whatever goes wrong with it comes out as a HostError."""
        try:
            with contextlib.closing(self._connect()) as client:
                yield client
        except docker.errors.APIError as error:
            raise refusal(error.response.status_code if error.response is not None else 0, str(error.explanation or "")) from error
        except requests.exceptions.RequestException as error:
            raise unreachable(self.path, _root_cause(error)) from error
        except OSError as error:
            raise unreachable(self.path, error) from error
        except docker.errors.DockerException as error:
            raise Permanent(first_line(str(error))) from error

    def _connect(self) -> _Client:
        client = _Client(base_url=f"unix://{self.path}", version=self.version, timeout=int(SHORT))  # type: ignore[arg-type,unused-ignore]
        client.trust_env = False
        return client


def split_ref(ref: str) -> tuple[str, str]:
    """(repository, tag or digest) of an image reference; the tag is "latest" when it names none."""
    repository, tag = docker.utils.parse_repository_tag(ref)
    return str(repository), str(tag or "latest")


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
