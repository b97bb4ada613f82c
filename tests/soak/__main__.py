"""`python -m tests.soak`: faults by lot under a running watch, as root, in a place of its own. `make soak-watch` calls it.

python -m tests.soak --services 30 --minutes 60 --seed 7 --write docs/soak.md
"""

import argparse
import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import place
from benchmarks.cycles import System
from benchmarks.place import Litter
from tests.integration.lab import ROOT, Lab
from tests.integration.watching import OURS, watching
from tests.soak.page import page
from tests.soak.soak import REST, Soak, line, soak
from tests.soak.world import World

INSIDE = "--inside"


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", allow_abbrev=False)
    parser.add_argument("--services", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0, help="of the lots; 0 is another each time")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page to write")
    parser.add_argument(INSIDE, dest="litter", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    return _inside(options) if options.litter else _outside(argv)


def _outside(argv: list[str]) -> int:
    """In a place; what it leaves behind is removed, however it ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder:
        litter = Path(folder, "litter")
        child = subprocess.Popen(place.argv(sys.executable, "-m", "tests.soak", *argv, INSIDE, str(litter)), cwd=ROOT)
        try:
            return child.wait()
        finally:
            child.kill()
            child.wait()
            Litter(litter).sweep()


def _inside(options: argparse.Namespace) -> int:
    seed = options.seed or random.randrange(1, 1 << 31)
    say(f"--seed {seed}")
    with contextlib.closing(Lab()) as lab, System(**{"live-restore": True}) as system:
        world = World(lab, system)
        litter = Litter(options.litter)
        litter.add(str(lab.root), str(system.dir), system.name)
        for number in range(1, options.services + 1):
            tag = f"osvc-{lab.node.tag(f's{number}')}"
            litter.add(tag, f"{tag}-c")
        world.make(options.services)
        with watching(lab, program=OURS, rest=REST) as watch:
            say(f"{options.services} services are up, and watched")
            done = soak(world, watch, seed, options.minutes, say)
    return ended(done, options.write)


def ended(done: Soak, write: Path | None) -> int:
    """Tell the verdict, and write the page. 1 where it failed."""
    if done.gauges:
        say(line(done))
        if write is not None:
            write.write_text(page(done))
    say(done.verdict())
    return int(not done.well)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
