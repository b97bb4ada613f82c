"""Wire: this side of the serial port over which a machine is told what to do (its side: guest/agent.py)."""

import json
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Gone(Exception):
    """The machine ended, or never came, while something was expected of it."""


class Wire:
    """path: the socket of the emulator. alive: whether the emulator runs."""

    def __init__(self, path: Path, alive: Callable[[], bool]) -> None:
        self._path, self._alive = path, alive
        self._socket: socket.socket | None = None
        self._rest = b""
        self._answers: dict[str, dict[str, Any]] = {}
        self._events: list[str] = []

    def connect(self, patience: float) -> str:
        """Wait for the machine's hello. Its boot id. Raises Gone when it does not come in time."""
        deadline = time.monotonic() + patience
        while self._socket is None:
            try:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._socket.connect(str(self._path))
            except OSError:
                self._socket.close()
                self._socket = None
                if not self._alive() or time.monotonic() > deadline:
                    raise Gone("the emulator did not start") from None
                time.sleep(0.05)
        while "hello" not in (line := self._line(deadline)):
            pass
        return str(line["hello"])

    def ask(self, script: str, given: str, patience: float) -> str:
        """Have a script run. The id to wait for."""
        assert self._socket is not None, "the machine is off"
        id = secrets.token_hex(8)
        request = {"id": id, "script": script, "input": given, "patience": patience}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise Gone(f"the machine cannot be reached: {error}") from None
        return id

    def answer(self, id: str, patience: float) -> dict[str, Any]:
        """What became of a script. Raises Gone."""
        deadline = time.monotonic() + patience
        while id not in self._answers:
            self._take(self._line(deadline))
        return self._answers.pop(id)

    def event_or_answer(self, id: str, patience: float) -> str | dict[str, Any]:
        """The next event, or what became of the script, whichever is first. Raises Gone."""
        deadline = time.monotonic() + patience
        while id not in self._answers and not self._events:
            self._take(self._line(deadline))
        return self._events.pop(0) if self._events else self._answers.pop(id)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._rest = None, b""
        self._answers.clear()
        self._events.clear()

    def _take(self, line: dict[str, Any]) -> None:
        if "hello" in line:
            raise Gone("the machine started again by itself")
        if "event" in line:
            self._events.append(line["event"])
        else:
            self._answers[line["id"]] = line

    def _line(self, deadline: float) -> dict[str, Any]:
        assert self._socket is not None, "the machine is off"
        while b"\n" not in self._rest:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                more = self._socket.recv(1 << 16)
            except TimeoutError:
                raise Gone("the machine does not answer") from None
            except OSError as error:
                raise Gone(f"the machine cannot be reached: {error}") from None
            if not more:
                raise Gone("the machine has ended")
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found
