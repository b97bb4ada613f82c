"""The matrix: what is struck, when, in which run, and what has to come of it. One table; the runner, the documents and the short
sample of every day are made from it."""

from dataclasses import dataclass
from enum import Enum
from itertools import product


class Stand(Enum):
    """Where the two services are between runs."""

    NOTHING = "never applied"
    DOWN = "stopped"
    UP = "running"
    PRUNED = "one pruned, and a container of the other"


class When(Enum):
    BEFORE = "before each step"
    AFTER = "after each step"
    AHEAD = "before the run"


class Fault(Enum):
    """What is wrong with a new version of the first container of web: keywords of its spec."""

    EXITS = {"command": ["false"]}
    SICK = {"health_cmd": "false", "health_interval": "0.3s", "health_retries": 1}


START_FIRST = {"replace": "start-first", "volume_mounts": []}
"""What lets old and new run at once."""


class Run(Enum):
    """A run that is struck. words: its command line. begins, ends: where the services are before it and after it. fault: what is
    wrong with its spec: unstruck it fails, and has the old one back. start_first: how that is replaced."""

    FIRST = ("first start", ("apply", "--yes"), Stand.NOTHING, Stand.UP)
    START = ("start", ("start", "--yes", "web", "db"), Stand.DOWN, Stand.UP)
    STOP = ("stop", ("stop", "web", "db"), Stand.UP, Stand.DOWN)
    REPLACE = ("replace", ("apply", "--yes"), Stand.UP, Stand.UP)
    PRUNE = ("prune", ("apply", "--yes", "--prune-all"), Stand.UP, Stand.PRUNED)
    WATCH = ("watch", ("watch",), Stand.UP, Stand.UP)
    EXITS = ("replace by one that exits", ("apply", "--yes"), Stand.UP, Stand.UP, Fault.EXITS)
    SICK = ("replace by one that is never healthy", ("apply", "--yes"), Stand.UP, Stand.UP, Fault.SICK)
    EXITS_BESIDE = ("start first one that exits", ("apply", "--yes"), Stand.UP, Stand.UP, Fault.EXITS, True)
    SICK_BESIDE = ("start first one that is never healthy", ("apply", "--yes"), Stand.UP, Stand.UP, Fault.SICK, True)

    def __init__(
        self,
        title: str,
        words: tuple[str, ...],
        begins: Stand,
        ends: Stand,
        fault: Fault | None = None,
        start_first: bool = False,
    ) -> None:
        self.title = title
        self.words = words
        self.begins = begins
        self.ends = ends
        self.fault = fault
        self.start_first = start_first

    @property
    def bad(self) -> dict[str, object]:
        """The keywords of the new version that fails; none where all is well."""
        if self.fault is None:
            return {}
        return {**self.fault.value, **(START_FIRST if self.start_first else {})}


@dataclass(frozen=True)
class Row:
    """who: the name of the strike (`striking.py`). exits: the codes that the struck run may end with; -9 is its own death.

    again: the verb of the run that has to converge afterwards; () is the same as the struck one's. limit: seconds that the struck
    run may take. expected: what the struck run does, for people.
    """

    who: str
    when: When
    run: Run
    exits: tuple[int, ...]
    expected: str
    again: tuple[str, ...] = ()
    limit: int = 120

    @property
    def key(self) -> str:
        return f"{self.who} · {self.when.value} · {self.run.title}"


WHO: dict[str, str] = {
    "osvc": "osvc itself, by SIGKILL",
    "sigint": "osvc, by one SIGINT",
    "sigint-twice": "osvc, by two SIGINT, a tenth of a second apart",
    "sigterm": "osvc, by SIGTERM",
    "dockerd": "the engine of the service at hand, by SIGKILL: its containers live on, its socket and pid file stay",
    "containerd": "the containerd of that engine, by SIGKILL",
    "engine": "both at once",
    "container": "the process of one container, by SIGKILL to its pid on the machine",
    "hung": "the engine, by SIGSTOP: it accepts connections, and never answers",
    "state-full": "the filesystem of the state folder, filled to the last byte",
    "data-full": "the filesystem of the service's data root, filled to the last byte",
    "apply-beside": "nobody; another `osvc apply` begins at that moment",
    "stop-beside": "nobody; `osvc stop` of both services begins at that moment",
    "stale": "the engines, before the run, by SIGKILL: a socket that nobody listens on stays, and a pid file that names nobody",
    "reused": "likewise, and the pid file names a process that is somebody else's",
}
"""The strikes (`tests/integration/striking.py`), in the words of the page."""

STEPS = (When.BEFORE, When.AFTER)
VERBS = (Run.FIRST, Run.START, Run.STOP, Run.REPLACE, Run.PRUNE)
FAILING = tuple(run for run in Run if run.fault is not None)
RISING = (Run.FIRST, Run.START, Run.REPLACE, Run.PRUNE)
UP_AGAIN = ("start", "--yes", "web", "db")
LOST = (0, 1, 3, 7, 8)
"""What a run may come to that loses something under way: it goes on, undoes, cannot tell, or is left half-way; it says which."""
_LOSES = "goes on with it mended, or undoes, or says what is left"


def _rows(who: str, runs: tuple[Run, ...], exits: tuple[int, ...], expected: str, **more: object) -> tuple[Row, ...]:
    return tuple(Row(who, when, run, exits, expected, **more) for run, when in product(runs, STEPS))  # type: ignore[arg-type]


MATRIX: tuple[Row, ...] = (
    *_rows("osvc", VERBS, (-9,), "dies"),
    *_rows("osvc", FAILING, (-9,), "dies"),
    *_rows("sigint", VERBS, (0, 130), "finishes the step at hand and undoes its lane"),
    *_rows("sigint-twice", VERBS, (0, 130), "finishes the step at hand and undoes nothing more"),
    *_rows("sigterm", VERBS, (0, 143), "finishes the step at hand and undoes nothing"),
    *_rows("dockerd", VERBS, LOST, _LOSES),
    *_rows("containerd", VERBS, LOST, _LOSES),
    *_rows("engine", VERBS, LOST, _LOSES),
    *_rows("container", VERBS, LOST, _LOSES),
    *_rows("hung", VERBS, LOST, "waits for a limited time, and then undoes, or says what is left", limit=400),
    *_rows("state-full", VERBS, (0, 1, 3, 8), "begins no step that it cannot write down, and undoes its lane"),
    *_rows("data-full", RISING, LOST, "undoes what has no room, or does without it"),
    *_rows("apply-beside", RISING, (0,), "converges; the other run waits, and finds nothing to do"),
    *_rows(
        "stop-beside",
        (Run.FIRST, Run.START, Run.REPLACE),
        (0, 4, 8),
        "ends its service; the other run waits, and stops it",
        again=UP_AGAIN,
    ),
    *_rows("container", (Run.WATCH,), (0, 143), "mends it", again=("apply", "--yes")),
    *_rows("stop-beside", (Run.WATCH,), (0, 143), "leaves the services down once they are stopped", again=UP_AGAIN),
    *(Row("stale", When.AHEAD, run, (0,), "clears them away, and goes on with a new engine") for run in VERBS),
    *(Row("reused", When.AHEAD, run, (0,), "clears them away, and never touches that process") for run in VERBS),
)


@dataclass(frozen=True)
class Case:
    """A row at one step of its run, by its name: service, rid, what is done, and which such one it is. "" is before the run."""

    row: Row
    step: str = ""

    def __str__(self) -> str:
        return f"{self.row.key} · {self.step}".rstrip("· ")
