"""Volume: what a spec may say of one, what is seen of one, and what its planning has to know of the surroundings."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from reconciler.core.model import Model
from reconciler.core.node import Place
from reconciler.core.rules import Impact, Keyword, Rule
from reconciler.core.values import Path, to_pairs, to_text

_DRIVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:-]*")
_REFUSE = Rule(Impact.REFUSE)
_INTERNAL = Keyword(internal=True)


def _to_driver(value: Any) -> str:
    text = to_text(value).strip()
    if not _DRIVER.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a volume driver")
    return text


def _to_sorted(value: Any) -> dict[str, str]:
    return dict(sorted(to_pairs(value).items()))


def _to_labels(value: Any) -> dict[str, str]:
    pairs = _to_sorted(value)
    for name in pairs:
        if name.startswith("osvc."):
            raise ValueError(f"label {name!r} is osvc's own; choose another name")
    return pairs


_MAP: TypeAlias = str | list[str] | dict[str, str | int | float | bool]
Pairs: TypeAlias = Annotated[dict[str, str], BeforeValidator(_to_sorted, json_schema_input_type=_MAP)]
Labels: TypeAlias = Annotated[dict[str, str], BeforeValidator(_to_labels, json_schema_input_type=_MAP)]


class Desired(Model):
    """What a spec says of a volume. It cannot be changed once it is there: that would take its data."""

    driver: Annotated[str, _REFUSE, BeforeValidator(_to_driver, json_schema_input_type=str)] = Field(
        "local", description="The driver that keeps it."
    )
    options: Annotated[Pairs, _REFUSE] = Field(
        default_factory=dict, description="Options of the driver, NAME=VALUE; local takes type, device and o, as mount does."
    )
    labels: Annotated[Labels, _REFUSE] = Field(default_factory=dict, description="Labels of the volume.")
    container_data_dir: Annotated[Path | None, Rule(Impact.NONE), Keyword(aliases=("docker_data_dir",), inherit=True)] = Field(
        None, description="The data root of the service's own engine."
    )
    called: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field(description="Its name in the engine.")
    socket: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field(description="The engine's socket.")
    service: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field(description="The service.")
    rid: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field(description="The resource.")
    private: Annotated[bool, Rule(Impact.NONE), _INTERNAL] = Field(description="Whether the engine is the service's own.")

    @model_validator(mode="before")
    @classmethod
    def _place(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, Mapping) or not isinstance(info.context, Place):
            return data
        place, private = info.context, bool(data.get("container_data_dir"))
        return {
            **data,
            "service": place.service,
            "rid": place.rid,
            "private": private,
            "called": place.inside(place.rid),
            "socket": place.node.socket(place.service, own=private),
        }


class State(Model):
    """A volume as its engine shows it."""

    called: str
    driver: str = "local"
    options: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)


class Around(Model):
    """What planning has to know besides the volume. held: whether one of that name is there that is not ours. store: the uuid of
    the state folder that owns what is made; "" for none yet."""

    held: bool = False
    store: str = ""
