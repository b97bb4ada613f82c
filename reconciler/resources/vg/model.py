"""vg: a volume group that is active on this node, and claimed for it. Desired, State, Around."""

import re
from typing import Annotated, Any, Final

from pydantic import Field, ValidationInfo, field_validator

from reconciler.core.model import Model
from reconciler.core.node import Place
from reconciler.core.rules import Impact, Keyword, Rule, same_set
from reconciler.core.values import Flag, Text, Words, to_path
from reconciler.resources.lvm_options import guarded

_NAME: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9+_.][A-Za-z0-9+_.-]{0,126}")


class Desired(Model):
    """A volume group that shall be active here."""

    name: Annotated[Text, Rule(Impact.REFUSE), Keyword(aliases=("vgname",))] = Field(
        description="The volume group. It is claimed for this node by a tag, and activated."
    )
    pvs: Annotated[Words, Rule(Impact.NONE)] = Field(
        default=(),
        description="What it lies on: block devices, or backing files of loop devices. It is made of these, where it is made.",
    )
    options: Annotated[Words, Rule(Impact.NONE)] = Field(
        default=(), description="Further options of vgcreate, where it is made, such as -s 16m."
    )
    provision: Annotated[Flag, Rule(Impact.NONE)] = Field(
        default=False, description="Whether one that is not there is made of pvs, by a start with --provision; never over anything."
    )
    keep_tags: Annotated[Words, Rule(Impact.NONE)] = Field(
        default=(), description="Tags of the group that claim it for nobody, such as backup; they stay."
    )
    tag: Annotated[str, Rule(Impact.NONE), Keyword(internal=True)] = Field(
        default="", validate_default=True, description="The tag that claims it: the node's name."
    )
    others: Annotated[tuple[str, ...], Rule(Impact.LIVE, compare=same_set), Keyword(internal=True)] = Field(
        default=(), description="The tags of others: none."
    )
    inactive: Annotated[tuple[str, ...], Rule(Impact.LIVE, compare=same_set), Keyword(internal=True)] = Field(
        default=(), description="Those of its volumes that are not active: none."
    )
    uuid: Annotated[str, Rule(Impact.NONE), Keyword(internal=True)] = Field(
        default="", description="Which group of that name it was when it was last taken."
    )

    @field_validator("name")
    @classmethod
    def _name_a_group(cls, value: str) -> str:
        if _NAME.fullmatch(value) is None:
            raise ValueError(f"{value!r} cannot name a volume group; vgs lists those that are there")
        return value

    @field_validator("pvs")
    @classmethod
    def _paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(to_path(path) for path in value)

    @field_validator("options")
    @classmethod
    def _leave_guards(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Nothing that makes LVM write over what is there."""
        return guarded(value)

    @field_validator("tag", mode="before")
    @classmethod
    def _claim(cls, value: Any, info: ValidationInfo) -> Any:
        return info.context.node.name if isinstance(info.context, Place) else value


class Volume(Model):
    """A logical volume. skipped: it is not activated with its group. partitions, holders: what lies on it, by device-mapper name:
    mappings of its partitions, and anything else."""

    name: str
    active: bool = False
    skipped: bool = False
    partitions: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()


class State(Model):
    """A volume group as it is.

    tag: the one that claims it for this node. tags: all that it has. kept: those that claim it for nobody, if it has them.
    others, inactive: what of these differs from a group that is up (filled in by settle). missing: the uuids of
    physical volumes that are not there.
    """

    name: str
    uuid: str = ""
    tag: str = ""
    tags: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    inactive: tuple[str, ...] = ()
    exported: bool = False
    missing: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()

    @property
    def mine(self) -> bool:
        """Whether it is claimed for this node."""
        return self.tag in self.tags

    @property
    def foreign(self) -> tuple[str, ...]:
        """The tags of others: each that is not named as one to be kept is taken for the claim of another node."""
        return tuple(tag for tag in self.tags if tag != self.tag and tag not in self.kept)

    @property
    def active(self) -> tuple[str, ...]:
        """The volumes that are active."""
        return tuple(volume.name for volume in self.volumes if volume.active)

    @property
    def lacking(self) -> tuple[str, ...]:
        """The volumes that are to be active, and are not."""
        return tuple(volume.name for volume in self.volumes if not volume.active and not volume.skipped)


class Disk(Model):
    """What a group is to be made of. device: its block device, "" for none. bare: whether nothing at all is on it."""

    path: str
    device: str = ""
    bare: bool = False


class Around(Model):
    """was: the uuid of the group of this name that was taken last, or "". disks: of a group that is not there, what it would be
    made of."""

    was: str = ""
    disks: tuple[Disk, ...] = ()
