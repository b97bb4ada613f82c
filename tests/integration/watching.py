"""Watching: `osvc watch --json` as a child on the real machine, and when it said what."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.integration.lab import Lab

PATIENCE = 20.0
OURS = (sys.executable, "-m", "reconciler")


class Watching:
    """It is told to look at everything once an hour: only what rings makes it look.

    lines: what it has said. heard: when each of them came (time.monotonic()). program: the words that start osvc. verb: watch, or
    agent.
    """

    def __init__(
        self, lab: Lab, *, program: Sequence[str] = OURS, environ: Mapping[str, str] | None = None, verb: str = "watch"
    ) -> None:
        self.lines: list[dict[str, Any]] = []
        self.heard: list[float] = []
        self.process = subprocess.Popen(
            [*program, verb, "--json", "--interval", "1h"],
            env={**lab.env, **(environ or {})},
            cwd=lab.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.heard.append(time.monotonic())
            self.lines.append(json.loads(line))

    def steps(self, since: int) -> list[str]:
        """The rids of the steps that were done since so many lines."""
        ended = [line for line in self.lines[since:] if line["event"] == "step ended"]
        assert {line["status"] for line in ended} <= {"done", "already done"}, ended
        return [line["rid"] for line in ended]

    def repaired(self, since: int) -> list[str]:
        """Wait until a run ended well and nothing more comes; the rids of its steps."""
        until(lambda: any(line["event"] == "ended" for line in self.lines[since:]))
        self.quiet()
        ends = [line["result"]["end"] for line in self.lines[since:] if line["event"] == "ended"]
        assert set(ends) == {"converged"}, self.lines[since:]
        return self.steps(since)

    def quiet(self, seconds: float = 1.5) -> None:
        """Wait until nothing has been said for so long: a repair must not make for another one."""
        said, since = len(self.lines), time.monotonic()
        while time.monotonic() < since + seconds:
            time.sleep(0.05)
            if len(self.lines) != said:
                said, since = len(self.lines), time.monotonic()

    def end(self, number: int = signal.SIGTERM) -> str:
        """End it by a signal; its error output."""
        self.process.send_signal(number)
        code = self.process.wait(30)
        self._reader.join(10)
        assert self.process.stderr is not None
        said = self.process.stderr.read()
        assert code == 128 + number and "Traceback" not in said, said
        return said


@contextlib.contextmanager
def watching(lab: Lab, *, program: Sequence[str] = OURS, rest: float = 1.5, verb: str = "watch") -> Iterator[Watching]:
    """A watch that has begun, and come to rest: it has said nothing for so many seconds."""
    watch = Watching(lab, program=program, verb=verb)
    try:
        until(lambda: any(line["event"] == "ended" for line in watch.lines))
        watch.quiet(rest)
        yield watch
    finally:
        if watch.process.poll() is None:
            watch.end()


def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.02)
