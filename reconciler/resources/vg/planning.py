"""vg: needs, claims, objections. Pure. Which actions a change takes is in moves.py, imported when one is made."""

from collections.abc import Sequence
from datetime import datetime

from reconciler.core.action import Action
from reconciler.core.change import Change, Verdict
from reconciler.core.devices import canonical
from reconciler.core.facts import Claim, Fact, Kind, Need
from reconciler.core.kind import Awaited, Moves, Objection, PlainKind, Remark
from reconciler.core.model import changed
from reconciler.core.observed import Present
from reconciler.core.reading import Reading
from reconciler.resources.lvm_options import NO_CLAIM
from reconciler.resources.vg.model import Around, Desired, State

FORCE = "force"


class VgKind(PlainKind):
    """The contract of core/kind.py for volume groups."""

    name = "vg"
    rank = 20
    desired = Desired
    state = State
    around = Around

    def settle(self, desired: Desired, state: State | None, around: Around) -> tuple[Desired, State | None]:
        """Of a group that is down nothing differs: it is claimed and activated as a whole."""
        if state is None:
            return desired, None
        want = changed(desired, uuid=state.uuid if state.name == desired.name else "")
        up = self.is_up(state)
        return want, changed(state, others=state.foreign if up else (), inactive=state.lacking if up else ())

    def reads(self, desired: Desired) -> Sequence[Reading]:
        return (Reading.GROUPS,)

    def is_up(self, state: State) -> bool:
        """Claimed, and something of it active, if there is anything in it."""
        return state.mine and (bool(state.active) or not state.lacking)

    def holds(self, state: State) -> bool:
        return bool(state.active)

    def ours(self, state: State) -> bool:
        return state.mine

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        name = desired.name
        if state is None:
            return _about_creation(desired, around)
        if state.name != name:
            return Objection(f"it is not exchanged for {name} while {state.name} is claimed here", "osvc stop, and start it then")
        if state.exported:
            return Objection(f"{name} is exported", f"vgimport {name}, if no other machine is to have it")
        doubts = [] if self.is_up(state) and not state.lacking and not state.foreign else _doubts(state, around)
        if not doubts:
            return None
        reasons, risks = zip(*doubts, strict=True)
        remedy = f"osvc start --force takes it all the same: {'; '.join(risks)}"
        return Objection("; ".join(reasons), f"{remedy}; {NO_CLAIM}" if state.foreign else remedy, FORCE)

    def obstacle(self, state: State) -> Objection | None:
        """What lies on a volume, and is no mapping of its partitions, is somebody's."""
        held = [(volume.name, volume.holders) for volume in state.volumes if volume.active and volume.holders]
        if not held:
            return None
        volume, holders = held[0]
        return Objection(
            f"{', '.join(holders)} lies on /dev/{state.name}/{volume}", f"dmsetup remove {holders[0]}, if nobody needs it"
        )

    def unmake(self, desired: Desired, state: State | None, around: Around, made: str) -> Sequence[Action] | Objection:
        if state is None or not (made or desired.provision):
            return ()
        if state.foreign:
            return Objection(f"{state.name} is claimed by {', '.join(state.foreign)}", f"on that node: vgremove {state.name}")
        if not made or made != state.uuid:
            return Objection(f"osvc did not make {state.name}", f"vgremove {state.name}, if nobody needs what is in it")

        from reconciler.resources.vg.actions import Remove

        return (Remove(group=state.name, uuid=made, beside=(state.tag, *state.kept)),)

    def within(self, state: State) -> Sequence[Fact]:
        return [Fact(Kind.DEVICE, f"/dev/{state.name}/{volume.name}") for volume in state.volumes]

    def needs(self, desired: Desired) -> Sequence[Need]:
        return [Need(Fact(Kind.DEVICE, canonical(path))) for path in desired.pvs]

    def provides(self, desired: Desired) -> Sequence[Fact]:
        return [Fact(Kind.DEVICE, f"/dev/{desired.name}")]

    def claims(self, desired: Desired) -> Sequence[Claim]:
        """By its name, and what it lies on as far as that is said."""
        disks = (Claim("device", canonical(path), f"device {path}") for path in desired.pvs)
        return [Claim("volume group", desired.name, f"volume group {desired.name}"), *disks]

    def releases(self, desired: Desired, change: Change) -> bool:
        """Not where only the claim is missing: its volumes stay active meanwhile."""
        seen = change.seen
        active = isinstance(seen, Present) and isinstance(seen.state, State) and bool(seen.state.active)
        return not (change.verdict is Verdict.START and active)

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.vg.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        if state is None or not state.active or not state.lacking:
            return desired.name
        return f"{desired.name} ({_share(state)})"

    def remark(self, desired: Desired, state: State, now: datetime | None) -> Remark | None:
        if not state.missing:
            return None
        return Remark(f"{_count(state.missing)} not there: {', '.join(state.missing)}", f"vgs -o +pv_missing {state.name}")

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        if state is None:
            return ""
        if state.foreign and not state.mine:
            return f"claimed by {', '.join(state.foreign)}"
        if not state.active:
            return "not active"
        return "" if state.mine else f"{_share(state)}, and not claimed for {state.tag}"


def _about_creation(desired: Desired, around: Around) -> Objection:
    """Of a group that is not there: made is only what says so, is asked for, and has bare disks."""
    name = desired.name
    lacking = [disk for disk in around.disks if not disk.device]
    if lacking:
        there = tuple(changed(disk, device=disk.device or disk.path, bare=True) for disk in around.disks)
        awaited = Awaited(Fact(Kind.DEVICE, canonical(lacking[0].path)), changed(around, disks=there))
        why = f"there is no volume group {name} here, and no block device {lacking[0].path}"
        return Objection(why, "connect its disks, or correct pvs", awaits=awaited)
    if not desired.provision or not desired.pvs:
        return Objection(
            f"there is no volume group {name} here",
            "connect its disks (vgs lists what is there), or correct name; to have it made, write provision: true, and pvs",
        )
    taken = [disk.path for disk in around.disks if not disk.bare]
    if taken:
        return Objection(f"{', '.join(taken)} is not bare, and osvc writes over nothing", f"wipefs {taken[0]} shows what is on it")
    return Objection(f"there is no volume group {name} yet", "osvc start --provision makes it", "provision")


def _doubts(state: State, around: Around) -> list[tuple[str, str]]:
    """What speaks against taking a group as it is, and what is at risk if it is taken."""
    found: list[tuple[str, str]] = []
    if state.foreign:
        nodes = ", ".join(state.foreign)
        found.append((f"{state.name} is claimed by {nodes}", f"its data is damaged if {nodes} still uses it"))
    if around.was and state.uuid != around.was:
        found.append((f"{state.name} is another group than before ({state.uuid}, not {around.was})", "its data is not what it was"))
    if state.missing:
        found.append((f"{state.name} lacks {_count(state.missing)} ({', '.join(state.missing)})", "some of its data is not there"))
    return found


def _share(state: State) -> str:
    return f"{len(state.active)} of {len(state.active) + len(state.lacking)} active"


def _count(missing: Sequence[str]) -> str:
    return f"{len(missing)} physical volume{'s' if len(missing) > 1 else ''}"


KIND = VgKind()
