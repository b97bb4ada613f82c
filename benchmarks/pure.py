"""The pure parts beside what they cannot do without: `python -m benchmarks.pure [RUNS]`; no root, no engine, no machine.

  specs   load and validate 1,000 specs of 10 resources, beside `yaml.compose` (libyaml) of the same files
  plan    plan services of 10 resources of which three differ, or one service, beside a plain comparison of the same dictionaries:
          each value of the settled desired record beside that of the same name of the settled observed one

Ours and the floor in turn; `main` shows the row of `osvc --help` as well (benchmarks.start). Each run is a process forked from one
that has read everything; it does the work once to warm up, and is measured the second time, without garbage collection on either
side. Peak memory is that process's. Plans use the processor alone: their rows are CPU time.
"""

import gc
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from benchmarks import start
from benchmarks.rows import Goal, Row, Samples
from reconciler.core.model import Model
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Observed, Present
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.plan import Plan
from reconciler.core.planner import make_plan
from reconciler.core.policy import UP, Policy, Selection
from reconciler.core.service import Service
from reconciler.core.simulate import simulate
from reconciler.resources.registry import kind_of
from reconciler.spec.load import load, load_text

RUNS = 7
RESOURCES = 10
DIFFER = 0.3
SERVICES = (250, 500, 1000, 2000)
IN_ONE = (10, 50, 100, 200, 400)
NODE = Node("bench")


@dataclass(frozen=True, slots=True)
class Timed:
    """One run. said: what the work came to, for finding out whether it was right."""

    wall: float
    cpu: float
    memory: int
    said: Any


def rows(runs: int) -> Iterator[Row]:
    """Every row, as it is measured."""
    yield from spec_rows(runs)
    for count in SERVICES:
        yield plan_row(runs, "plan of N services, CPU time", count, [Case.of(f"s{n}", RESOURCES) for n in range(count)])
    for count in IN_ONE:
        yield plan_row(runs, "plan of a service of N, CPU time", count, [Case.of("s0", count)])


# measuring


def forked(work: Callable[[], Any]) -> Timed:
    """Do the work in a process of its own, twice; the second time is measured."""
    into, out = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            gc.disable()
            work()
            cpu, wall = time.process_time(), time.perf_counter()
            said = work()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            os.write(out, json.dumps([wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10, said]).encode())
        finally:
            os._exit(0)
    os.close(out)
    with os.fdopen(into) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    if not text:
        raise RuntimeError("the work did not come to an end")
    return Timed(*json.loads(text))


def in_turn(runs: int, *contestants: Callable[[], Timed]) -> list[list[Timed]]:
    """The runs of each, all in the same minutes."""
    found: list[list[Timed]] = [[] for _ in contestants]
    for _ in range(runs):
        for one, timed in zip(contestants, found, strict=True):
            timed.append(one())
    return found


def samples(what: str, runs: Sequence[Timed], *, cpu: bool = False) -> Samples:
    return Samples(what, tuple(run.cpu if cpu else run.wall for run in runs), max(run.memory for run in runs))


def faults(expected: Any, *sides: Sequence[Timed]) -> tuple[str, ...]:
    """What came out otherwise than it should."""
    said = {json.dumps(run.said) for side in sides for run in side}
    return tuple(f"{one}, not {json.dumps(expected)}" for one in sorted(said - {json.dumps(expected)}))


# specs


def spec_of(name: str, count: int) -> str:
    """A spec of so many resources: a mount, the engine on it (which needs no section), and containers."""
    lines = [f"docker_data_dir: /srv/{name}/data", "env: PRD", "resources:"]
    lines.append(f"  fs#1: {{dev: /dev/disk/by-label/{name}, mnt: /srv/{name}, type: ext4, mnt_opt: noatime}}")
    for n in range(1, count - 1):
        lines += [
            f"  container#{n}:",
            "    type: docker",
            f"    image: registry.example/{name}/app{n}:1.0",
            '    command: [sleep, "100000"]',
            "    environment: {TZ: Europe/Paris, MODE: production, WORKERS: 4}",
            f"    volume_mounts: [/srv/{name}/app{n}:/data]",
            "    memory: 64m",
            "    restart_policy: unless-stopped",
        ]
    return "\n".join(lines) + "\n"


def spec_rows(runs: int, count: int = 1000) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="osvc-bench-") as folder:
        paths = [Path(folder) / f"s{n}.yaml" for n in range(count)]
        for path in paths:
            path.write_text(spec_of(path.stem, RESOURCES))

        def ours() -> list[int]:
            loaded = load([folder], NODE)
            return [len(loaded.services), len(loaded.errors)]

        def floor() -> list[int]:
            return [sum(yaml.compose(path.read_text(), Loader=yaml.CSafeLoader) is not None for path in paths), 0]

        mine, theirs = in_turn(runs, partial(forked, ours), partial(forked, floor))
    wrong = faults([count, 0], mine, theirs)
    for name, cpu in (("specs", False), ("specs, CPU time", True)):
        sides = samples("load and validate", mine, cpu=cpu), samples("yaml.compose, libyaml", theirs, cpu=cpu)
        yield Row(name, count, "specs", *sides, goal=Goal(4), faults=wrong)


