"""Report: the results as a table on the terminal, and as docs/performance.md with its plot."""

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.results import Results
from benchmarks.rows import Row, Samples

ORDER = ("start-up", "cold", "no-op", "one changed", "one killed", "tear-down")
TITLES = {
    "process": "Start of the program",
    "specs": "Specs and plans, without a machine",
    "host": "A machine with N mounts, N addresses and N/4 volume groups, all of one service",
    "tutorial": "A service like the tutorial's: a volume group, two filesystems, an address, an engine, a container",
    "containers": "One service of N containers",
    "services": "N services of one container each",
    "repair": "Repair by a running `osvc watch`, from the event to what it says of it",
    "agent": "With the agent running: one service of N containers, all as it should be",
    "idle": "An agent with nothing to do: N services of five resources each; seconds of a processor in ten minutes",
    "looks": "Looking at N services of one container each, all up on one engine",
    "images": "One service of N containers, each of another image that is in a registry only",
}
PEERS = {"repair": "docker, `restart: always`", "agent": "Compose v2"}
"""Who is beside osvc and the floor, where the floor is a row's own."""
PLOT = Path(__file__).with_name("plot.py")


def write(results: Results, folder: Path, interpreter: Path) -> None:
    """The document and its plot, into a folder. interpreter: of an environment that has matplotlib."""
    if _drawn(results):
        subprocess.run([str(interpreter), "-I", str(PLOT), str(results.path), str(folder / "performance")], check=True)
    (folder / "performance.md").write_text(document(results))


def document(results: Results) -> str:
    """docs/performance.md."""
    plot = [_PLOT] if _drawn(results) else []
    return "\n".join([_HEAD, *_verdicts(results), *plot, *_tables(results), *_counts(results), *_facts(results), _END])


def _drawn(results: Results) -> bool:
    """Whether there is something to draw: work on an engine, by the number of containers."""
    return any(row.shape in ("containers", "services") for row in results.rows.values())


def summary(results: Results) -> Iterator[str]:
    """The rows for a terminal."""
    yield f"{'':28}{'osvc':>9}{'floor':>9}{'Compose':>9}{'allowed':>9}"
    for row in _sorted(results.rows.values()):
        cells = [_short(row.ours), _short(row.floor), _short(row.peer), f"{row.allowed:.3f}" if row.counts and row.allowed else ""]
        yield f"{row.key:28}" + "".join(f"{cell:>9}" for cell in cells) + f"  {row.verdict}"


def _sorted(rows: Iterable[Row]) -> list[Row]:
    def place(row: Row) -> tuple[int, int, str, int]:
        shape = list(TITLES).index(row.shape) if row.shape in TITLES else len(TITLES)
        return shape, ORDER.index(row.name) if row.name in ORDER else -1, row.name, row.n

    return sorted(rows, key=place)


def _verdicts(results: Results) -> Iterator[str]:
    """What was to be reached, in two sentences."""
    goals = [row for row in results.rows.values() if row.verdict in ("reached", "missed")]
    missed = [row for row in _sorted(goals) if row.verdict == "missed"]
    yield f"Of {len(goals)} goals {len(goals) - len(missed)} are reached."
    if missed:
        yield "\nMissed:\n"
        yield from (f"- {TITLES.get(row.shape, row.shape)}, {row.name}, N = {row.n}: {_missed(row)} would do." for row in missed)
    for line in results.void:
        yield f"\nDoes not count: {line}."
    yield ""


def _missed(row: Row) -> str:
    """ "0.40 s where 0.31 s"."""
    if row.latest is not None and row.allowed is not None and row.ours.median <= row.allowed:
        return f"95 % take {_time(row.ours.late)} or less where {_time(row.latest)}"
    return f"{_time(row.ours.median)} where {_time(row.allowed or 0)}"


