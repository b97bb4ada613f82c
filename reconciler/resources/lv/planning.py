"""lv: needs, claims, objections. Pure. Which actions a change takes is in moves.py, imported when one is made."""

from collections.abc import Sequence

from reconciler.core.action import Action
from reconciler.core.change import Change
from reconciler.core.facts import Claim, Fact, Kind, Need
from reconciler.core.kind import Awaited, Moves, Objection, PlainKind
from reconciler.core.model import changed
from reconciler.core.reading import Reading
from reconciler.resources.lv.model import Around, Desired, State
from reconciler.resources.lvm_options import NO_CLAIM


class LvKind(PlainKind):
    """The contract of core/kind.py for logical volumes."""

    name = "lv"
    rank = 20
    desired = Desired
    state = State
    around = Around

    def reads(self, desired: Desired) -> Sequence[Reading]:
        return (Reading.GROUPS,)

    def is_up(self, state: State) -> bool:
        return state.active

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        if state is not None and (state.vg, state.name) != (desired.vg, desired.name):
            why = f"it is not exchanged for {desired.vg}/{desired.name} while {state.vg}/{state.name} is active"
            return Objection(why, "osvc stop, and start it then")
        if state is None:
            found = _about_creation(desired, around)
            if found is not None:
                return found
        if around.others and (state is None or not state.active):
            nodes = ", ".join(around.others)
            risk = f"osvc start --force takes the volume all the same: its data is damaged if {nodes} still uses it; {NO_CLAIM}"
            return Objection(f"{desired.vg} is claimed by {nodes}", risk, "force")
        return None

    def obstacle(self, state: State) -> Objection | None:
        """What lies on it, and is no mapping of its partitions, is somebody's."""
        if not state.active or not state.holders:
            return None
        first = state.holders[0]
        return Objection(
            f"{', '.join(state.holders)} lies on /dev/{state.vg}/{state.name}", f"dmsetup remove {first}, if nobody needs it"
        )

    def unmake(self, desired: Desired, state: State | None, around: Around, made: str) -> Sequence[Action] | Objection:
        if state is None or not (made or desired.provision):
            return ()
        name = f"{state.vg}/{state.name}"
        if around.others:
            return Objection(f"{state.vg} is claimed by {', '.join(around.others)}", f"on that node: lvremove {name}")
        if not made or made != state.uuid:
            return Objection(f"osvc did not make {name}", f"lvremove {name}, if nobody needs what is on it")

        from reconciler.resources.lv.actions import Remove

        return (Remove(vg=state.vg, name=state.name, uuid=made, beside=(desired.tag, *desired.keep_tags)),)

    def needs(self, desired: Desired) -> Sequence[Need]:
        return [Need(Fact(Kind.DEVICE, f"/dev/{desired.vg}"))]

    def provides(self, desired: Desired) -> Sequence[Fact]:
        return [Fact(Kind.DEVICE, desired.path)]

    def claims(self, desired: Desired) -> Sequence[Claim]:
        name = f"{desired.vg}/{desired.name}"
        return [Claim("logical volume", name, f"logical volume {name}")]

    def moves(self, change: Change) -> Moves:
        from reconciler.resources.lv.moves import moves_of

        return moves_of(change)

    def label(self, desired: Desired, state: State | None) -> str:
        return f"{desired.vg}/{desired.name}"

    def evidence(self, desired: Desired, state: State | None, around: Around) -> str:
        return "" if state is None else "not active"


def _about_creation(desired: Desired, around: Around) -> Objection | None:
    """Of a volume that is not there: made is only what says so, and is asked for."""
    name = f"{desired.vg}/{desired.name}"
    if not around.group:
        awaited = Awaited(Fact(Kind.DEVICE, f"/dev/{desired.vg}"), changed(around, group=True))
        return Objection(f"there is no volume group {desired.vg} here", "connect its disks, or correct vg", awaits=awaited)
    if not desired.provision:
        return Objection(f"there is no logical volume {name}", "correct name; to have it made, write provision: true, and size")
    if not desired.size:
        return Objection(f"there is no logical volume {name}, and no size to make it with", "write size")
    return Objection(f"there is no logical volume {name} yet", "osvc start --provision makes it", "provision")


KIND = LvKind()
