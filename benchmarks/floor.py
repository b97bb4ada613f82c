"""The floor: a script that makes only the necessary engine calls, raw HTTP over the unix socket, by four threads.

    python -c 'from benchmarks.floor import main; main()' WORK SOCKET IMAGE COUNT

It knows beforehand what is to be done, checks nothing and remembers nothing: nobody who does the same work can be faster by more
than its own start-up. Standard library only.
"""

import json
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection
from socket import AF_UNIX, socket
from typing import Any

LIMIT = 120.0
"""Seconds that an engine may be silent in the middle of a call: one that hangs fails the run, and does not hang it."""
THREADS = 4
"""The engine's best on two cores; eight are slower."""


class Line(HTTPConnection):
    """One connection to an engine, which raises TimeoutError when that is silent for too long."""

    def __init__(self, path: str, limit: float = LIMIT) -> None:
        super().__init__("engine", timeout=limit)
        self._path = path

    def connect(self) -> None:
        self.sock = socket(AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def call(self, method: str, url: str, body: Any = None) -> Any:
        """One call; its answer, read as JSON. Raises RuntimeError when the engine refuses."""
        text = self.say(method, url, {"Content-Type": "application/json"}, json.dumps(body) if body is not None else None)
        return json.loads(text) if text else None

    def say(self, method: str, url: str, headers: Mapping[str, str], body: str | None = None) -> bytes:
        """One call, and its answer as it is. Raises RuntimeError when the engine refuses."""
        self.request(method, url, body, headers)
        answer = self.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {url}: {answer.status} {text.decode(errors='replace')}")
        return text


def in_four(path: str, items: Sequence[str], work: Callable[[Line, str], object]) -> None:
    """Do the work for each item, by four threads with a connection each. Raises the first error."""
    errors: list[Exception] = []

    def share(mine: Sequence[str]) -> None:
        try:
            line = Line(path)
            for item in mine:
                work(line, item)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=share, args=(items[n::THREADS],)) for n in range(min(THREADS, len(items)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def body(image: str, seconds: int = 100000) -> dict[str, Any]:
    """The container that everybody makes."""
    return {"Image": image, "Cmd": ["sleep", str(seconds)], "HostConfig": {"NetworkMode": "bridge"}}


def name_of(number: int) -> str:
    return f"floor-{number}"


def cold(path: str, image: str, count: int) -> None:
    """Create and start: two calls a container. image: "{n}" in it stands for the container's number."""

    def make(line: Line, name: str) -> None:
        made = line.call("POST", f"/containers/create?name={name}", body(image.replace("{n}", name.rpartition("-")[2])))
        line.call("POST", f"/containers/{made['Id']}/start")

    in_four(path, [name_of(n) for n in range(1, count + 1)], make)


def no_op(path: str, image: str, count: int) -> None:
    """See that all is there: the containers and the images, two calls."""
    line = Line(path)
    running = [one for one in line.call("GET", "/containers/json?all=1") if one["State"] == "running"]
    assert len(running) == count
    assert any(image in (one["RepoTags"] or ()) for one in line.call("GET", "/images/json"))


def changed(path: str, image: str, count: int) -> None:
    """Replace the first: five calls."""
    line = Line(path)
    assert len(line.call("GET", "/containers/json?all=1")) == count
    name = name_of(1)
    line.call("POST", f"/containers/{name}/stop")
    line.call("DELETE", f"/containers/{name}")
    made = line.call("POST", f"/containers/create?name={name}", body(image, 100001))
    line.call("POST", f"/containers/{made['Id']}/start")


def killed(path: str, image: str, count: int) -> None:
    """Start what has ended: two calls."""
    line = Line(path)
    (ended,) = [one["Id"] for one in line.call("GET", "/containers/json?all=1") if one["State"] == "exited"]
    line.call("POST", f"/containers/{ended}/start")


def down(path: str, image: str, count: int) -> None:
    """Stop and remove: two calls a container, and one to see them."""

    def remove(line: Line, found: str) -> None:
        line.call("POST", f"/containers/{found}/stop")
        line.call("DELETE", f"/containers/{found}")

    in_four(path, [one["Id"] for one in Line(path).call("GET", "/containers/json?all=1")], remove)


WORK = {"cold": cold, "no-op": no_op, "one changed": changed, "one killed": killed, "tear-down": down}


def main() -> None:
    work, path, image, count = sys.argv[1:]
    WORK[work](path, image, int(count))


if __name__ == "__main__":
    main()
