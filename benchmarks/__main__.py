"""The benchmark: `make bench`, or `python -m benchmarks --help`. As root, on a machine that does nothing else.

It ends with 1 when a row does not count: an exit code, a running set or a touched id was not as it should be.
"""

import argparse
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks import place, pure, report, start, tools
from benchmarks.calls import Count
from benchmarks.place import Litter
from benchmarks.results import Results, load
from benchmarks.rows import Row

SHAPES = ("containers", "services")
RUNS = 7
FEW = 3
"""Runs at a size where one takes minutes."""
SIZES = {"containers": (1, 10, 50, 200), "services": (1, 10, 50)}
QUICK = (1, 10)
PULLED = 8
"""Images that are pulled at once."""
LOOKS = (1, 100)
"""Services, of one container each, that are looked at."""
REPAIRS = 30
"""Runs of what is repaired: its slowest one in twenty is of interest, too."""
ANSWERED = 50
"""Containers of the service that an agent is asked about."""
IDLE = (20, 200)
"""Services, of five resources each, of an agent that has nothing to do."""
MINUTES = 10
"""For which it has not."""
HOSTS = (10, 200)
"""Mounts, and addresses, of a machine without engines."""
LITTER = tools.BENCH / "litter"
LIMIT = 3600.0
"""Seconds that a group may take. An engine that hangs hangs no benchmark: its place is ended, with all that runs in it."""


Measured = tuple[Iterable[Row], Iterable[Count]]
Source = Callable[[int], Iterable[Row]]
"""Takes the number of runs."""
SOURCES: dict[str, Source] = {"help": start.rows, "pure": pure.rows}
"""The groups that need no engine, by name."""


class Failed(Exception):
    """A group could not be measured."""


@dataclass(frozen=True, slots=True)
class Group:
    """What is measured together. n: 0 where the group has its own sizes."""

    name: str
    n: int
    measure: Callable[[], Measured]

    @property
    def key(self) -> str:
        return f"{self.name}/{self.n}" if self.n else self.name


def groups(options: argparse.Namespace) -> Iterator[Group]:
    """All of them, in the order in which they are measured: the longest comes last."""
    runs = options.runs or (FEW if options.quick else RUNS)
    for name, source in SOURCES.items():
        yield Group(name, 0, partial(rows_of, source, runs))
    for n in HOSTS[:1] if options.quick else HOSTS:
        yield Group("host", n, partial(host_rows, n, runs))
    yield Group("tutorial", 1, partial(tutorial_rows, 1, runs))
    yield Group("images", PULLED, partial(pulled_row, PULLED, runs))
    for n in LOOKS[:1] if options.quick else LOOKS:
        yield Group("looks", n, partial(look_rows, n, runs))
    asked = QUICK[-1] if options.quick else ANSWERED
    yield Group("agent", asked, partial(answer_rows, asked, runs))
    yield Group("repair", 1, partial(repair_rows, 1, options.runs or (FEW if options.quick else REPAIRS)))
    for n in IDLE[:1] if options.quick else IDLE[1:]:
        yield Group("idle", n, partial(idle_row, n, 1 if options.quick else MINUTES))
    sizes = [(shape, n) for shape in SHAPES for n in SIZES[shape] if not options.quick or n in QUICK]
    sizes.sort(key=lambda item: item[1] > 50)
    for shape, n in sizes:
        times = runs if n <= 50 or options.runs else FEW
        yield Group(shape, n, partial(engine_rows, shape, n, times, hasty=options.quick))
    for shape, n in sizes:
        if n <= 50 and not options.quick:
            yield Group(f"calls-{shape}", n, partial(engine_calls, shape, n))


def rows_of(source: Source, runs: int) -> Measured:
    """What is measured in this process, or in those that it starts: no engine takes part."""
    return list(source(runs)), ()


def engine_rows(shape: str, n: int, runs: int, *, hasty: bool) -> Measured:
    """The rows of work on an engine, measured in a place of their own."""
    words = [
        "benchmarks.cycles",
        shape,
        str(n),
        str(runs),
        str(LITTER),
        "--osvc",
        str(tools.OSVC),
        "--compose",
        str(tools.compose()),
    ]
    return [Row.from_record(record) for record in in_place(*words, *(["--hasty"] if hasty else []))], ()


def pulled_row(n: int, runs: int) -> Measured:
    """The row of images that are pulled, measured in a place of its own."""
    words = ["benchmarks.pulls", str(n), str(runs), str(LITTER), "--osvc", str(tools.OSVC)]
    return [Row.from_record(record) for record in in_place(*words)], ()


def host_rows(n: int, runs: int) -> Measured:
    """The rows of a machine that has much, measured in a place of its own."""
    words = ["benchmarks.hosts", str(n), str(runs), str(LITTER), "--osvc", str(tools.OSVC)]
    return [Row.from_record(record) for record in in_place(*words)], ()


