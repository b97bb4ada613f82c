"""Agents for tests: the real one in a place, and sockets where something else is at the other end."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.cli.osvc import Place

NOTHING = "comment: nothing to do here\n"


class Agent:
    """`osvc agent` as a process. said: the lines of its --json, once it has ended."""

    def __init__(self, place: Place, **env: str) -> None:
        self.place = place
        self.said: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", "agent", "--json"],
            cwd=place.root,
            env={**place.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def socket(self) -> str:
        return str(self.place.root / "run/agent.sock")

    def ask(self, words: list[str], **more: Any) -> list[dict[str, Any]]:
        """What it answers to a request that a client of this place would make, but for what is given."""
        return asked(self.socket, {**request(self.place, words), **more})

    def answers(self, seconds: float = 30.0) -> None:
        """Wait until it does."""
        until = time.monotonic() + seconds
        while True:
            try:
                if "code" in self.ask(["ls"])[-1]:
                    return
            except OSError:
                pass
            assert time.monotonic() < until and self.process.poll() is None, self.process.stderr
            time.sleep(0.05)

    def clerk(self) -> int:
        """The pid of the process that answers."""
        children = f"/proc/{self.process.pid}/task"
        found = [int(pid) for task in os.listdir(children) for pid in _read(f"{children}/{task}/children").split()]
        (pid,) = (pid for pid in found if "reconciler.cli.clerk" in _read(f"/proc/{pid}/cmdline"))
        return pid

    def end(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
            out, err = self.process.communicate(timeout=60)
            self.said = [json.loads(line) for line in out.splitlines()]
            assert err == ""
        return self.process.returncode


@contextmanager
def agent(place: Place, **env: str) -> Iterator[Agent]:
    """One that answers. A place without specs gets one that says nothing."""
    if not any(place.specs.iterdir()):
        place.spec("web.yaml", NOTHING)
    one = Agent(place, **env)
    try:
        one.answers()
        yield one
    finally:
        one.end()


def request(place: Place, words: list[str]) -> dict[str, Any]:
    """As cli/asking.py makes it."""
    from reconciler import __version__
    from reconciler.cli.asking import ENVIRONMENT, SAME
    from reconciler.cli.asking import place as seen_from

    return {
        "protocol": 1,
        "osvc": __version__,
        "verb": "answer",
        "words": words,
        "cwd": str(place.root),
        "place": seen_from(),
        "environment": {name: value for name, value in place.env.items() if name in (*ENVIRONMENT, *SAME)},
        "terminals": [None, None],
    }


def asked(path: str, record: Mapping[str, Any], seconds: float = 10.0) -> list[dict[str, Any]]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(seconds)
        sock.connect(path)
        sock.sendall(json.dumps(record).encode() + b"\n")
        return [json.loads(line) for line in sock.makefile()]


@contextmanager
def impostor(place: Place, serve: Callable[[socket.socket], None]) -> Iterator[list[dict[str, Any]]]:
    """Something else on the agent's socket: what it does with each connection once it has read the request. The requests so far."""
    (place.root / "run").mkdir(exist_ok=True)
    requests: list[dict[str, Any]] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place.root / "run/agent.sock"))
        listener.listen()

        def run() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    requests.append(json.loads(sock.makefile().readline()))
                    serve(sock)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield requests
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


class Events:
    """`osvc events` as a process; once it is there the agent tells it everything."""

    def __init__(self, place: Place, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", "events", *words],
            env=place.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> tuple[int, str, str]:
        """To the end of it: its code, and what it said since."""
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


def listening(one: Agent) -> int:
    """How many events' listeners an agent has: connections of its own to its socket (its clerk holds none)."""
    count = 0
    for handle in os.listdir(f"/proc/{one.process.pid}/fd"):
        try:
            inode = os.readlink(f"/proc/{one.process.pid}/fd/{handle}")
        except OSError:
            continue
        count += any(f" {inode[8:-1]} {one.socket}" in line for line in _read("/proc/net/unix").splitlines() if " 03 " in line)
    return count