def _tables(results: Results) -> Iterator[str]:
    rows = _sorted(results.rows.values())
    for shape in dict.fromkeys(row.shape for row in rows):
        yield f"## {TITLES.get(shape, shape)}\n"
        mine = [row for row in rows if row.shape == shape]
        peers = any(row.peer for row in mine)
        floor = "floor" if peers else "beside"
        head = [
            "",
            "N",
            "osvc",
            floor,
            *([PEERS.get(shape, "Compose v2")] if peers else []),
            f"osvc / {floor}",
            "goal",
            "peak memory, MB",
        ]
        yield _line(head)
        yield _line(["---", *["---:"] * (len(head) - 3), "---", "---:"])
        for row in mine:
            yield _line(_cells(row, peers))
        yield ""


def _cells(row: Row, peers: bool) -> list[str]:
    sides = [row.ours, row.floor, *([row.peer] if peers else [])]
    named = row.shape in PEERS or not peers
    name = f"{row.name}: {row.ours.what}, beside {row.floor.what}" if named else row.name
    memory = " / ".join(f"{side.memory / 2**20:.0f}" if side and side.memory else "–" for side in sides)
    late = f", 95 %: {_time(row.ours.late)}" if row.latest is not None and row.counts else ""
    spreads = [_spread(side) + (late if side is row.ours else "") for side in sides]
    return [name, f"{row.n:,}", *spreads, f"{row.ratio:.2f}" if row.counts else "", _goal(row), memory]


def _goal(row: Row) -> str:
    if not row.counts:
        return "does not count"
    if row.goal is None or row.allowed is None:
        return ""
    floor = [f"{row.goal.ratio:g} x {'floor' if row.peer else row.floor.what}"] if row.goal.ratio else []
    parts = [*(["start-up"] if row.start_up else []), *floor]
    parts += [f"{row.goal.slack:g} s"] if row.goal.slack else []
    ahead = ", and below Compose" if row.goal.ahead else ""
    late = f"; 95 %: {_time(row.latest)}" if row.latest is not None else ""
    return f"{' + '.join(parts)}{ahead}: {_time(row.allowed)}{late}, {'reached' if row.verdict == 'reached' else '**missed**'}"


def _counts(results: Results) -> Iterator[str]:
    """How many requests the engine got."""
    if not results.counts:
        return
    counts = list(results.counts.values())
    yield _COUNTS
    yield _line(["", "N", "osvc", "floor", "Compose v2"])
    yield _line(["---", "---:", "---:", "---:", "---:"])
    keys = dict.fromkeys((count.shape, count.work, count.n) for count in counts)
    for shape, work, n in sorted(keys, key=lambda key: (key[0], ORDER.index(key[1]), key[2])):
        found = {count.who: count.calls for count in counts if (count.shape, count.work, count.n) == (shape, work, n)}
        what = f"{work}, {'one service' if shape == 'containers' else 'N services'}"
        yield _line([what, str(n), *(str(found.get(who, "–")) for who in ("ours", "floor", "peer"))])
    idle = {
        shape: {count.calls for count in counts if (count.shape, count.work, count.who) == (shape, "no-op", "ours")}
        for shape, *_ in keys
    }
    grows = [shape for shape, calls in idle.items() if len(calls) > 1]
    yield f"\nThe calls of a no-op of osvc do not depend on N: {'**missed**' if grows else 'reached'}.\n"


def _facts(results: Results) -> Iterator[str]:
    yield "## The machine\n"
    yield _line(["", ""])
    yield _line(["---", "---"])
    commits = ", ".join(dict.fromkeys(results.commits.values()))
    for name, text in {**results.facts, "commit": commits}.items():
        yield _line([name, text])
    yield ""


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def _short(side: Samples | None) -> str:
    return f"{side.median:.3f}" if side and side.seconds else "-"


def _spread(side: Samples | None) -> str:
    """The median and, in brackets, the least and the most."""
    if side is None or not side.seconds:
        return "–"
    least, most = min(side.seconds), max(side.seconds)
    if most < 0.1:
        return f"{side.median * 1000:.0f} ms ({least * 1000:.0f}–{most * 1000:.0f})"
    return f"{side.median:.2f} s ({least:.2f}–{most:.2f})"


