"""vg: what can be done to a volume group. Each action names the group's uuid, so that no other of the same name is touched."""

from typing import ClassVar

from reconciler.core.action import BARRIER, Action, Barrier, CommandAction, Effect, Facet
from reconciler.core.observed import Absent, Present, Seen
from reconciler.resources.vg.model import State


def _state(seen: Seen) -> State | None:
    return seen.state if isinstance(seen, Present) and isinstance(seen.state, State) else None


class GroupAction(CommandAction):
    """On one group. uuid: which of that name; "" where it was not there yet."""

    group: str
    uuid: str = ""

    def group_in(self, seen: Seen) -> State | None:
        """The group that this is about, in an observation."""
        state = _state(seen)
        return state if state is not None and state.name == self.group else None

    def become(self, state: State) -> State:
        """The group, once this is done."""
        raise NotImplementedError

    def after(self, seen: Seen) -> Seen:
        state = self.group_in(seen)
        return seen if state is None else Present(self.become(state), seen.around)

    def shown(self, seen: Seen) -> bool:
        state = self.group_in(seen)
        return state is not None and self.become(state) == state


class AddTags(GroupAction):
    """Add tags: this node's claim, or, when a take-over is undone, those of others again. beside: the tags that do not speak
    against a claim; any other that is there has come meanwhile."""

    op: ClassVar[str] = "tag"
    tags: tuple[str, ...]
    claims: bool = True
    beside: tuple[str, ...] = ()

    def says(self) -> str:
        return f"claim {self.group} for {', '.join(self.tags)}"

    def argv(self) -> tuple[str, ...]:
        return ("vgchange", *(word for tag in self.tags for word in ("--addtag", f"@{tag}")), self.group)

    def become(self, state: State) -> State:
        return state.model_copy(update={"tags": tuple(sorted({*state.tags, *self.tags}))})

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        state = self.group_in(before)
        new = tuple(tag for tag in self.tags if state is None or tag not in state.tags)
        return (RemoveTags(group=self.group, uuid=self.uuid, tags=new),) if new else ()


class RemoveTags(GroupAction):
    """Remove tags: this node's claim, or those of others. taken: they are others', who may use the group still."""

    op: ClassVar[str] = "untag"
    tags: tuple[str, ...]
    taken: bool = False

    @property
    def costs(self) -> Effect:
        return Effect.DISRUPTIVE if self.taken else Effect.SAFE

    def says(self) -> str:
        names = ", ".join(self.tags)
        return f"take {self.group} from {names}" if self.taken else f"give up the claim of {names} on {self.group}"

    def argv(self) -> tuple[str, ...]:
        return ("vgchange", *(word for tag in self.tags for word in ("--deltag", f"@{tag}")), self.group)

    def become(self, state: State) -> State:
        return state.model_copy(update={"tags": tuple(tag for tag in state.tags if tag not in self.tags)})

    def shown(self, seen: Seen) -> bool:
        return self.group_in(seen) is None or super().shown(seen)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        state = self.group_in(before)
        tags = state.tags if state is not None else ()
        old, beside = tuple(tag for tag in self.tags if tag in tags), tuple(tag for tag in tags if tag not in self.tags)
        return (AddTags(group=self.group, uuid=self.uuid, tags=old, claims=not self.taken, beside=beside),) if old else ()


class Activate(GroupAction):
    """Activate the volumes of a group: all that are not to be skipped, or those that are named."""

    op: ClassVar[str] = "activate"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.DEVICE})
    volumes: tuple[str, ...] = ()

    def says(self) -> str:
        return f"activate {_named(self.group, self.volumes)}"

    def argv(self) -> tuple[str, ...]:
        return _change("y", self.group, self.volumes)

    def become(self, state: State) -> State:
        chosen = self.volumes or state.lacking
        return _switched(state, chosen, active=True)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        """What was active before stays so."""
        state = self.group_in(before)
        if state is None or not state.active:
            return (Deactivate(group=self.group, uuid=self.uuid, volumes=self.volumes),)
        new = tuple(name for name in self.volumes or state.lacking if name not in state.active)
        return (Deactivate(group=self.group, uuid=self.uuid, volumes=new),) if new else ()


class Deactivate(GroupAction):
    """Deactivate the volumes of a group: all, or those that are named."""

    op: ClassVar[str] = "deactivate"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.DEVICE})
    effect: ClassVar[Effect] = Effect.DISRUPTIVE
    volumes: tuple[str, ...] = ()

    def says(self) -> str:
        return f"deactivate {_named(self.group, self.volumes)}"

    def argv(self) -> tuple[str, ...]:
        return _change("n", self.group, self.volumes)

    def become(self, state: State) -> State:
        return _switched(state, self.volumes or state.active, active=False)

    def shown(self, seen: Seen) -> bool:
        return self.group_in(seen) is None or super().shown(seen)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        state = self.group_in(before)
        old = tuple(name for name in self.volumes or (state.active if state else ()) if state is not None and name in state.active)
        if not old or state is None:
            return ()
        whole = not state.lacking and not any(volume.active and volume.skipped for volume in state.volumes)
        return (Activate(group=self.group, uuid=self.uuid, volumes=() if whole and not self.volumes else old),)


