"""app: what can be done to a program of the machine. Pure data; performing.py does it."""

import shlex
from collections.abc import Mapping
from posixpath import basename
from typing import Any, ClassVar

from reconciler.core import shell
from reconciler.core.action import BARRIER, Action, Barrier, Effect, Facet
from reconciler.core.observed import Absent, Present, Seen
from reconciler.resources import daemon
from reconciler.resources.app import record, words
from reconciler.resources.app.model import SETTINGS, Desired, State


def state_of(seen: Seen) -> State | None:
    return seen.state if isinstance(seen, Present) and isinstance(seen.state, State) else None


class AppAction(Action):
    """want: the app that is meant, settled. home: of its user."""

    want: Desired
    home: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return words.environment(self.want, self.home)

    @property
    def secrets(self) -> Mapping[str, str]:
        texts = (*daemon.assignments(self.environment), *self.want.start, *self.want.stop)
        return shell.variables(texts)


class Start(AppAction):
    """Start it, and wait until it is up: a simple one detached, a forking one by its command."""

    op: ClassVar[str] = "start"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.RUN, Facet.OUTPUT, Facet.LEFTOVERS})

    def says(self) -> str:
        whose = f" as {self.want.user}" if self.want.user else ""
        return f"start {basename(self.want.start[0])}{whose}"

    def argv(self) -> tuple[str, ...]:
        return words.run(self.want, self.want.start)

    def command(self) -> str:
        form = daemon.detached if self.want.type == "simple" else daemon.called
        return form(self.argv(), self.want.log, self.environment)

    def script(self) -> str:
        want = self.want
        started = daemon.in_its_group(self.command(), want.log, want.cgroup)
        first = f"mkdir -p -m 0710 {shlex.quote(want.folder)}\n{record.script(want, _NEW)}"
        if want.type == "simple":
            began = "$(awk '{ print $22 }' /proc/$pid/stat)"
            noted = record.script(want, {**_NEW, "pid": "$pid", "started": began})
            return f'{first}\n{started}\npid=$!\nsleep 0.5; kill -0 "$pid"\n{noted}'
        procs = f"/sys/fs/cgroup/{want.cgroup}/cgroup.procs /sys/fs/cgroup/*/{want.cgroup}/cgroup.procs"
        left = f"$(cat {procs} 2>/dev/null | grep -q . && echo true || echo false)"
        noted = record.script(want, {**_NEW, "left": left})
        waits = (daemon.until(shell.join(words.run(want, want.check, limits=False)), f"{want.rid} does not come up"),)
        return "\n".join((first, started, noted, *(waits if want.check else ())))

    def after(self, seen: Seen) -> Seen:
        return Present(State(**record.settings(self.want), recorded=True, running=True), seen.around)

    def shown(self, seen: Seen) -> bool:
        state = state_of(seen)
        return state is not None and state.running

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        state = state_of(before)
        if state is not None and state.running:
            return ()
        stop = Stop(want=self.want, home=self.home)
        return (stop,) if state is not None and state.recorded else (stop, Forget(want=self.want))


_NEW: Mapping[str, str] = {"pid": "0", "started": "0", "stopped": "false"}


class Stop(AppAction):
    """Take it down: by its command, where it has one; then what is left of it is told to end, and at last made to.

    want: what it was started by. pids: what is known to run of it, its own process first. runs: False where only its control group
    is left.
    """

    op: ClassVar[str] = "stop"
    effect: ClassVar[Effect] = Effect.DISRUPTIVE
    bearable: ClassVar[bool] = True
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.RUN, Facet.OUTPUT, Facet.LEFTOVERS})
    pids: tuple[int, ...] = ()
    runs: bool = True

    @property
    def costs(self) -> Effect:
        return Effect.DISRUPTIVE if self.runs else Effect.SAFE

    @property
    def timeout(self) -> float:
        return self.want.seconds("stop")

    def says(self) -> str:
        return f"stop {basename(self.want.start[0])}" if self.runs else "remove its control group"

    def argv(self) -> tuple[str, ...]:
        """The words of its stop command; () when it has none."""
        return words.run(self.want, self.want.stop) if self.want.stop else ()

    def command(self) -> str:
        said = (daemon.called(self.argv(), self.want.log, self.environment),) if self.want.stop else ()
        kills = (shell.join(("kill", "-TERM", *map(str, self.pids))),) if self.pids else ()
        return " && ".join((*said, *kills)) or "true"

    def script(self) -> str:
        want = self.want
        said = (f"{daemon.called(self.argv(), want.log, self.environment)} || :",) if want.stop else ()
        waits = f"timeout {self.timeout:g} tail -s 0.1 --pid=$pid -f /dev/null"
        ends = f"  ! kill -TERM $pid 2>/dev/null || {waits} || kill -KILL $pid"
        kills = (f"for pid in {' '.join(map(str, self.pids))}; do", ends, "done") if self.pids else ()
        return "\n".join((*said, *kills, record.script(want, {**_NEW, "stopped": "true"})))

    def after(self, seen: Seen) -> Seen:
        state = state_of(seen)
        if state is None or not state.recorded:
            return Absent(seen.around)
        down: dict[str, Any] = {
            "running": False,
            "stopped": True,
            "pid": 0,
            "started": 0,
            "checked": "",
            "others": (),
            "idle": False,
        }
        return Present(state.model_copy(update=down), seen.around)

    def shown(self, seen: Seen) -> bool:
        state = state_of(seen)
        return state is None or not (state.running or state.others or state.idle)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        """It is started as it was. A secret that is known by its seal only cannot be given to it again."""
        state = state_of(before)
        if state is None or not state.running:
            return ()
        was = {name: getattr(state, name) for name in SETTINGS} if state.recorded else {}
        want = self.want.model_copy(update=was)
        if any(map(record.is_sealed, (*want.start, *want.environment.values()))):
            return BARRIER
        return (Start(want=want, home=self.home),)


class Forget(AppAction):
    """Remove its record and its log, and the folder where nothing else is in it."""

    op: ClassVar[str] = "forget"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.OUTPUT, Facet.LEFTOVERS})

    def says(self) -> str:
        return f"remove what {basename(self.want.start[0])} left in {self.want.folder}"

    def files(self) -> tuple[str, ...]:
        return (self.want.log, f"{self.want.log}.1", self.want.record)

    def command(self) -> str:
        folder = shell.join(("rmdir", "--ignore-fail-on-non-empty", "--", self.want.folder))
        return f"{shell.join(('rm', '-f', '--', *self.files()))} && {folder}"

    def after(self, seen: Seen) -> Seen:
        return Absent(seen.around)

    def shown(self, seen: Seen) -> bool:
        state = state_of(seen)
        return state is None or not state.recorded

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return BARRIER
