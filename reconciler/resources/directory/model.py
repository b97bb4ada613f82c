"""directory: a folder. Desired, State, Around."""

import re
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, field_validator

from reconciler.core.model import Model
from reconciler.core.rules import Impact, Rule
from reconciler.core.values import Path, to_text

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?")


def _to_owner(value: Any) -> str:
    """A name, or a number, of a user or group."""
    text = to_text(value).strip()
    if text and not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} names no user and no group")
    return text


def _to_mode(value: Any) -> str:
    """Octal digits, without zeros before them."""
    text = to_text(value).strip()
    if text and not re.fullmatch(r"0?[0-7]{3,4}", text):
        raise ValueError(f"expected an octal mode such as 0750, not {text!r}")
    return f"{int(text, 8):o}".zfill(3) if text else ""


Owner: TypeAlias = Annotated[str, BeforeValidator(_to_owner, json_schema_input_type=str | int)]
Mode: TypeAlias = Annotated[str, BeforeValidator(_to_mode, json_schema_input_type=str | int)]


class Desired(Model):
    """A folder that shall be there."""

    path: Annotated[Path, Rule(Impact.REPLACE)] = Field(description="The folder; it is made when it is missing, and never removed.")
    user: Annotated[Owner, Rule(Impact.LIVE)] = Field(
        default="", description="Who owns it, by name or number; by default root of a new one, and of one that is there as it is."
    )
    group: Annotated[Owner, Rule(Impact.LIVE)] = Field(default="", description="The group that it belongs to; as with user.")
    perm: Annotated[Mode, Rule(Impact.LIVE)] = Field(
        default="", description="Its mode, in octal digits; by default 0755 of a new one, and of one that is there as it is."
    )

    @field_validator("path")
    @classmethod
    def _not_root(cls, value: str) -> str:
        if value == "/":
            raise ValueError("the root of the machine is no folder of a service")
        return value


class State(Model):
    """A folder that is there; who owns it as the spec names them, by name or number."""

    path: str
    user: str = "root"
    group: str = "root"
    perm: str = "755"


class Around(Model):
    """What is in the way.

    point: what is at the path where no folder is: "", "file", "link", …. lacks: the users and groups of the spec that the machine
    does not have.
    """

    point: str = ""
    lacks: tuple[str, ...] = ()