# plans


@dataclass(frozen=True, slots=True)
class Case:
    """One service that was applied once; then three of ten of its resources were changed by somebody."""

    service: Service
    observed: Mapping[str, Observed]
    ownership: Ownership

    @classmethod
    def of(cls, name: str, count: int) -> "Case":
        loaded = load_text(spec_of(name, count), "yaml", name, f"{name}.yaml", NODE)
        (service,) = loaded.services
        seen, applied = _applied(service)
        owned = {rid: Owned(service.resources[rid].type, again, again) for rid, again in applied.items()}
        return cls(service, {rid: _changed(rid, one) for rid, one in seen.items()}, Ownership("store", owned))

    def plan(self) -> Plan:
        return make_plan(self.service, self.service.name, UP, Selection(), self.observed, self.ownership, Policy(), kind_of)

    def dictionaries(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Of each resource what is wanted and what is there: both settled, and as far as both say something."""
        for change in self.plan().changes:
            assert isinstance(change.seen, Present)
            want, have = change.desired.model_dump(), change.seen.state.model_dump()
            yield {key: want[key] for key in want if key in have}, {key: have[key] for key in want if key in have}


def _applied(service: Service) -> tuple[dict[str, Observed], dict[str, Model]]:
    """The machine after a first apply, and the desired states that were applied, read back as from a store."""
    arounds = {
        "ip": {"prefix": 24},
        "fs": {"source": "block", "signature": "ext4", "point": "dir"},
        "container": {"image": {"id": "sha256:" + "0" * 64}},
    }
    empty: dict[str, Observed] = {
        rid: Absent(kind_of(resource.type).around.model_validate(arounds.get(resource.type, {})))
        for rid, resource in service.resources.items()
    }
    plan = make_plan(service, service.name, UP, Selection(), empty, Ownership("store"), Policy(), kind_of)
    assert not plan.open
    return simulate(plan, empty), {
        change.rid: type(change.desired).model_validate(change.desired.model_dump()) for change in plan.changes
    }


def _changed(rid: str, seen: Observed) -> Observed:
    """Of ten containers one has another host name, one another limit of memory, one another user."""
    number = rid.partition("#")[2]
    drift = {2: {"hostname": "other"}, 5: {"memory": 32 << 20}, 8: {"user": "nobody"}}.get(int(number) % 10 if number else 0)
    if not (isinstance(seen, Present) and rid.startswith("container") and drift):
        return seen
    return Present(seen.state.model_copy(update=drift), seen.around)


def plan_row(runs: int, name: str, count: int, cases: Sequence[Case]) -> Row:
    pairs = [pair for case in cases for pair in case.dictionaries()]

    def ours() -> list[int]:
        plans = [case.plan() for case in cases]
        changes = [change for plan in plans for change in plan.changes]
        return [len(changes), sum(bool(change.fields) for change in changes), sum(plan.empty for plan in plans)]

    def floor() -> list[int]:
        differ = 0
        for want, have in pairs:
            found = False
            for key in want:
                if want[key] != have[key]:
                    found = True
            differ += found
        return [len(pairs), differ, 0]

    mine, theirs = in_turn(runs, partial(forked, ours), partial(forked, floor))
    differ = sum(want != have for want, have in pairs)
    wrong = faults([len(pairs), differ, 0], mine, theirs)
    if not DIFFER - 0.11 < differ / len(pairs) < DIFFER + 0.01:
        wrong += (f"{differ} of {len(pairs)} resources differ",)
    sides = samples("plan", mine, cpu=True), samples("plain comparison", theirs, cpu=True)
    return Row(name, count, "specs", *sides, goal=Goal(10), faults=wrong)


def line(row: Row) -> str:
    """A row of a table for people."""
    return (
        f"{row.name:<33} {row.n:>5} {_side(row.ours)}   {_side(row.floor)}   {row.ratio:5.2f}"
        f"  {row.verdict}{' (at most ' + format(row.goal.ratio, 'g') + ')' if row.goal else ''} {'; '.join(row.faults)}"
    ).rstrip()


def _side(side: Samples) -> str:
    low, high = min(side.seconds) * 1e3, max(side.seconds) * 1e3
    return f"{side.median * 1e3:8.1f} ({low:.1f}–{high:.1f}) ms {side.memory >> 20:4} MB"


def main(words: Sequence[str]) -> int:
    runs = int(words[0]) if words else RUNS
    print(f"{runs} runs in turn: median (least–most), peak memory; ours, the floor, the ratio")
    void = False
    for row in chain(start.rows(runs), rows(runs)):
        print(line(row), flush=True)
        void = void or not row.counts
    return int(void)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
