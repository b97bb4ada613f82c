"""loop: what can be done to a loop device and its backing file."""

from typing import ClassVar

from reconciler.core import shell
from reconciler.core.action import BARRIER, Action, Barrier, CommandAction, Effect, Facet
from reconciler.core.observed import Absent, Present, Seen
from reconciler.core.values import size_text
from reconciler.resources.loop.model import Around, State


def _state(seen: Seen) -> State | None:
    return seen.state if isinstance(seen, Present) and isinstance(seen.state, State) else None


class MakeFile(Action):
    """Make a backing file, all of it a hole, that nobody but root may read. It has its size last: an empty one is made still."""

    op: ClassVar[str] = "make file"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.MADE})
    file: str
    size: int

    def says(self) -> str:
        return f"make the backing file {self.file} ({size_text(self.size)})"

    def touch(self) -> tuple[str, ...]:
        """conv=excl: it is made, or nothing is done."""
        return ("dd", "if=/dev/null", f"of={self.file}", "conv=excl", "status=none")

    def shape(self) -> tuple[tuple[str, ...], ...]:
        """The words for one that is empty."""
        return ("chmod", "--", "0600", self.file), ("truncate", "-s", str(self.size), "--", self.file)

    def command(self) -> str:
        return " && ".join(shell.join(words) for words in (self.touch(), *self.shape()))

    def after(self, seen: Seen) -> Seen:
        around = seen.around.model_copy(update={"kind": "file", "size": self.size})
        state = _state(seen)
        return Absent(around) if state is None else Present(state, around)

    def shown(self, seen: Seen) -> bool:
        return isinstance(seen.around, Around) and seen.around.kind == "file" and seen.around.size > 0

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else BARRIER


class Attach(CommandAction):
    """Attach the file to the first loop device that is free; one that has it is left as it is."""

    op: ClassVar[str] = "attach"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.DEVICE})
    shared: ClassVar[bool] = True
    file: str

    def says(self) -> str:
        return f"attach {self.file} to a loop device"

    def argv(self) -> tuple[str, ...]:
        return ("losetup", "-f", "--show", "--nooverlap", "--", self.file)

    def after(self, seen: Seen) -> Seen:
        assert isinstance(seen.around, Around)
        return Present(State(file=self.file, size=seen.around.size), seen.around)

    def shown(self, seen: Seen) -> bool:
        state = _state(seen)
        return state is not None and state.file == self.file and not state.fleeting

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else (Detach(file=self.file),)


class Detach(Action):
    """Detach the file. Which loop device it has is looked up when it is done: it may be another one by then."""

    op: ClassVar[str] = "detach"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.DEVICE})
    effect: ClassVar[Effect] = Effect.DISRUPTIVE
    shared: ClassVar[bool] = True
    file: str

    def says(self) -> str:
        return f"detach {self.file} from its loop device"

    def command(self) -> str:
        return f'losetup -d "$(losetup -n -O NAME -j {shell.join((self.file,))})"'

    def after(self, seen: Seen) -> Seen:
        return Absent(seen.around)

    def shown(self, seen: Seen) -> bool:
        state = _state(seen)
        return state is None or state.file != self.file

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else (Attach(file=self.file),)