def tutorial_rows(n: int, runs: int) -> Measured:
    """The rows of a service like the tutorial's, measured in a place of its own."""
    words = ["benchmarks.tutorials", str(n), str(runs), str(LITTER), "--osvc", str(tools.OSVC)]
    return [Row.from_record(record) for record in in_place(*words)], ()


def look_rows(n: int, runs: int) -> Measured:
    """The rows of looking at services that are up, measured in a place of its own."""
    words = ["benchmarks.looks", str(n), str(runs), str(LITTER), "--osvc", str(tools.OSVC)]
    return [Row.from_record(record) for record in in_place(*words)], ()


def repair_rows(n: int, runs: int) -> Measured:
    """The rows of what a watch repairs, measured in a place of its own."""
    words = ["benchmarks.repairs", str(n), str(runs), str(LITTER), "--osvc", str(tools.OSVC)]
    return [Row.from_record(record) for record in in_place(*words)], ()


def answer_rows(n: int, runs: int) -> Measured:
    """The rows of what an agent answers, measured in a place of its own."""
    words = ["benchmarks.answers", str(n), str(runs), str(LITTER), "--osvc", str(tools.OSVC), "--compose", str(tools.compose())]
    return [Row.from_record(record) for record in in_place(*words)], ()


def idle_row(n: int, minutes: int) -> Measured:
    """The row of an agent that has nothing to do, measured in a place of its own."""
    words = ["benchmarks.idle", str(n), str(minutes), str(LITTER), "--osvc", str(tools.OSVC)]
    return [Row.from_record(record) for record in in_place(*words)], ()


def engine_calls(shape: str, n: int) -> Measured:
    """The engine calls of the same work."""
    words = ["benchmarks.calls", shape, str(n), str(LITTER), str(tools.OSVC), str(tools.compose())]
    return (), [Count(**record) for record in in_place(*words)]


def in_place(module: str, *words: str, limit: float = LIMIT) -> Iterator[dict[str, Any]]:
    """The records that a module prints, run in a place. What it leaves behind is removed, however it ends. Raises Failed."""
    argv = place.argv(sys.executable, "-m", module, *words)
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=tools.ROOT)
    try:
        said, _ = child.communicate(timeout=limit)
        if child.returncode:
            raise Failed(f"{module} ended with {child.returncode}")
        yield from map(json.loads, said.splitlines())
    except subprocess.TimeoutExpired:
        raise Failed(f"{module} hung: it was ended after {limit:.0f} s") from None
    finally:
        child.kill()
        child.wait()
        Litter(LITTER).sweep()


def parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", type=lambda text: text.split(","), metavar="GROUP[,GROUP]", help="help, containers, services, …")
    parser.add_argument("--n", type=lambda text: [int(word) for word in text.split(",")], metavar="N[,N]", help="only these sizes")
    parser.add_argument("--runs", type=int, help=f"instead of {RUNS} ({FEW} beyond 50 containers)")
    parser.add_argument("--quick", action="store_true", help=f"sizes {QUICK}, {FEW} runs, a file of its own, no document")
    parser.add_argument("--resume", action="store_true", help="skip what was measured already at this commit")
    parser.add_argument("--report", action="store_true", help="measure nothing; write the document from what is there")
    return parser.parse_args(words)


def chosen(options: argparse.Namespace) -> list[Group]:
    """The groups that were asked for; with `--n`, only those that have a size of their own."""
    found = [group for group in groups(options) if not options.only or group.name in options.only]
    return [group for group in found if not options.n or group.n in options.n]


def main(words: Sequence[str]) -> int:
    options = parse(words)
    tools.BENCH.mkdir(exist_ok=True)
    results = Results.read(tools.BENCH / ("quick.json" if options.quick else "results.json"))
    failed = [] if options.report else measure(options, results)
    for line in report.summary(results):
        print(line)
    if not options.quick:
        report.write(results, tools.ROOT / "docs", tools.python())
    for line in (*failed, *(f"void: {line}" for line in results.void)):
        print(line, file=sys.stderr)
    return 1 if failed or results.void else 0


def measure(options: argparse.Namespace, results: Results) -> list[str]:
    """Measure each group, and keep it. What could not be measured, a line each; the others are measured all the same."""
    if os.geteuid() != 0:
        raise SystemExit("error: the benchmark makes engines of its own, which takes root")
    lock = os.open(tools.BENCH / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SystemExit("error: another benchmark runs in this folder") from None
    Litter(LITTER).sweep()
    tools.compose()
    tools.install()
    compiled = [sys.executable, "-m", "compileall", "-q", "benchmarks"]
    subprocess.run(compiled, cwd=tools.ROOT, check=True)
    failed = []
    for group in chosen(options):
        if options.resume and results.has(group.key):
            print(f"bench: {group.key}: measured already", file=sys.stderr)
            continue
        print(f"bench: {group.key} (load {load()})", file=sys.stderr, flush=True)
        try:
            results.keep(group.key, *group.measure())
        except Failed as error:
            failed.append(f"error: {group.key}: {error}")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
