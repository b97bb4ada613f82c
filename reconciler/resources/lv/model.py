"""lv: a logical volume that is active on this node. Desired, State, Around."""

import re
from typing import Annotated, Any, Final

from pydantic import Field, ValidationInfo, field_validator

from reconciler.core.model import Model
from reconciler.core.node import Place
from reconciler.core.rules import Impact, Keyword, Rule
from reconciler.core.values import Flag, Size, Text, Words
from reconciler.resources.lvm_options import guarded

_NAME: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9+_.][A-Za-z0-9+_.-]{0,126}")


class Desired(Model):
    """A logical volume that shall be active here."""

    name: Annotated[Text, Rule(Impact.REFUSE)] = Field(
        description="The logical volume. It is activated; claims are its group's affair."
    )
    vg: Annotated[Text, Rule(Impact.REFUSE)] = Field(description="The volume group that it is in.")
    size: Annotated[Size, Rule(Impact.NONE)] = Field(
        default=0, description="How large it is made, where it is made; one that is there stays as large as it is."
    )
    create_options: Annotated[Words, Rule(Impact.NONE)] = Field(
        default=(), description="Further options of lvcreate, where it is made, such as --type raid1."
    )
    provision: Annotated[Flag, Rule(Impact.NONE)] = Field(
        default=False, description="Whether one that is not there is made, by a start with --provision."
    )
    keep_tags: Annotated[Words, Rule(Impact.NONE)] = Field(
        default=(), description="Tags of the group that claim it for nobody, such as backup; they stay."
    )
    tag: Annotated[str, Rule(Impact.NONE), Keyword(internal=True)] = Field(
        default="", validate_default=True, description="The tag by which this node claims groups: its name."
    )

    @field_validator("name", "vg")
    @classmethod
    def _name_a_volume(cls, value: str) -> str:
        if _NAME.fullmatch(value) is None:
            raise ValueError(f"{value!r} cannot name a logical volume or its group; lvs lists those that are there")
        return value

    @field_validator("create_options")
    @classmethod
    def _leave_guards(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Nothing that makes LVM write over what is there."""
        return guarded(value)

    @field_validator("tag", mode="before")
    @classmethod
    def _claim(cls, value: Any, info: ValidationInfo) -> Any:
        return info.context.node.name if isinstance(info.context, Place) else value

    @property
    def path(self) -> str:
        """Its device, once it is active."""
        return f"/dev/{self.vg}/{self.name}"


class State(Model):
    """A logical volume as it is. partitions, holders: what lies on it, mappings of its partitions and anything else."""

    name: str
    vg: str
    uuid: str = ""
    active: bool = False
    partitions: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()


class Around(Model):
    """group: whether its group is there. others: the tags of others on it."""

    group: bool = True
    others: tuple[str, ...] = ()