class DropPartitions(GroupAction):
    """Remove the mappings of a volume's partitions. They hold no data, and come back when somebody needs them."""

    op: ClassVar[str] = "unmap"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.DEVICE})
    volume: str

    def says(self) -> str:
        return f"remove the partition mappings of /dev/{self.group}/{self.volume}"

    def argv(self) -> tuple[str, ...]:
        return ("kpartx", "-d", f"/dev/{self.group}/{self.volume}")

    def become(self, state: State) -> State:
        without = [
            volume.model_copy(update={"partitions": ()}) if volume.name == self.volume else volume for volume in state.volumes
        ]
        return state.model_copy(update={"volumes": tuple(without)})

    def shown(self, seen: Seen) -> bool:
        return self.group_in(seen) is None or super().shown(seen)

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        state = self.group_in(before)
        names = next((volume.partitions for volume in state.volumes if volume.name == self.volume), ()) if state else ()
        return (MapPartitions(group=self.group, uuid=self.uuid, volume=self.volume, partitions=names),) if names else ()


class MapPartitions(GroupAction):
    """Map a volume's partitions again. partitions: the mappings that there will be."""

    op: ClassVar[str] = "map"
    volume: str
    partitions: tuple[str, ...]

    def says(self) -> str:
        return f"map the partitions of /dev/{self.group}/{self.volume}"

    def argv(self) -> tuple[str, ...]:
        return ("kpartx", "-a", f"/dev/{self.group}/{self.volume}")

    def become(self, state: State) -> State:
        update = {"partitions": self.partitions}
        with_them = [volume.model_copy(update=update) if volume.name == self.volume else volume for volume in state.volumes]
        return state.model_copy(update={"volumes": tuple(with_them)})

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return (DropPartitions(group=self.group, uuid=self.uuid, volume=self.volume),)


class Create(GroupAction):
    """Make a group. A disk that carries anything is left as it is: LVM asks, gets no answer, and makes nothing."""

    op: ClassVar[str] = "create"
    facets: ClassVar[frozenset[Facet]] = frozenset({Facet.MADE})
    disks: tuple[str, ...]
    options: tuple[str, ...] = ()
    tag: str

    def says(self) -> str:
        return f"make {self.group} of {', '.join(self.disks)}"

    def argv(self) -> tuple[str, ...]:
        return ("vgcreate", *self.options, self.group, *self.disks)

    def after(self, seen: Seen) -> Seen:
        return Present(State(name=self.group, tag=self.tag), seen.around.model_copy(update={"disks": ()}))

    def shown(self, seen: Seen) -> bool:
        return self.group_in(seen) is not None

    def made(self, seen: Seen) -> str:
        state = self.group_in(seen)
        return state.uuid if state is not None else ""

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else BARRIER


class Remove(GroupAction):
    """Take a group apart that has no volume any more. Its disks are disks of LVM still. beside: as of AddTags."""

    op: ClassVar[str] = "remove"
    effect: ClassVar[Effect] = Effect.DESTRUCTIVE
    beside: tuple[str, ...] = ()

    def says(self) -> str:
        return f"remove the volume group {self.group}"

    def argv(self) -> tuple[str, ...]:
        return ("vgremove", self.group)

    @property
    def loses(self) -> str:
        return f"volume group {self.group}"

    def after(self, seen: Seen) -> Seen:
        return Absent(seen.around)

    def shown(self, seen: Seen) -> bool:
        return self.group_in(seen) is None

    def undo(self, before: Seen) -> tuple[Action, ...] | Barrier:
        return () if self.shown(before) else BARRIER


def _named(group: str, volumes: tuple[str, ...]) -> str:
    return ", ".join(f"{group}/{volume}" for volume in volumes) or group


def _change(to: str, group: str, volumes: tuple[str, ...]) -> tuple[str, ...]:
    """-K: a volume that is named is meant, also one that is not activated with its group."""
    if volumes:
        skip = ("-K",) if to == "y" else ()
        return ("lvchange", "-a", to, *skip, *(f"{group}/{volume}" for volume in volumes))
    return ("vgchange", "-a", to, group)


def _switched(state: State, names: tuple[str, ...], *, active: bool) -> State:
    volumes = tuple(volume.model_copy(update={"active": active}) if volume.name in names else volume for volume in state.volumes)
    return state.model_copy(update={"volumes": volumes})
