"""directory: every decision about a folder. Pure. Which actions a change takes is in moves.py, imported when one is made."""

from collections.abc import Sequence
from posixpath import dirname
from typing import Final

from reconciler.core.change import Change
from reconciler.core.facts import Bond, Claim, Fact, Kind, Need
from reconciler.core.kind import Moves, Objection
from reconciler.core.model import changed
from reconciler.resources.directory.model import Around, Desired, State
from reconciler.resources.still import StillKind

_NEW: Final = State(path="")
"""What a new one is where the spec says nothing."""


class DirectoryKind(StillKind):
    """The contract of core/kind.py for folders."""

    name = "directory"
    desired = Desired
    state = State
    around = Around

    def settle(self, desired: Desired, state: State | None, around: Around) -> tuple[Desired, State | None]:
        """What the spec does not say stays as it is, and is root's and 0755 of a new one."""
        base = state or _NEW
        want = changed(desired, user=desired.user or base.user, group=desired.group or base.group, perm=desired.perm or base.perm)
        return want, state

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        if around.lacks:
            return Objection(f"this machine has no {around.lacks[0]}", "make it, or correct the spec")
        if around.point:
            return Objection(f"{desired.path} is not a folder but a {around.point}", "move it away, or correct path")
        return None

    def needs(self, desired: Desired) -> Sequence[Need]:
        """What is mounted on it or above it, and the folders above it."""
        return [Need(Fact(Kind.PATH, desired.path), Bond.ORDER), Need(Fact(Kind.PATH, dirname(desired.path)), Bond.ORDER)]

    def provides(self, desired: Desired) -> Sequence[Fact]:
        return [Fact(Kind.FOLDER, desired.path)]

    def claims(self, desired: Desired) -> Sequence[Claim]:
        return [Claim("folder", desired.path, f"the owner and mode of {desired.path}")]

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.directory.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        return f"directory {desired.path}"

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        return f"{desired.path} does not exist" if state is None else ""


KIND: Final = DirectoryKind()
