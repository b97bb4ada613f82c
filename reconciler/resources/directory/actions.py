"""directory: what can be done to a folder. It is made, and given to somebody; it is never removed, for it may hold data."""

from typing import ClassVar

from reconciler.core.action import Action, Barrier, CommandAction, Facet
from reconciler.core.observed import Present, Seen
from reconciler.resources.directory.model import State


def _state(seen: Seen) -> State | None:
    return seen.state if isinstance(seen, Present) and isinstance(seen.state, State) else None


class MakeFolder(CommandAction):
    """Make it and the folders above it. One that is there already gets this owner and mode."""

    op: ClassVar[str] = "mkdir"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.FOLDER})
    path: str
    user: str
    group: str
    perm: str

    def says(self) -> str:
        return f"make the folder {self.path} ({self.user}:{self.group} {self.perm})"

    def argv(self) -> tuple[str, ...]:
        return ("install", "-d", "-m", self.perm, "-o", self.user, "-g", self.group, "--", self.path)

    def after(self, seen: Seen) -> Seen:
        return Present(State(path=self.path, user=self.user, group=self.group, perm=self.perm), seen.around)

    def shown(self, seen: Seen) -> bool:
        state = _state(seen)
        return state == State(path=self.path, user=self.user, group=self.group, perm=self.perm)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return ()


class ChangeOwner(CommandAction):
    """Give it, and nothing in it, to somebody else."""

    op: ClassVar[str] = "chown"
    path: str
    user: str
    group: str

    def says(self) -> str:
        return f"give {self.path} to {self.user}:{self.group}"

    def argv(self) -> tuple[str, ...]:
        return ("chown", "--no-dereference", f"{self.user}:{self.group}", "--", self.path)

    def after(self, seen: Seen) -> Seen:
        state = _state(seen)
        return Present(state.model_copy(update={"user": self.user, "group": self.group}), seen.around) if state else seen

    def shown(self, seen: Seen) -> bool:
        state = _state(seen)
        return state is not None and (state.user, state.group) == (self.user, self.group)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        state = _state(before)
        return (ChangeOwner(path=self.path, user=state.user, group=state.group),) if state else ()


class ChangeMode(CommandAction):
    """Give it, and nothing in it, another mode."""

    op: ClassVar[str] = "chmod"
    path: str
    perm: str

    def says(self) -> str:
        return f"set the mode of {self.path} to {self.perm}"

    def argv(self) -> tuple[str, ...]:
        return ("chmod", self.perm, self.path)

    def after(self, seen: Seen) -> Seen:
        state = _state(seen)
        return Present(state.model_copy(update={"perm": self.perm}), seen.around) if state else seen

    def shown(self, seen: Seen) -> bool:
        state = _state(seen)
        return state is not None and state.perm == self.perm

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        state = _state(before)
        return (ChangeMode(path=self.path, perm=state.perm),) if state else ()
