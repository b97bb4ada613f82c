"""fs: needs, claims, defaults, objections. Pure. Which actions a change takes is in moves.py, imported when one is made."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from reconciler.core.action import Action
from reconciler.core.bells import Bell, Source
from reconciler.core.change import Change
from reconciler.core.devices import canonical
from reconciler.core.facts import Claim, Fact, Kind, Need
from reconciler.core.kind import Awaited, Moves, Objection, Occupant, PlainKind, Remark
from reconciler.core.model import changed
from reconciler.resources.fs import making, options
from reconciler.resources.fs.model import NFS, ON_DISK, TAGS, Around, Desired, State


class FsKind(PlainKind):
    """The contract of core/kind.py for filesystems."""

    name = "fs"
    rank = 30
    desired = Desired
    state = State
    around = Around

    def settle(self, desired: Desired, state: State | None, around: Around) -> tuple[Desired, State | None]:
        """Options in canonical form on both sides. A bind mount takes over the options of the mount its source lies in,
        unless its spec says otherwise. Of what is observed only the comparable options stay."""
        inherited = around.inherited if desired.type == "bind" else ()
        live, held, said = options.wanted(_words(desired), desired.mnt_opt, inherited, desired.type)
        want = changed(desired, mnt_opt=live, mount_only=held)
        if state is None:
            return want, None
        live, held = options.found(_words(state), (*live, *held), said, desired.type)
        if state.protected and "ro" not in want.mnt_opt:
            held = (*held, options.PROTECTED)
        return want, changed(state, mnt_opt=live, mount_only=held, type=_same_type(state.type, desired.type))

    def is_up(self, state: State) -> bool:
        return not state.hidden

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        if state is not None and state.hidden:
            return self.obstacle(state)
        if state is not None and (state.dev, state.mnt) == (desired.dev, desired.mnt):
            return None
        return _about_point(desired, around) or (None if desired.type in {"tmpfs", *NFS} else _about_source(desired, state, around))

    def obstacle(self, state: State) -> Objection | None:
        """What lies over it would be unmounted in its stead; who must not be signalled has to let go of it by itself."""
        if state.hidden:
            return Objection(f"{state.hidden} is mounted over {state.mnt}", f"umount {state.mnt}, if nobody needs it")
        return None

    def unmake(self, desired: Desired, state: State | None, around: Around, made: str) -> Sequence[Action] | Objection:
        """A filesystem goes with the device that it is on. Nothing tells a file that was made from another one in its place."""
        if not desired.provision or not desired.size or desired.type not in ON_DISK or desired.dev.startswith("/dev/"):
            return ()
        if state is None and around.source != "file":
            return ()
        return Objection(
            f"whether osvc made {desired.dev} cannot be proven", f"rm -- {desired.dev}, once it is down, if nobody needs it"
        )

    def needs(self, desired: Desired) -> Sequence[Need]:
        """A backing file lies on a filesystem, and may be had through a loop device of the service. What a tag means is not known
        before it is there, and on which network a server is, neither."""
        needs = [Need(Fact(Kind.PATH, desired.mnt.rpartition("/")[0] or "/"))]
        if desired.type in {"tmpfs", *NFS} or desired.dev.startswith(TAGS):
            return needs
        device = Need(Fact(Kind.DEVICE, canonical(desired.dev)))
        if desired.dev.startswith("/dev/"):
            return [*needs, device]
        path = Need(Fact(Kind.PATH, desired.dev))
        return [*needs, path] if desired.type == "bind" else [*needs, path, device]

    def provides(self, desired: Desired) -> Sequence[Fact]:
        return [Fact(Kind.MOUNT, desired.mnt)]

    def claims(self, desired: Desired) -> Sequence[Claim]:
        """Of a btrfs several subvolumes may be mounted, each in its place."""
        point = Claim("mount point", desired.mnt, f"mount point {desired.mnt}")
        if desired.type not in ON_DISK:
            return [point]
        noun = "device" if desired.dev.startswith(("/dev/", *TAGS)) else "backing file"
        key, part = canonical(desired.dev), options.part(_words(desired), desired.type)
        label = f"{noun} {desired.dev}"
        return [point, Claim("device", f"{key} {part}", label, of=key) if part else Claim("device", key, label)]

    def sequence(self, desired: Desired) -> tuple[Any, ...]:
        return tuple(desired.mnt.split("/")[1:])

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.fs.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        return f"{desired.type} {desired.dev}@{desired.mnt}"

    def remark(self, desired: Desired, state: State, now: datetime | None) -> Remark | None:
        if not state.lost:
            return None
        return Remark(
            f"{state.dev} is gone from under it: what is read may come from memory, and nothing is kept", "", failing=True
        )

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        if state is None:
            return f"{desired.mnt} is not mounted"
        return f"hidden by {state.hidden}" if state.hidden else ""

    def bells(self, desired: Desired, state: State | None) -> Sequence[Bell]:
        """What is mounted there, and over any folder on the way."""
        return [
            Bell(Source.MOUNTS, "", point) for mnt in {desired.mnt, state.mnt if state else desired.mnt} for point in _down_to(mnt)
        ]


def _down_to(mnt: str) -> list[str]:
    """Each folder on the way to a mount point, and that itself."""
    parts = mnt.split("/")[1:]
    return ["/" + "/".join(parts[: count + 1]) for count in range(len(parts))]


def _words(of: Desired | State) -> tuple[str, ...]:
    return (*of.mnt_opt, *of.mount_only)


def _same_type(seen: str, wanted: str) -> str:
    """A mount of type nfs is shown as nfs4 where the two sides agree on that version."""
    return wanted if {seen, wanted} <= {*NFS} else seen


def _about_point(desired: Desired, around: Around) -> Objection | None:
    if around.exchanged:
        return Objection(f"{around.occupant}, which is alike, is mounted on {desired.mnt}", "give it another dev, or correct mnt")
    if around.occupant:
        left = Occupant(around.occupant, changed(around, occupied="", occupant=""))
        reason = f"{around.occupant} is mounted on {desired.mnt}"
        return Objection(reason, f"let {around.occupant} leave it, or correct mnt", occupant=left)
    if around.occupied:
        return Objection(f"{around.occupied} is mounted on {desired.mnt}, not by osvc", f"umount {desired.mnt}, or correct mnt")
    if around.point == "file" and around.source != "file":
        return Objection(f"the mount point {desired.mnt} is not a folder", "move it away, or correct mnt")
    return None


def _about_source(desired: Desired, state: State | None, around: Around) -> Objection | None:
    if not around.source:
        if desired.dev.startswith(TAGS):
            return Objection(f"no device bears {desired.dev}", "blkid says what there is; correct dev")
        missing = Objection(f"{desired.dev} does not exist", "make it, or correct dev", awaits=_awaited(desired, around))
        return making.of_file(desired, around) or missing
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
        return making.of_filesystem(desired, around)
    if around.signature is not None and around.signature != desired.type:
        return Objection(f"{desired.dev} carries {around.signature}, not {desired.type}", "correct type, or dev")
    return None


def _awaited(desired: Desired, around: Around) -> Awaited | None:
    """A device comes with what provides it, and what it carries is seen then; the folder that a bind mount shows may be one that
    the service makes."""
    if desired.type == "bind":
        return Awaited(Fact(Kind.FOLDER, desired.dev), changed(around, source="dir"))
    if not desired.dev.startswith("/dev/"):
        return None
    return Awaited(Fact(Kind.DEVICE, canonical(desired.dev)), changed(around, source="block"))


KIND = FsKind()
