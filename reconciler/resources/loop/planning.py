"""loop: needs, claims, objections. Pure. Which actions a change takes is in moves.py, imported when one is made."""

from collections.abc import Sequence
from posixpath import dirname

from reconciler.core.action import Action
from reconciler.core.change import Change
from reconciler.core.facts import Claim, Fact, Kind, Need
from reconciler.core.kind import Awaited, Moves, Objection, PlainKind
from reconciler.core.model import changed
from reconciler.core.values import size_text
from reconciler.resources.loop.model import Around, Desired, State


class LoopKind(PlainKind):
    """The contract of core/kind.py for loop devices."""

    name = "loop"
    rank = 20
    desired = Desired
    state = State
    around = Around

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        file = desired.file
        if state is not None and state.fleeting:
            why = f"{state.file} is attached to {state.device} by whoever mounted it, and only for as long"
            return Objection(why, f"umount {state.device}, and start it then")
        if state is not None and state.file == file:
            return None
        if not around.folder:
            awaited = Awaited(Fact(Kind.PATH, file), changed(around, folder=True))
            return Objection(f"{dirname(file)} is not there", "make it, or correct file", awaits=awaited)
        if not around.made:
            return _about_creation(desired, around)
        if around.kind != "file":
            return Objection(f"{file} is no file", "correct file")
        if desired.size and around.size != desired.size:
            return Objection(f"{file} has {size_text(around.size)}, not {size_text(desired.size)}", "correct size, or leave it out")
        return None

    def unmake(self, desired: Desired, state: State | None, around: Around, made: str) -> Sequence[Action] | Objection:
        """Nothing tells a file that was made from another one that has come in its place."""
        if not desired.provision or around.kind != "file":
            return ()
        return Objection(
            f"whether osvc made {desired.file} cannot be proven", f"rm -- {desired.file}, once it is down, if nobody needs it"
        )

    def needs(self, desired: Desired) -> Sequence[Need]:
        return [Need(Fact(Kind.PATH, desired.file))]

    def provides(self, desired: Desired) -> Sequence[Fact]:
        return [Fact(Kind.DEVICE, desired.file)]

    def claims(self, desired: Desired) -> Sequence[Claim]:
        return [Claim("loop device", desired.file, f"loop device of {desired.file}")]

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.loop.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        return f"{desired.file}@{state.device}" if state is not None and state.device else desired.file

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        return "not attached" if state is None else ""


def _about_creation(desired: Desired, around: Around) -> Objection:
    """Of a file that is not there, or empty: it may come with a filesystem; made is only what says so, and is asked for."""
    what = "is empty" if around.kind else "is not there"
    there = changed(around, kind="file", size=desired.size or 1)
    awaited = None if around.kind else Awaited(Fact(Kind.PATH, desired.file), there)
    if not desired.provision or not desired.size:
        remedy = "correct file; to have it made, write provision: true, and size"
        return Objection(f"{desired.file} {what}", remedy, awaits=awaited)
    return Objection(f"{desired.file} {what} yet", "osvc start --provision makes it", "provision", awaits=awaited)


KIND = LoopKind()
