"""Pulls: the row of images that an engine does not have yet.

    python -m benchmarks.pulls COUNT RUNS LITTER [--osvc PROGRAM]

Run in a place (benchmarks/place.py), as root; prints the row as JSON, and progress on stderr. A registry on loopback has an image
for each container, with a layer of its own; on one side osvc applies, on the other the docker client pulls all of them at once,
and the floor's script creates and starts. What the engine has afterwards is looked at, and never timed.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import engines
from benchmarks.cycles import OWN, Stage, Tally, in_turn, stage, warm_up
from benchmarks.floor import Line
from benchmarks.measure import Measure
from benchmarks.place import Litter
from benchmarks.rows import Goal, Row
from benchmarks.sides import Floor, Ours, Side, command, write_record
from tests.contract.docker_registry import DockerRegistry
from tests.contract.engine_fixture import DEMO
from tests.integration.lab import Lab

WORK, SHAPE = "pulled", "images"
PORT = 5000
MEGABYTES = 24
"""Of each image's own layer: random, so that nothing can be packed."""
REPOSITORY = f"127.0.0.1:{PORT}/bench"
GOAL = Goal(1.2)


def ref_of(n: object) -> str:
    return f"{REPOSITORY}/i{n}:1"


@dataclass
class PullFloor(Floor):
    """The docker client, once for each image and all at once; then the floor's script."""

    def what(self, work: str) -> str:
        return "docker pull, all at once, then create and start"

    def argvs(self, work: str, count: int) -> list[list[str]]:
        pulls = " & ".join(f"docker -H unix://{self.socket} pull -q {ref_of(n)}" for n in range(1, count + 1))
        program = "from benchmarks.floor import main; main()"
        made = [sys.executable, "-S", "-c", program, "cold", self.socket, ref_of("{n}"), str(count)]
        return [["/bin/sh", "-c", f"{pulls} & wait"], made]


@dataclass
class PullOurs(Ours):
    """osvc, with a container of each image."""

    def write(self, work: str, count: int) -> None:
        found: dict[str, Any] = {
            f"container#{n}": {"image": ref_of(n), "network": "bridge", "command": command(False), "subset": "all"}
            for n in range(1, count + 1)
        }
        together = {"subsets": {"container:all": {"parallel": True}}}
        write_record(self.lab.specs / "web.yaml", {**self.engine, **together, "resources": found})


def fill(socket: str, count: int) -> dict[str, str]:
    """Put the images into the registry, and none of them onto the engine. Reference -> id."""
    line, ids = Line(socket), {}
    for n in range(1, count + 1):
        name = f"make-{n}"
        words = ["dd", "if=/dev/urandom", "of=/data", "bs=1M", f"count={MEGABYTES}"]
        body = {"Image": DEMO, "Cmd": words, "HostConfig": {"NetworkMode": "none"}}
        line.call("POST", f"/containers/create?name={name}", body)
        line.call("POST", f"/containers/{name}/start")
        line.call("POST", f"/containers/{name}/wait")
        repository = ref_of(n).rpartition(":")[0]
        ids[ref_of(n)] = line.call("POST", f"/commit?container={name}&repo={repository}&tag=1")["Id"]
        line.say("POST", f"/images/{repository}/push?tag=1", {"X-Registry-Auth": "e30="})
    forget(socket)
    return ids


def forget(socket: str) -> None:
    """Take every container and every image of the registry off the engine."""
    engines.clear(socket)
    line = Line(socket)
    for image in line.call("GET", "/images/json"):
        for ref in image["RepoTags"] or ():
            if ref.startswith(REPOSITORY):
                line.call("DELETE", f"/images/{ref}")


def missing(socket: str, ids: Mapping[str, str]) -> str:
    """Why the images are not those of the registry, or ""."""
    there = {ref: image["Id"] for image in Line(socket).call("GET", "/images/json") for ref in image["RepoTags"] or ()}
    wrong = sorted(ref for ref, id in ids.items() if there.get(ref) != id)
    return f"{wrong[0]} is {there.get(wrong[0], 'not there')}" if wrong else ""


def row(count: int, runs: int, litter: Litter, osvc: Path) -> Row:
    """The row. Each run has an engine, and images, of its own."""
    tally, names = Tally(), dict[str, str]()
    for run in range(1, runs + 1):
        with Measure() as measure, stage("containers", litter, osvc, "") as here:
            lab, sides = sides_of(here)
            names = {who: side.what(WORK) for who, side in sides.items()}
            with DockerRegistry(lab.root / "registry", PORT):
                warm_up(here, measure)
                ids = fill(here.socket, count)
                for who, side in in_turn(sides, run):
                    side.write(WORK, count)
                    done = measure.each(side.argvs(WORK, count), side.env)
                    wrong = engines.wrong("cold", {}, engines.look(here.socket), side.names(count))
                    fault = done.fault or wrong or missing(here.socket, ids)
                    tally.add(WORK, who, done)
                    if fault:
                        tally.faults[WORK].append(f"run {run}: {who}: {fault}")
                    forget(here.socket)
        print(f"  {SHAPE} {count}: run {run} of {runs}", file=sys.stderr, flush=True)
    ours, floor = (tally.samples(WORK, who, names[who]) for who in ("ours", "floor"))
    return Row(WORK, count, SHAPE, ours, floor, goal=GOAL, faults=tuple(tally.faults[WORK]))


def sides_of(here: Stage) -> tuple[Lab, dict[str, Side]]:
    """The lab that the stage stands in, and who takes part on it."""
    ours = here.sides["ours"]
    assert isinstance(ours, Ours)
    return ours.lab, {"floor": PullFloor(here.socket), "ours": PullOurs(ours.program, ours.lab, ours.shape, ours.engine)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pulls")
    parser.add_argument("count", type=int)
    parser.add_argument("runs", type=int)
    parser.add_argument("litter", type=Path)
    parser.add_argument("--osvc", type=Path, default=OWN)
    options = parser.parse_args()
    print(json.dumps(row(options.count, options.runs, Litter(options.litter), options.osvc).record()), flush=True)


if __name__ == "__main__":
    main()
