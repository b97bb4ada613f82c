"""Engines: what an engine has, as the benchmark checks it before and after each piece of work. Never timed."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from benchmarks.floor import Line, in_four


@dataclass(frozen=True, slots=True)
class Found:
    """One container. Two of these are equal when nobody touched it in between."""

    id: str
    pid: int
    started: str
    command: tuple[str, ...]

    @property
    def runs(self) -> bool:
        return self.pid > 0


def look(socket: str) -> dict[str, Found]:
    """name -> container, of all that the engine has."""
    seen: dict[str, Found] = {}

    def inspect(line: Line, container: str) -> None:
        record: dict[str, Any] = line.call("GET", f"/containers/{container}/json")
        state, config = record["State"], record["Config"]
        seen[record["Name"].lstrip("/")] = Found(record["Id"], state["Pid"], state["StartedAt"], tuple(config["Cmd"]))

    in_four(socket, [one["Id"] for one in Line(socket).call("GET", "/containers/json?all=1")], inspect)
    return seen


def kill(socket: str, name: str, lasted: float) -> None:
    """End a container's process by its pid, as a crash does (the engine's own kill would be a stop), and wait for the engine.

    lasted: seconds that it must have run by then.
    """
    found = look(socket)[name]
    started = datetime.fromisoformat(found.started[:19]).replace(tzinfo=UTC)
    time.sleep(max(0.0, lasted - (datetime.now(UTC) - started).total_seconds()))
    os.kill(found.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while look(socket)[name].runs:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the engine did not see that {name} ended")
        time.sleep(0.05)


def clear(socket: str) -> None:
    """Remove every container: what somebody left who failed."""

    def remove(line: Line, name: str) -> None:
        with contextlib.suppress(RuntimeError):
            line.call("DELETE", f"/containers/{name}?force=1")

    in_four(socket, [one["Id"] for one in Line(socket).call("GET", "/containers/json?all=1")], remove)


def wrong(work: str, before: Mapping[str, Found], after: Mapping[str, Found], names: tuple[str, ...]) -> str:
    """Why the work was not done as it should, or "": the running set, and who was touched and how.

    The first of the names is the one that is changed, the last the one that is killed.
    """
    expected = set() if work == "tear-down" else set(names)
    if set(after) != expected:
        return f"{len(expected)} containers should be there; {_listed(set(after) ^ expected)} should not differ"
    ended = [name for name in after if not after[name].runs]
    if ended:
        return f"{len(after) - len(ended)} of {len(after)} run; not {_listed(ended)}"
    if work in ("cold", "tear-down"):
        return f"{_listed(before)} was there before" if work == "cold" and before else ""
    touched = {name for name in names if before.get(name) != after[name]}
    fresh = {name for name in touched if name not in before or before[name].id != after[name].id}
    should = {"one changed": ({names[0]}, {names[0]}), "one killed": ({names[-1]}, set())}
    wanted, made = should.get(work, (set(), set()))
    if touched != wanted:
        return f"touched {_listed(touched) or 'nothing'} instead of {_listed(wanted) or 'nothing'}"
    if fresh != made:
        return f"made {_listed(fresh) or 'nothing'} instead of {_listed(made) or 'nothing'}"
    if work == "one changed" and before[names[0]].command == after[names[0]].command:
        return f"{names[0]} still has its old command"
    return ""


def _listed(names: Iterable[str]) -> str:
    some = sorted(names)
    return ", ".join(some[:3]) + (f" and {len(some) - 3} more" if len(some) > 3 else "")
