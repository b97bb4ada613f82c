"""raw: needs, claims, objections. Pure. There are no actions: the devices are there, or somebody else has to see to it."""

from collections.abc import Sequence

from reconciler.core.change import Change
from reconciler.core.devices import canonical
from reconciler.core.facts import Claim, Fact, Kind, Need
from reconciler.core.kind import Awaited, Moves, Objection, PlainKind
from reconciler.core.model import changed
from reconciler.resources.raw.model import Around, Desired, State


class RawKind(PlainKind):
    """The contract of core/kind.py for block devices as they are."""

    name = "raw"
    rank = 20
    desired = Desired
    state = State
    around = Around

    def holds(self, state: State) -> bool:
        return False

    def objection(self, desired: Desired, state: State | None, around: Around) -> Objection | None:
        if around.wrong:
            return Objection(f"{', '.join(around.wrong)} is no block device", "correct devs")
        if around.missing:
            awaited = Awaited(Fact(Kind.DEVICE, canonical(around.missing[0])), changed(around, missing=()))
            return Objection(f"{', '.join(around.missing)} is not there", "connect it, or correct devs", awaits=awaited)
        return None

    def needs(self, desired: Desired) -> Sequence[Need]:
        """What brings a device is somebody else: a volume group, a loop device."""
        return [Need(Fact(Kind.DEVICE, canonical(dev))) for dev in desired.devs]

    def provides(self, desired: Desired) -> Sequence[Fact]:
        return [Fact(Kind.DEVICE, canonical(dev)) for dev in desired.devs]

    def claims(self, desired: Desired) -> Sequence[Claim]:
        """Its own service may use them; no other one."""
        return [Claim("device", canonical(dev), f"raw device {dev}", shared=True) for dev in desired.devs]

    def releases(self, desired: Desired, change: Change) -> bool:
        return False

    def moves(self, change: Change) -> Moves:
        return Moves()

    def label(self, desired: Desired, state: State | None) -> str:
        return " ".join(desired.devs)


KIND = RawKind()
