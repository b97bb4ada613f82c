"""Tutorials: the row of a plan of a service like the tutorial's, beside what a person types to see the same.

    python -m benchmarks.tutorials COUNT RUNS LITTER [--osvc PROGRAM]

Run in a place (benchmarks/place.py), as root; prints a row a line, as JSON, and progress on stderr. COUNT is 1: of services. It has
a volume group, two filesystems, one of them its engine's, an address, and a container, all up. The filesystems are on loop devices
beside the volume group, and not in it: so it is measured where a kernel has no device-mapper, too.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.cycles import Tally, print_rows
from benchmarks.hosts import MEGABYTES, loop, run
from benchmarks.measure import Measure
from benchmarks.place import Litter
from benchmarks.rows import Goal, Row
from benchmarks.sides import START_UP, write_record
from tests.integration.lab import Lab

SHAPE: Final = "tutorial"
SERVICE: Final = "web"
WORKS: Final = ("status", "plan")
FLOOR_NAME: Final = "vgs, ip addr, findmnt, docker ps"
GOAL: Final = Goal(1.3)
ENGINE_MEGABYTES: Final = 200


@contextlib.contextmanager
def machine(lab: Lab) -> Iterator[dict[str, Any]]:
    """The disks, and the service that has them."""
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(loop(Path(lab.backing_file("root.img", ENGINE_MEGABYTES))))
        data = stack.enter_context(loop(Path(lab.backing_file("data.img", MEGABYTES * 2))))
        with (lab.root / "group.img").open("wb") as made:
            made.truncate(MEGABYTES << 20)
        group = f"bench-{lab.root.name}"
        run("vgcreate", "-qq", "--yes", group, stack.enter_context(loop(lab.root / "group.img")))
        base = lab.root / "srv"
        yield {
            "docker_data_dir": f"{base}/engine",
            "resources": {
                "vg#1": {"name": group, "optional": True},
                "fs#1": {"type": "ext4", "dev": root, "mnt": str(base)},
                "fs#2": {"type": "ext4", "dev": data, "mnt": f"{base}/appdata"},
                "ip#1": {"name": "198.18.77.1", "dev": "lo", "netmask": 32},
                "container#1": lab.container(network="none"),
            },
        }


def rows(count: int, runs: int, litter: Litter, osvc: Path) -> Iterator[Row]:
    """One row of each verb. All runs look at the same machine, in turn with the floor."""
    lab, tally = Lab(), Tally()
    tag = f"osvc-{lab.node.tag(SERVICE)}"
    litter.add(str(lab.root), tag, f"{tag}-c")
    with contextlib.closing(lab), machine(lab) as spec, Measure() as measure:
        write_record(lab.specs / f"{SERVICE}.yaml", spec)
        lab.apply(ok=tuple(range(256)))
        tally.faults[""] += [f"{name} does not run" for name in (f"{SERVICE}.container.1",) if name not in lab.running(SERVICE)]
        env = {name: lab.env[name] for name in ("OSVC_STATE_DIR", "OSVC_RUN_DIR", "OSVC_CONFIG")}
        typed = f"vgs && ip addr show && findmnt && docker -H unix://{lab.node.service_dir(SERVICE)}/docker.sock ps"
        codes = {work: expected(osvc, work, lab) for work in WORKS}
        for turn in range(1, runs + 1):
            tally.measured("", "floor", measure.run(["/bin/sh", "-c", typed], env))
            tally.measured(START_UP, "ours", measure.run([str(osvc), "validate"], env))
            for work in WORKS:
                argv = ["/bin/sh", "-c", f'"$@"; test $? -eq {codes[work]}', "sh", str(osvc), work]
                tally.measured(work, "ours", measure.run(argv, env))
            print(f"  {SHAPE}: run {turn} of {runs}", file=sys.stderr, flush=True)
    for work in WORKS:
        floor, start_up = tally.samples("", "floor", FLOOR_NAME), tally.samples(START_UP, "ours", "")
        faults = tuple(dict.fromkeys((*tally.faults[""], *tally.faults[START_UP], *tally.faults[work])))
        yield Row(work, count, SHAPE, tally.samples(work, "ours", f"osvc {work}"), floor, None, start_up, GOAL, faults)


def expected(osvc: Path, work: str, lab: Lab) -> int:
    """How a verb ends."""
    done = subprocess.run([str(osvc), work], env=lab.env, check=False, capture_output=True, text=True)
    return done.returncode


if __name__ == "__main__":
    print_rows("tutorials", rows)
