"""Model: the base of every record that crosses a file or a port of the core."""

import os
import sys
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

if os.environ.get("PYDANTIC_DISABLE_PLUGINS") == "__all__":
    # What finds plug-ins for the models imports importlib.metadata, and all that comes with it (a tenth of a start), to find none.
    _none = ModuleType("pydantic.plugin._loader")
    vars(_none)["get_plugins"] = tuple
    sys.modules.setdefault(_none.__name__, _none)


class Model(BaseModel):  # noqa: PLW1641 pydantic gives each frozen record its hash
    """A frozen record that refuses unknown fields.

    Building the validators is deferred to first use: a run pays only for the resource types it has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, validate_default=False)

    def __eq__(self, other: object) -> bool:
        """The same fields of the same record: it holds nothing else."""
        return self is other or (type(self) is type(other) and self.__dict__ == other.__dict__)


M = TypeVar("M", bound=Model)


def changed(record: M, **values: Any) -> M:
    """The record with these values; the very same one when it has them already, as most have."""
    have = record.__dict__
    if values.items() <= have.items():
        return record
    return record.model_copy(update={name: value for name, value in values.items() if have[name] != value})
