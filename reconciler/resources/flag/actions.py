"""flag: a marker is set and taken away."""

from typing import ClassVar

from reconciler.core.action import Action, Barrier, CommandAction, Effect
from reconciler.core.observed import Absent, Present, Seen
from reconciler.resources.flag.model import State


class Set(CommandAction):
    """Make the marker, and the folders above it."""

    op: ClassVar[str] = "set"
    path: str

    def says(self) -> str:
        return f"set the flag {self.path}"

    def argv(self) -> tuple[str, ...]:
        return ("install", "-D", "-m", "644", "--", "/dev/null", self.path)

    def after(self, seen: Seen) -> Seen:
        return Present(State(path=self.path), seen.around)

    def shown(self, seen: Seen) -> bool:
        return isinstance(seen, Present) and isinstance(seen.state, State) and seen.state.path == self.path

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else (Clear(path=self.path),)


class Clear(CommandAction):
    """Take the marker away."""

    op: ClassVar[str] = "clear"
    effect: ClassVar[Effect] = Effect.DISRUPTIVE
    path: str

    def says(self) -> str:
        return f"clear the flag {self.path}"

    def argv(self) -> tuple[str, ...]:
        return ("rm", "-f", "--", self.path)

    def after(self, seen: Seen) -> Seen:
        return Absent(seen.around)

    def shown(self, seen: Seen) -> bool:
        return not (isinstance(seen, Present) and isinstance(seen.state, State) and seen.state.path == self.path)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else (Set(path=self.path),)
