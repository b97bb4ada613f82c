"""The fake doorbells: they ring when the machine is another than at the last look. Time passes while somebody waits."""

import json
import os
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from reconciler.core.bells import EXCHANGED, Bell, Rings, Source, both
from reconciler.host.errors import HostError
from tests.fakehost.machine import Machine

Parts = dict[str, str]
"""Part -> what it is like, in some words that change with it."""


class FakeDoorbells:
    """Implements ports.Doorbells. Files are those of the real machine: specs are read from there."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._bells: frozenset[Bell] = frozenset()
        self._last: dict[Bell, Parts | None] = {}
        self._ended: set[Bell] = set()
        self._rung: dict[Bell, str] = {}
        self._woken = False

    def listen(self, bells: Collection[Bell]) -> None:
        self._bells, wholes = frozenset(bells), {bell.whole for bell in bells}
        self._ended &= wholes
        self._last = {whole: parts for whole, parts in self._last.items() if whole in wholes}
        for whole in wholes - self._last.keys():
            self._last[whole] = self._parts(whole)
            if whole.source is Source.PROCESS and self._last[whole] is None:
                self._end(whole)

    def wait(self, seconds: float) -> Rings:
        machine, until, slept = self._machine, self._machine.ticks + seconds, self._machine.slept
        while True:
            machine.settle()
            self._hear()
            if self._rung or self._woken or machine.ticks >= until or machine.slept > slept:
                rung, self._rung, self._woken = self._rung, {}, False
                return rung
            soonest = min([at for at, _ in machine.agenda] + machine.sleepers, default=until)
            step = min(soonest, until) - machine.ticks
            machine.pass_time(step)
            if soonest > until:
                machine.ticks = max(machine.ticks, until)

    def wake(self) -> None:
        with self._machine.tide:
            self._woken = True
            self._machine.tide.notify_all()

    def deaf(self) -> dict[Bell, str]:
        return {bell: "it is down" for bell, parts in self._last.items() if parts is None and bell not in self._ended}

    def close(self) -> None:
        self.listen(())

    def _hear(self) -> None:
        for whole, last in self._last.items():
            now = self._parts(whole)
            self._last[whole] = now
            if now == last:
                continue
            if whole.source is Source.PROCESS:
                self._end(whole)
            elif whole.source is Source.FILES and whole._replace(part=EXCHANGED) in self._bells and _exchanged(last, now):
                self._ring(whole._replace(part=EXCHANGED))
            elif now is None or last is None or whole.source is Source.FILES:
                self._ring(whole)
            else:
                for part in {*now, *last}:
                    if now.get(part) != last.get(part):
                        self._name(whole, part, _became(whole.source, last.get(part, ""), now.get(part, "")))

    def _name(self, whole: Bell, part: str, said: str) -> None:
        named = whole._replace(part=part)
        if named in self._bells:
            self._ring(named, said)
        if whole in self._bells:
            self._ring(whole)

    def _ring(self, bell: Bell, said: str = "") -> None:
        self._rung[bell] = both(self._rung.get(bell, ""), said)

    def _end(self, whole: Bell) -> None:
        if whole not in self._ended:
            self._ended.add(whole)
            self._ring(whole, "ended")

    def _parts(self, whole: Bell) -> Parts | None:
        looks: dict[Source, Callable[[str], Parts | None]] = {
            Source.ENGINE: self._engine,
            Source.LINKS: self._links,
            Source.MOUNTS: self._mounts,
            Source.PROCESS: self._process,
            Source.FILES: _files,
        }
        return looks[whole.source](whole.key)

    def _engine(self, socket: str) -> Parts | None:
        engine = self._machine.docker.by_hand(socket)
        try:
            found: Parts = {}
            for record in engine.containers():
                seen = engine.inspect(record["Id"])
                said = _said([seen["Name"], seen["State"], seen["HostConfig"], sorted(seen["NetworkSettings"]["Networks"])])
                found[f"container {seen['Id']}"] = found[f"container {seen['Name'].lstrip('/')}"] = said
            found |= {f"network {record['Name']}": str(record["Id"]) for record in engine.networks()}
            found |= {f"volume {record['Name']}": "" for record in engine.volumes()}
        except HostError:
            return None
        return found

    def _links(self, key: str) -> Parts:
        return {link.name: repr(link) for link in self._machine.net.link_records(self._machine.ticks)}

    def _mounts(self, key: str) -> Parts:
        found: Parts = {}
        for mount in self._machine.tree.table():
            found[mount.target] = found.get(mount.target, "") + repr(mount)
        return found

    def _process(self, key: str) -> Parts | None:
        pid, started = map(int, key.split())
        process = self._machine.processes.get(pid)
        return None if process is None or started not in (0, process.started) else {}


def _files(path: str) -> Parts:
    found: Parts = {}
    for name in [path, *([f"{path}/{name}" for name in os.listdir(path)] if os.path.isdir(path) else [])]:
        with suppress(OSError):
            seen = os.stat(name)
            found[name] = _said([seen.st_mode, seen.st_size, seen.st_ino, seen.st_ctime_ns if not os.path.isdir(name) else 0])
    return found


def _exchanged(last: Parts | None, now: Parts | None) -> bool:
    """Whether nothing happened but that files came in the place of others."""
    if not last or not now or last.keys() != now.keys():
        return False
    return all(json.loads(last[name])[2] != json.loads(now[name])[2] for name in now if now[name] != last[name])


def _became(source: Source, last: str, now: str) -> str:
    """What a real bell says of the most common changes; "" for others."""
    if source is Source.MOUNTS:
        more = now.count("Mount(") - last.count("Mount(")
        return "mounted" if more > 0 else "unmounted" if more < 0 else "changed"
    if source is not Source.ENGINE or not now:
        return "removed" if source is Source.ENGINE else ""
    before, state = (json.loads(text)[1] if text.startswith("[") else {} for text in (last, now))
    if state.get("Status") == before.get("Status"):
        return "" if last else "created"
    died = f"died (exit {state['ExitCode']})"
    return {"running": "started", "exited": died, "created": "created", "paused": "paused"}.get(state["Status"], "")


def _said(of: Any) -> str:
    return json.dumps(of, sort_keys=True, default=str)
