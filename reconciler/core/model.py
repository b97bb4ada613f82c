"""Model: the base of every record that crosses a file or a port of the core."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A frozen record that refuses unknown fields.

    Building the validators is deferred to first use: a run pays only for the resource types it has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, validate_default=False)
