"""Making a backing file and a filesystem. What was made may hold data a moment later: nothing here is ever undone."""

from typing import ClassVar

from reconciler.core import shell
from reconciler.core.action import BARRIER, Action, Barrier, CommandAction, Facet
from reconciler.core.observed import Absent, Present, Seen
from reconciler.resources.fs.making import shown
from reconciler.resources.fs.model import EXT, Around


class MakeFile(Action):
    """Make a backing file, all of it a hole, that nobody but root may read."""

    op: ClassVar[str] = "make file"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.MADE})
    path: str
    size: int

    def says(self) -> str:
        return f"make the backing file {self.path} ({shown(self.size)})"

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """`>`: a file that appeared meanwhile is not made shorter."""
        return ("truncate", "-s", f">{self.size}", "--", self.path), ("chmod", "600", self.path)

    def command(self) -> str:
        return " && ".join(shell.join(words) for words in self.commands())

    def after(self, seen: Seen) -> Seen:
        return _with(seen, source="file", volume=self.size, signature="", bare=True)

    def shown(self, seen: Seen) -> bool:
        assert isinstance(seen.around, Around)
        return isinstance(seen, Present) or (seen.around.source == "file" and seen.around.volume > 0)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else BARRIER


class MakeFilesystem(CommandAction):
    """Make a filesystem where there is nothing. dev: as the spec says it. device: where that lies."""

    op: ClassVar[str] = "make"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.MADE})
    dev: str
    device: str
    type: str
    mkfs_opt: tuple[str, ...] = ()

    def says(self) -> str:
        return f"make {self.type} on {self.device}"

    def argv(self) -> tuple[str, ...]:
        quiet = ("-q",) if self.type in {*EXT, "xfs", "btrfs"} else ()
        return (f"mkfs.{self.type}", *quiet, *self.mkfs_opt, "--", self.device)

    def after(self, seen: Seen) -> Seen:
        return _with(seen, signature=self.type, bare=False)

    def shown(self, seen: Seen) -> bool:
        assert isinstance(seen.around, Around)
        return isinstance(seen, Present) or seen.around.signature == self.type

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else BARRIER


def _with(seen: Seen, **values: object) -> Seen:
    assert isinstance(seen.around, Around)
    around = seen.around.model_copy(update=values)
    return Present(seen.state, around) if isinstance(seen, Present) else Absent(around)
