"""Agents for tests: the real one in a place, and sockets where something else is at the other end."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reconciler import __version__
from reconciler.cli.asking import ENVIRONMENT, SAME, place
from tests.cli.osvc import Place

NOTHING = "comment: nothing to do here\n"


class Agent:
    """`osvc agent` as a process. said: the lines of its --json, once it has ended."""

    def __init__(self, there: Place, **env: str) -> None:
        self.place = there
        self.said: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", "agent", "--json"],
            cwd=there.root,
            env={**there.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def socket(self) -> str:
        return str(self.place.root / "run/agent.sock")

    def ask(self, words: list[str], /, **more: Any) -> list[dict[str, Any]]:
        """What it answers to a request that a client of this place would make, but for what is given."""
        return asked(self.socket, {**request(self.place.root, self.place.env, words), **more})

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
def agent(there: Place, **env: str) -> Iterator[Agent]:
    """One that answers. A place without specs gets one that says nothing."""
    if not any(there.specs.iterdir()):
        there.spec("web.yaml", NOTHING)
    one = Agent(there, **env)
    try:
        one.answers()
        yield one
    finally:
        one.end()


def request(folder: Path, env: Mapping[str, str], words: Sequence[str]) -> dict[str, Any]:
    """As cli/asking.py makes it in a folder."""
    return {
        "protocol": 1,
        "osvc": __version__,
        "verb": "answer",
        "words": list(words),
        "cwd": str(folder),
        "folder": [folder.stat().st_dev, folder.stat().st_ino],
        "place": place(),
        "environment": {name: value for name, value in env.items() if name in (*ENVIRONMENT, *SAME)},
        "terminals": [None, None],
    }


def asked(path: str, record: Mapping[str, Any], seconds: float = 10.0) -> list[dict[str, Any]]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(seconds)
        sock.connect(path)
        sock.sendall(json.dumps(record).encode() + b"\n")
        return [json.loads(line) for line in sock.makefile()]


@contextmanager
def impostor(there: Place, serve: Callable[[socket.socket], None]) -> Iterator[list[dict[str, Any]]]:
    """Something else on the agent's socket: what it does with each connection once it has read the request. The requests so far."""
    (there.root / "run").mkdir(exist_ok=True)
    requests: list[dict[str, Any]] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(there.root / "run/agent.sock"))
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

    def __init__(self, there: Place, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reconciler", "events", *words],
            env=there.env,
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


def listening(pid: int) -> int:
    """To how many an agent tells its events: the connections of its socket that it has itself, and not its clerk."""
    handles = {os.path.basename(os.path.realpath(f"/proc/{pid}/fd/{handle}")) for handle in os.listdir(f"/proc/{pid}/fd")}
    lines = [line.split() for line in _read("/proc/net/unix").splitlines() if line.endswith("/agent.sock")]
    return sum(f"socket:[{line[6]}]" in handles for line in lines if line[5] == _CONNECTED)


_CONNECTED = "03"
"""The state of a socket in /proc/net/unix."""
