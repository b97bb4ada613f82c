"""fs: needs, claims, defaults, objections. Pure. Which actions a change takes is in moves.py, imported when one is made."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from posixpath import dirname
from typing import Any

from reconciler.core.change import Change
from reconciler.core.devices import canonical
from reconciler.core.facts import Claim, Fact, Kind, Need
from reconciler.core.kind import Awaited, Moves, Objection, Remark
from reconciler.core.model import changed
from reconciler.resources.fs import options
from reconciler.resources.fs.model import EXT, Around, Desired, State


class FsKind:
    """The contract of core/kind.py for filesystems."""

    name = "fs"
    rank = 30
    desired = Desired
    state = State
    around = Around

    def implied(self, keywords: Mapping[str, Any], types: Collection[str]) -> bool:
        return False

    def settle(self, desired: Desired, state: State | None, around: Around) -> tuple[Desired, State | None]:
        """Options in canonical form on both sides. A bind mount takes over the options of the mount its source lies in,
        unless its spec says otherwise. Of what is observed only the comparable options stay."""
        inherited = around.inherited if desired.type == "bind" else ()
        live, held = options.fixed(options.canonical((*inherited, *_words(desired)), desired.type))
        said = options.unset(options.overrides(desired.mnt_opt, inherited), live)
        live = tuple(sorted((*live, *said)))
        want = changed(desired, mnt_opt=live, mount_only=held)
        if state is None:
            return want, None
        seen = options.relevant(_words(state), (*live, *held), desired.type)
        live, held = options.fixed(seen)
        live = tuple(sorted((*live, *options.unset(said, live))))
        if state.protected and "ro" not in want.mnt_opt:
            held = (*held, options.PROTECTED)
        return want, changed(state, mnt_opt=live, mount_only=held)

    def is_up(self, state: State) -> bool:
        return not state.hidden

    def holds(self, state: State) -> bool:
        return self.is_up(state)

    def manages(self, desired: Desired) -> bool:
        return True

    def ours(self, state: State) -> bool:
        """A mount bears no sign of who made it: only the store can tell."""
        return False

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        if state is not None and state.hidden:
            return self.obstacle(state)
        if state is not None and (state.dev, state.mnt) == (desired.dev, desired.mnt):
            return None
        return _about_point(desired, around) or (None if desired.type == "tmpfs" else _about_source(desired, state, around))

    def obstacle(self, state: State) -> Objection | None:
        """What lies over it would be unmounted in its stead."""
        if not state.hidden:
            return None
        return Objection(f"{state.hidden} is mounted over {state.mnt}", f"umount {state.mnt}, if nobody needs it")

    def needs(self, desired: Desired) -> Sequence[Need]:
        needs = [Need(Fact(Kind.PATH, dirname(desired.mnt)))]
        if desired.type == "tmpfs":
            return needs
        device = desired.dev.startswith("/dev/")
        return [*needs, Need(Fact(Kind.DEVICE, canonical(desired.dev)) if device else Fact(Kind.PATH, desired.dev))]

    def provides(self, desired: Desired) -> Sequence[Fact]:
        return [Fact(Kind.MOUNT, desired.mnt)]

    def claims(self, desired: Desired) -> Sequence[Claim]:
        point = Claim("mount point", desired.mnt, f"mount point {desired.mnt}")
        if desired.type not in EXT:
            return [point]
        noun = "device" if desired.dev.startswith("/dev/") else "backing file"
        return [point, Claim("device", canonical(desired.dev), f"{noun} {desired.dev}")]

    def releases(self, desired: Desired, change: Change) -> bool:
        return True

    def sequence(self, desired: Desired) -> tuple[Any, ...]:
        return tuple(desired.mnt.split("/")[1:])

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.fs.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        return f"{desired.type} {desired.dev}@{desired.mnt}"

    def gates(self, desired: Desired) -> bool:
        return False

    def remark(self, desired: Desired, state: State, now: datetime | None) -> Remark | None:
        return None

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        if state is None:
            return f"{desired.mnt} is not mounted"
        return f"hidden by {state.hidden}" if state.hidden else ""


def _words(of: Desired | State) -> tuple[str, ...]:
    return (*of.mnt_opt, *of.mount_only)


def _about_point(desired: Desired, around: Around) -> Objection | None:
    if around.occupied:
        return Objection(f"{around.occupied} is mounted on {desired.mnt}, not by osvc", f"umount {desired.mnt}, or correct mnt")
    if around.point == "file" and around.source != "file":
        return Objection(f"the mount point {desired.mnt} is not a folder", "move it away, or correct mnt")
    return None


def _about_source(desired: Desired, state: State | None, around: Around) -> Objection | None:
    if not around.source:
        return Objection(f"{desired.dev} does not exist", "make it, or correct dev", awaits=_awaited(desired, around))
    if desired.type == "bind":
        if around.source == "file" and around.point != "file":
            return Objection(f"{desired.dev} is a file, and {desired.mnt} is none", f"make the file {desired.mnt} to bind it on")
        return None
    if around.source not in {"file", "block"}:
        return Objection(f"{desired.dev} is neither a block device nor a file", "correct dev")
    others = [path for path in around.elsewhere if state is None or path != state.mnt]
    if others:
        return Objection(f"{desired.dev} is mounted on {others[0]} already", f"umount {others[0]}, or correct dev")
    if around.signature == "":
        return Objection(
            f"{desired.dev} carries no filesystem, and osvc makes none", f"mkfs.{desired.type} {desired.dev}, if it holds nothing"
        )
    if around.signature is not None and around.signature != desired.type:
        return Objection(f"{desired.dev} carries {around.signature}, not {desired.type}", "correct type, or dev")
    return None


def _awaited(desired: Desired, around: Around) -> Awaited | None:
    """A device comes with what provides it; what it carries is seen then."""
    if not desired.dev.startswith("/dev/"):
        return None
    return Awaited(Fact(Kind.DEVICE, canonical(desired.dev)), changed(around, source="block"))


KIND = FsKind()