_HEAD = """\
# Performance

*Generated by `make bench`. Do not edit.*

Three do the same work on the same engine, in turn, run by run:

- **osvc**: one process of `osvc apply`, or what the table says;
- **the floor**: a script that makes only the necessary engine calls, raw HTTP over the unix socket, by four threads
  (`benchmarks/floor.py`). It knows beforehand what is to be done, and checks nothing. Nobody can be much faster;
- **Docker Compose v2**: the Go program. It knows one project at a time, so N services are N processes, one after the other.

A figure is the median of whole processes, and in brackets the fastest and the slowest run. A row counts only if in every run of all
three the exit code was 0, exactly the right containers ran, and exactly the right ones had been touched.
"""

_PLOT = """\
![Seconds for each piece of work, by the number of containers, on logarithmic axes](performance.svg)
"""

_COUNTS = """\
## Engine calls

Requests that the engine got, pings included, by its own log (in runs of their own, which are not timed).
"""

_END = """\
## How it is measured

```
make bench                                   everything, and this document
make bench ARGS="--resume"                   what is not measured yet at this commit, after a run that was stopped
make bench ARGS="--only containers --n 50"   one group; --runs 3 for fewer runs
make bench ARGS="--report"                   this document again, from .bench/results.json
make bench-quick                             N = 1 and 10, three runs, no document
```

It takes root, and a machine that does nothing else. Everything happens in namespaces of its own (processes, mounts, network and
`/run`), on engines that it starts for it, and goes with them. `.bench/results.json` has every single run.

- **The work.** *start-up*: what it takes to read the specs (`osvc validate`, `docker-compose config`), beside a bare interpreter.
  *cold*: from nothing to N running containers. *no-op*: everything is as it should be. *one changed*: the command of one container
  is another. *one killed*: the process of one container was killed, by its pid. *tear-down*: all are out of the spec, so that they
  are stopped and removed.
- **The engine.** A new one for each run, with the image in it. For one service it is the private engine that osvc made for it; N
  services share one, which stands where the system's engine is. One container is started and removed before anything is timed.
- **Looking.** `osvc status` and `osvc ls` of services that are up, beside `docker ps` on the engine that they are on.
- **The tutorial's service.** Its filesystems are on loop devices beside its volume group: a kernel without device-mapper has no
  volumes in it.
- **The agent.** `osvc agent` runs, and answers. Compose has as many containers on another engine, and does nothing to them.
- **Repair.** `osvc watch` runs, and has come to rest. Each thing is done to a resource of its own: a container's process is
  killed by its pid, a container stopped, removed, paused, renamed by the engine's API, and so on. The clock starts when the
  machine tells of it (the engine's event, the end of `umount`), and ends when the watch says that the service is as it should
  be, which it has seen by then. The floor does the same to something that is nobody's, and times the calls that repair it. A
  run counts only if the plan was of that one resource, and every other container is the same process as before. Docker's own
  policy, from its event to its event, has to look at nothing else.
- **What hangs.** An engine that is silent for two minutes in the middle of a call, a process that takes five, or a group that
  takes an hour does not count, and is named; its engine ends with its place.
- **A machine with much.** Mounts and addresses that were there before, and volume groups on loop devices. Nobody has to change
  anything: it is what a look at all of them costs, beside the commands that show a person the same.
- **The containers.** busybox, `sleep`, on the default bridge, stopped by SIGKILL. Those of one service are one parallel subset,
  because Compose and the floor start theirs at the same time, too. Each run has a new state folder.
- **One killed.** The container had run for eleven seconds when it was killed: one that ran for less than ten is taken for the next
  turn of a crash loop, and watched for a second after its start. `make bench-quick` does not wait for that.
- **Goals.** *start-up* in a goal is the row of that name. Memory is the largest resident set of any process in any run.
"""
