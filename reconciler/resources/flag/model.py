"""flag: a marker file. Desired, State, Around."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, model_validator

from reconciler.core.model import Model
from reconciler.core.node import Place
from reconciler.core.rules import Impact, Keyword, Rule
from reconciler.core.values import Path

FOLDER = ".flags"
"""Of the markers, in the run folder; no service can have this name."""


class Desired(Model):
    """A marker that shall be set. It is gone after a reboot, as the run folder is."""

    path: Annotated[Path, Rule(Impact.REPLACE), Keyword(internal=True)] = Field(description="Where the marker lies.")

    @model_validator(mode="before")
    @classmethod
    def _place(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, Mapping) or not isinstance(info.context, Place):
            return data
        place = info.context
        return {**data, "path": f"{place.node.run_dir}/{FOLDER}/{place.service}/{place.rid}"}


class State(Model):
    """A marker that is set."""

    path: str


class Around(Model):
    """Nothing of the surroundings of a marker matters."""
