"""Hosts: the rows of a machine that has much, none of it in an engine.

    python -m benchmarks.hosts COUNT RUNS LITTER [--osvc PROGRAM]

Run in a place (benchmarks/place.py), as root; prints a row a line, as JSON, and progress on stderr. COUNT mounts, as many
addresses on one device, and a quarter as many volume groups are there, and one service has them all. The floor is what a person
types to see the same: `vgs`, `ip`, `findmnt`.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.cycles import Tally, print_rows
from benchmarks.measure import Done, Measure
from benchmarks.place import Litter
from benchmarks.rows import Goal, Row
from benchmarks.sides import START_UP, write_record
from tests.integration.lab import Lab

SHAPE: Final = "host"
WORKS: Final = {"status": 0, "plan": 2}
"""The verbs, and how each ends: the groups are to be claimed."""
FLOOR: Final = ["/bin/sh", "-c", "vgs && ip addr show && findmnt"]
FLOOR_NAME: Final = "vgs, ip addr, findmnt"
GOAL: Final = Goal(1.3)
DEVICE: Final = "bench0"
MEGABYTES: Final = 8
_LOOP_CTL_GET_FREE, _LOOP_CONFIGURE, _AUTOCLEAR = 0x4C82, 0x4C0A, 4


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def loop(file: Path) -> Iterator[str]:
    """A loop device of a backing file, for as long as this process holds it: the kernel takes it away with its last user."""
    control, backing = os.open("/dev/loop-control", os.O_RDWR), os.open(file, os.O_RDWR)
    device = -1
    try:
        name = f"/dev/loop{fcntl.ioctl(control, _LOOP_CTL_GET_FREE)}"
        device = os.open(name, os.O_RDWR)
        # struct loop_config: fd, block size, struct loop_info64 (its flags at byte 52 of 232), 64 bytes that are reserved
        config = bytearray(304)
        config[0:4] = backing.to_bytes(4, "little")
        config[8 + 52 : 8 + 56] = _AUTOCLEAR.to_bytes(4, "little")
        fcntl.ioctl(device, _LOOP_CONFIGURE, bytes(config))
        yield name
    finally:
        for one in (control, backing, device):
            if one >= 0:
                os.close(one)


@contextlib.contextmanager
def machine(lab: Lab, count: int) -> Iterator[dict[str, Any]]:
    """All of it, and the resources of the service that has it."""
    found: dict[str, Any] = {}
    groups = max(1, count // 4)
    with contextlib.ExitStack() as stack:
        run("ip", "link", "add", DEVICE, "type", "bridge")
        run("ip", "link", "set", DEVICE, "up")
        for n in range(count):
            point, address = lab.root / f"m{n}", f"10.77.{n // 250}.{n % 250 + 1}"
            point.mkdir()
            run("mount", "-t", "tmpfs", "bench", str(point))
            run("ip", "addr", "add", f"{address}/32", "dev", DEVICE)
            found[f"fs#{n}"] = {"dev": "bench", "mnt": str(point), "type": "tmpfs"}
            found[f"ip#{n}"] = {"name": address, "netmask": 32, "dev": DEVICE}
        for n in range(groups):
            file, name = lab.root / f"g{n}", f"bench-{lab.root.name}-{n}"
            with file.open("wb") as made:
                made.truncate(MEGABYTES << 20)
            device = stack.enter_context(loop(file))
            run("vgcreate", "-qq", "--yes", name, device)
            found[f"vg#{n}"] = {"name": name}
        yield found


def rows(count: int, runs: int, litter: Litter, osvc: Path) -> Iterator[Row]:
    """One row of each work. All runs look at the same machine, in turn with the floor."""
    lab, tally = Lab(), Tally()
    litter.add(str(lab.root))
    with contextlib.closing(lab), machine(lab, count) as resources, Measure() as measure:
        write_record(lab.specs / "host.yaml", {"resources": resources})
        env = {name: lab.env[name] for name in ("OSVC_STATE_DIR", "OSVC_RUN_DIR", "OSVC_CONFIG")}
        for turn in range(1, runs + 1):
            tally.add("", "floor", _counted(tally, WORKS, "floor", measure.run(FLOOR, env)))
            tally.add(START_UP, "ours", _counted(tally, WORKS, "start-up", measure.run([str(osvc), "validate"], env)))
            for work, code in WORKS.items():
                argv = ["/bin/sh", "-c", f'"$@"; test $? -eq {code}', "sh", str(osvc), work]
                tally.add(work, "ours", _counted(tally, [work], "ours", measure.run(argv, env)))
            print(f"  {SHAPE} {count}: run {turn} of {runs}", file=sys.stderr, flush=True)
    for work in WORKS:
        floor, start_up = tally.samples("", "floor", FLOOR_NAME), tally.samples(START_UP, "ours", "")
        ours = tally.samples(work, "ours", f"osvc {work}")
        yield Row(work, count, SHAPE, ours, floor, None, start_up, GOAL, tuple(tally.faults[work]))


def _counted(tally: Tally, works: Iterable[str], who: str, done: Done) -> Done:
    """The same; what is wrong with it is a fault of each of these works."""
    if done.fault:
        for work in works:
            tally.faults[work].append(f"{who}: {done.fault}")
    return done


if __name__ == "__main__":
    print_rows("hosts", rows)
