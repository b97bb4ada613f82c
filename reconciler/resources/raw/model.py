"""raw: block devices that a service uses as they are. Desired, State, Around."""

from typing import Annotated

from pydantic import Field, field_validator

from reconciler.core.model import Model
from reconciler.core.rules import Impact, Rule
from reconciler.core.values import Words, to_path


class Desired(Model):
    """Block devices that have to be there."""

    devs: Annotated[Words, Rule(Impact.NONE)] = Field(
        description="The block devices. They have to be there, and are this resource's."
    )

    @field_validator("devs")
    @classmethod
    def _paths(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("expected the path of a block device at least")
        return tuple(dict.fromkeys(to_path(path) for path in value))


class State(Model):
    """devs: the devices, all of which are there."""

    devs: tuple[str, ...]


class Around(Model):
    """missing: those of the devices that are not there. wrong: those that are something else than a block device."""

    missing: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
