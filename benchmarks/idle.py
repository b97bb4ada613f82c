"""Idle: the row of an agent that has nothing to do.

    python -m benchmarks.idle COUNT MINUTES LITTER [--osvc PROGRAM]

Run in a place (benchmarks/place.py), as root; prints the row, as JSON, and progress on stderr. COUNT services of five resources are
up: a container and a volume on the one shared engine, a tmpfs, a directory and an address; one in twenty has an engine of its own
instead of the volume. The agent has come to rest. Measured is the processor time of the agent and its children for so many minutes,
told as seconds in ten minutes, and what memory they have (PSS); beside it the shared engine's own, which idles as well. It counts
only if no process was started but at a look at everything, and every container is the same process as before.
"""

import argparse
import json
import os
import re
import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import engines
from benchmarks.answers import agent
from benchmarks.cycles import OWN, stage
from benchmarks.hosts import run
from benchmarks.place import Litter
from benchmarks.repairs import lab_of
from benchmarks.rows import Goal, Row, Samples
from benchmarks.sides import write_record
from tests.integration.lab import Lab

SHAPE: Final = "idle"
TOLD: Final = 600.0
"""Seconds that processor times are told for."""
GOAL: Final = Goal(0.0, slack=0.005 * TOLD)
MEMORY: Final = 150_000_000
"""Bytes that the agent and its children may have."""
INTERVAL: Final = 300.0
"""Seconds between two looks at everything, a tenth more or less."""
OWN_ENGINE: Final = 20
"""One service of so many has an engine of its own."""
REST: Final = 15.0
"""Seconds until an agent that did something is at rest: it looks once more 10 s after it."""
DEVICE: Final = "bench0"
OURS: Final = "osvc agent"
BESIDE: Final = "the shared engine"
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_UTIME, _CHILDRENS_FAULTS = 10, 7
"""Places in `_fields`: utime, with stime, cutime and cstime after it; cminflt."""


def rows(count: int, minutes: float, litter: Litter, osvc: Path) -> Iterator[Row]:
    with stage("services", litter, osvc, "") as here:
        lab = lab_of(here)
        run("ip", "link", "add", DEVICE, "type", "bridge")
        run("ip", "link", "set", DEVICE, "up")
        for n in range(count):
            name = f"s{n}"
            tag = f"osvc-{lab.node.tag(name)}"
            litter.add(tag, f"{tag}-c")
            write_record(lab.specs / f"{name}.yaml", service(lab, n))
        try:
            lab.osvc("apply", "--yes", "--quiet", str(lab.specs), timeout=1800)
            yield _watched(lab, here.socket, count, minutes, osvc)
        finally:
            lab.osvc("stop", "*", "--quiet", ok=tuple(range(256)), timeout=1800)


def service(lab: Lab, n: int) -> dict[str, Any]:
    """What the file of one says."""
    own = n % OWN_ENGINE == 0
    mine = lab.root / f"m{n}"
    found = {
        "fs#1": {"type": "tmpfs", "dev": "tmpfs", "mnt": str(mine), "mnt_opt": "size=1m"},
        "fs#2": {"type": "directory", "path": f"{mine}/data"},
        "ip#1": {"name": f"10.77.{n // 250}.{n % 250 + 1}", "netmask": 32, "dev": DEVICE},
        "container#1": lab.container(network="none"),
        **({} if own else {"volume#1": {}}),
    }
    return {**({"docker_data_dir": f"{lab.root}/d/{n}"} if own else {}), "resources": found}


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process and its children took so far: seconds of a processor, those of children that ended as well; and the bytes that
    they have, of shared ones their part."""

    seconds: float
    memory: int

    @classmethod
    def of(cls, pid: int) -> "Spent":
        pids = [pid, *_children(pid)]
        ticks = sum(sum(_fields(one)[_UTIME : _UTIME + 4]) for one in pids)
        return cls(ticks / _TICKS, sum(map(_pss, pids)))

    def since(self, before: "Spent") -> "Spent":
        return Spent(self.seconds - before.seconds, self.memory)


def _watched(lab: Lab, path: str, count: int, minutes: float, osvc: Path) -> Row:
    faults: list[str] = []
    engine, before = _listener(path), engines.look(path)
    with agent(lab, osvc) as pid:
        time.sleep(REST)
        began, ours, beside = time.monotonic(), Spent.of(pid), Spent.of(engine)
        bursts = _bursts(pid, began + 60 * minutes)
        seconds = time.monotonic() - began
        ours, beside = Spent.of(pid).since(ours), Spent.of(engine).since(beside)
    print(f"  {SHAPE} {count}: {minutes:g} min, processes started at {bursts} times", file=sys.stderr, flush=True)
    if bursts > seconds / (0.9 * INTERVAL) + 1:
        faults.append(f"processes were started at {bursts} times in {minutes:g} min")
    if ours.memory > MEMORY:
        faults.append(f"{ours.memory / 1e6:.0f} MB of memory, where {MEMORY / 1e6:.0f} would do")
    if engines.look(path) != before:
        faults.append("containers were touched")
    told = [Samples(what, (spent.seconds * TOLD / seconds,), spent.memory) for what, spent in ((OURS, ours), (BESIDE, beside))]
    return Row(SHAPE, count, SHAPE, *told, goal=GOAL, faults=tuple(faults))


def _bursts(pid: int, until: float) -> int:
    """How often, until then, the agent started processes; those of one look count once."""
    found, last, before = 0, float("-inf"), _reaped(pid)
    while (now := time.monotonic()) < until:
        time.sleep(1.0)
        after = _reaped(pid)
        if after != before:
            found += now > last + INTERVAL / 10
            last, before = now, after
    return found


def _reaped(pid: int) -> tuple[int, ...]:
    """Another one whenever a child of these processes came or ended: a child that was waited for has had page faults."""
    children = _children(pid)
    return (*children, *(_fields(one)[_CHILDRENS_FAULTS] for one in (pid, *children)))


def _children(pid: int) -> tuple[int, ...]:
    """All of its descendants."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *_children(child)]
    return tuple(sorted(found))


def _fields(pid: int) -> list[int]:
    """The numbers of proc(5)'s stat, from the parent's pid on."""
    return [int(word) for word in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1:]]


def _pss(pid: int) -> int:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) << 10


def _listener(path: str) -> int:
    """The pid of who listens on a socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        return struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]  # type: ignore[no-any-return]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle")
    parser.add_argument("count", type=int)
    parser.add_argument("minutes", type=float)
    parser.add_argument("litter", type=Path)
    parser.add_argument("--osvc", type=Path, default=OWN)
    options = parser.parse_args()
    for row in rows(options.count, options.minutes, Litter(options.litter), options.osvc):
        print(json.dumps(row.record()), flush=True)


if __name__ == "__main__":
    main()
