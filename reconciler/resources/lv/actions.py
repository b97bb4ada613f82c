"""lv: what can be done to a logical volume."""

from typing import ClassVar

from reconciler.core.action import BARRIER, Action, Barrier, CommandAction, Effect, Facet
from reconciler.core.observed import Absent, Present, Seen
from reconciler.core.values import size_text
from reconciler.resources.lv.model import State


class VolumeAction(CommandAction):
    """On one volume. uuid: which of that name; "" where it was not there yet."""

    vg: str
    name: str
    uuid: str = ""

    @property
    def path(self) -> str:
        return f"/dev/{self.vg}/{self.name}"

    def volume_in(self, seen: Seen) -> State | None:
        """The volume that this is about, in an observation."""
        state = seen.state if isinstance(seen, Present) and isinstance(seen.state, State) else None
        return state if state is not None and (state.vg, state.name) == (self.vg, self.name) else None

    def become(self, state: State) -> State:
        """The volume, once this is done."""
        raise NotImplementedError

    def after(self, seen: Seen) -> Seen:
        state = self.volume_in(seen)
        return seen if state is None else Present(self.become(state), seen.around)

    def shown(self, seen: Seen) -> bool:
        state = self.volume_in(seen)
        return state is not None and self.become(state) == state


class Activate(VolumeAction):
    op: ClassVar[str] = "activate"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.DEVICE})

    def says(self) -> str:
        return f"activate {self.vg}/{self.name}"

    def argv(self) -> tuple[str, ...]:
        """-K: a volume that is named is meant, also one that is not activated with its group."""
        return ("lvchange", "-a", "y", "-K", f"{self.vg}/{self.name}")

    def become(self, state: State) -> State:
        return state.model_copy(update={"active": True})

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else (Deactivate(vg=self.vg, name=self.name, uuid=self.uuid),)


class Deactivate(VolumeAction):
    op: ClassVar[str] = "deactivate"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.DEVICE})
    effect: ClassVar[Effect] = Effect.DISRUPTIVE

    def says(self) -> str:
        return f"deactivate {self.vg}/{self.name}"

    def argv(self) -> tuple[str, ...]:
        return ("lvchange", "-a", "n", f"{self.vg}/{self.name}")

    def become(self, state: State) -> State:
        return state.model_copy(update={"active": False})

    def shown(self, seen: Seen) -> bool:
        return self.volume_in(seen) is None or super().shown(seen)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else (Activate(vg=self.vg, name=self.name, uuid=self.uuid),)


class DropPartitions(VolumeAction):
    """Remove the mappings of its partitions. They hold no data, and come back when somebody needs them."""

    op: ClassVar[str] = "unmap"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.DEVICE})

    def says(self) -> str:
        return f"remove the partition mappings of {self.path}"

    def argv(self) -> tuple[str, ...]:
        return ("kpartx", "-d", self.path)

    def become(self, state: State) -> State:
        return state.model_copy(update={"partitions": ()})

    def shown(self, seen: Seen) -> bool:
        return self.volume_in(seen) is None or super().shown(seen)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        state = self.volume_in(before)
        if state is None or not state.partitions:
            return ()
        return (MapPartitions(vg=self.vg, name=self.name, uuid=self.uuid, partitions=state.partitions),)


class MapPartitions(VolumeAction):
    """Map its partitions again. partitions: the mappings that there will be."""

    op: ClassVar[str] = "map"
    partitions: tuple[str, ...]

    def says(self) -> str:
        return f"map the partitions of {self.path}"

    def argv(self) -> tuple[str, ...]:
        return ("kpartx", "-a", self.path)

    def become(self, state: State) -> State:
        return state.model_copy(update={"partitions": self.partitions})

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return (DropPartitions(vg=self.vg, name=self.name, uuid=self.uuid),)


class Create(VolumeAction):
    """Make a volume. Where its extents carry a signature of older data LVM asks, gets no answer, and makes nothing."""

    op: ClassVar[str] = "create"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.MADE})
    size: int
    options: tuple[str, ...] = ()

    def says(self) -> str:
        return f"make {self.vg}/{self.name} ({size_text(self.size)})"

    def argv(self) -> tuple[str, ...]:
        return ("lvcreate", "-n", self.name, "-L", _kilobytes(self.size), "-W", "y", *self.options, self.vg)

    def after(self, seen: Seen) -> Seen:
        return Present(State(name=self.name, vg=self.vg, active=True), seen.around)

    def shown(self, seen: Seen) -> bool:
        return self.volume_in(seen) is not None

    def made(self, seen: Seen) -> str:
        state = self.volume_in(seen)
        return state.uuid if state is not None else ""

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else BARRIER


class Remove(VolumeAction):
    """Give a volume's room back to its group. LVM asks whether it is to remove one that is active, gets no answer, and does not.
    beside: the tags of the group that do not speak against it; any other that is there has come meanwhile."""

    op: ClassVar[str] = "remove"
    effect: ClassVar[Effect] = Effect.DESTRUCTIVE
    beside: tuple[str, ...] = ()

    def says(self) -> str:
        return f"remove {self.vg}/{self.name}"

    def argv(self) -> tuple[str, ...]:
        return ("lvremove", f"{self.vg}/{self.name}")

    @property
    def loses(self) -> str:
        return f"logical volume {self.vg}/{self.name}, and all that is on it"

    def after(self, seen: Seen) -> Seen:
        return Absent(seen.around)

    def shown(self, seen: Seen) -> bool:
        return self.volume_in(seen) is None

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else BARRIER


def _kilobytes(size: int) -> str:
    return f"{-(-size // 1024)}k"
