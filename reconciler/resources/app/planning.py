"""app: needs, defaults, objections. Pure. Which actions a change takes is in moves.py, imported when one is made."""

from collections.abc import Sequence
from datetime import datetime
from posixpath import basename, normpath
from typing import Any

from reconciler.core import shell
from reconciler.core.bells import Bell, Source
from reconciler.core.change import Change
from reconciler.core.facts import Fact, Kind, Need
from reconciler.core.kind import Moves, Objection, PlainKind, Remark
from reconciler.core.model import changed
from reconciler.resources.app.model import SETTINGS, Around, Desired, State


class AppKind(PlainKind):
    """The contract of core/kind.py for apps."""

    name = "app"
    rank = 60
    desired = Desired
    state = State
    around = Around

    def settle(self, desired: Desired, state: State | None, around: Around) -> tuple[Desired, State | None]:
        """A user's own group is the default. What runs without a record is taken to run as wanted; what is down does not differ."""
        want = changed(desired, group=around.primary) if desired.user and not desired.group and around.primary else desired
        if state is None or (state.running and state.recorded):
            return want, state
        return want, changed(state, **{name: getattr(want, name) for name in SETTINGS})

    def is_up(self, state: State) -> bool:
        return state.running

    def holds(self, state: State) -> bool:
        return state.running or bool(state.others)

    def ours(self, state: State) -> bool:
        """The record lies in the service's own folder, under the rid."""
        return state.recorded

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        if state is not None and state.running:
            return None
        if desired.user and not around.primary:
            return Objection(f"this machine has no user {desired.user}", f"useradd --system {desired.user}, or another user")
        if around.no_group and around.no_group == desired.group:
            return Objection(f"this machine has no group {desired.group}", f"groupadd --system {desired.group}, or another group")
        return None

    def needs(self, desired: Desired) -> Sequence[Need]:
        """The folder that it runs in, and every path among the words of its commands."""
        words = (desired.cwd or "", desired.script or "", *desired.start, *desired.stop, *desired.check)
        return [Need(Fact(Kind.PATH, path)) for path in dict.fromkeys(normpath(word) for word in words if word.startswith("/"))]

    def sequence(self, desired: Desired) -> tuple[Any, ...]:
        """By its number; those without one come last."""
        return (desired.order is None, desired.order or 0)

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.app.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        program = basename(desired.start[0])
        return f"{program} pid {state.pid}" if state is not None and state.pid else program

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        if state is None or state.running:
            return ""
        if state.stopped:
            return "stopped"
        return (
            f"died: pid {state.pid} is gone" if state.pid else "died: its check says that it is down" if desired.check else "died"
        )

    def remark(self, desired: Desired, state: State, now: datetime | None) -> Remark | None:
        if not state.checked:
            return None
        return Remark(f"its check warns (exit {state.checked})", shell.join(desired.check))

    def bells(self, desired: Desired, state: State | None) -> Sequence[Bell]:
        """The end of its process; of an app that forks, of its first: what that one starts and ends is its own affair."""
        if state is None or not state.running:
            return ()
        pids = [(state.pid, state.started)] if state.pid else [(pid, 0) for pid in state.others[:1]]
        return [Bell(Source.PROCESS, f"{pid} {started}") for pid, started in pids]


KIND = AppKind()
