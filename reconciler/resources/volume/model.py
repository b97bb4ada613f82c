"""Volume: what a spec may say of one, and what is seen of one."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from reconciler.core.model import Model
from reconciler.core.rules import Impact, Rule
from reconciler.core.tags import Labels
from reconciler.core.values import Pairs, to_text
from reconciler.resources.inside import Inside

_DRIVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:-]*")
_REFUSE = Rule(Impact.REFUSE)


def _to_driver(value: Any) -> str:
    text = to_text(value).strip()
    if not _DRIVER.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a volume driver")
    return text


class Desired(Inside):
    """What a spec says of a volume. It cannot be changed once it is there: that would take its data."""

    driver: Annotated[str, _REFUSE, BeforeValidator(_to_driver, json_schema_input_type=str)] = Field(
        "local", description="The driver that keeps it."
    )
    options: Annotated[Pairs, _REFUSE] = Field(
        default_factory=dict, description="Options of the driver, NAME=VALUE; local takes type, device and o, as mount does."
    )
    labels: Annotated[Labels, _REFUSE] = Field(default_factory=dict, description="Labels of the volume.")


class State(Model):
    """A volume as its engine shows it."""

    called: str
    driver: str = "local"
    options: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
