"""Measure: whole processes, one at a time, through the runner."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

LIMIT = 300.0
"""Seconds that one process may take before it is killed, and its row void."""
RUNNER = Path(__file__).with_name("runner.py")


@dataclass(frozen=True, slots=True)
class Done:
    """What one piece of work took. Of several processes one after the other: the sum, and the largest memory.

    fault: "" or why it does not count.
    """

    seconds: float
    memory: int
    fault: str = ""


class Measure:
    """Runs processes with a clean environment. Use as a context manager."""

    def __init__(self) -> None:
        self._runner = subprocess.Popen(
            [sys.executable, "-I", "-S", str(RUNNER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._runner.kill()
        self._runner.communicate()

    def run(self, argv: Iterable[str], env: Mapping[str, str]) -> Done:
        """One process. What it says is kept in memory: a terminal's speed is nobody's."""
        words = [*argv]
        assert self._runner.stdin is not None and self._runner.stdout is not None
        self._runner.stdin.write(json.dumps({"argv": words, "env": clean() | dict(env), "limit": LIMIT}) + "\n")
        self._runner.stdin.flush()
        done = json.loads(self._runner.stdout.readline())
        said = done["said"].splitlines()
        program = f"{os.path.basename(words[0])} {' '.join(words[1:4])}"
        fault = f"{program}: exit {done['code']}: {said[-1] if said else ''}" if done["code"] else ""
        return Done(done["seconds"], done["memory"], fault)

    def each(self, argvs: Iterable[Iterable[str]], env: Mapping[str, str]) -> Done:
        """Several processes, one after the other, as one piece of work; the first that fails ends it."""
        seconds, memory = 0.0, 0
        for argv in argvs:
            done = self.run(argv, env)
            seconds, memory = seconds + done.seconds, max(memory, done.memory)
            if done.fault:
                return Done(seconds, memory, done.fault)
        return Done(seconds, memory)


def clean() -> dict[str, str]:
    """The environment that everybody gets: nothing that keeps Python from using its compiled files."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
