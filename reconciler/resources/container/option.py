"""Option: where a setting of a container stands: for `docker run` behind which words, in the engine's records at which place.

It sits in the `Annotated[...]` of its field, beside the rule (settings.py). What is sent to the engine, what is read back, what a
plan prints, what run_args understands, the table in docs/keywords.md and the tests against an engine are all made from it.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from pydantic.fields import FieldInfo

from reconciler.core.lazy import dataclass
from reconciler.core.model import Model


@dataclass(frozen=True, slots=True)
class Shape:
    """How a value is written.

    encode: to the engine's record. decode: back; what the engine leaves null is not decoded. words: for `docker create`, of the
    flag and the value. many: whether the flag may be repeated, once for each member. switch: whether it takes no value.
    """

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    words: Callable[[str, Any], list[str]]
    many: bool = False
    switch: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """at: the place in the body of a creation and in an inspect ("HostConfig.CapAdd"); "" where normal.py knows.

    flag: the long option of `docker run`; like the keyword unless it is given. letter: the short one, or "".
    image: whether an image may bring its own.
    lifted: what a running container is given in the record to take a limit away; None where it cannot be taken away in place.
    """

    at: str
    shape: Shape
    flag: str = ""
    letter: str = ""
    image: bool = False
    lifted: Any = None


@dataclass(frozen=True, slots=True)
class Setting:
    """A field with its option. nothing: its value where nothing is asked for."""

    keyword: str
    option: Option
    nothing: Any

    @property
    def flag(self) -> str:
        return "--" + (self.option.flag or self.keyword.replace("_", "-"))

    def words(self, value: Any) -> list[str]:
        """The words of `docker create` that ask for this value."""
        return self.option.shape.words(self.flag, value)

    def encode(self, value: Any, body: dict[str, Any]) -> None:
        """Put the value where the engine looks for it."""
        *path, last = self.option.at.split(".")
        for part in path:
            body = body.setdefault(part, {})
        body[last] = self.option.shape.encode(value)

    def decode(self, seen: Mapping[str, Any]) -> Any:
        """The value out of an inspect, or out of the half of it that this setting is in."""
        found: Any = seen
        for part in self.option.at.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if found is None or found == self.option.lifted:
            return self.nothing
        return self.option.shape.decode(found)


@cache
def settings_of(model: type[Model]) -> Mapping[str, Setting]:
    """Field name -> setting, of the fields that have an option, in the order of the model."""
    found: dict[str, Setting] = {}
    for name, field in model.model_fields.items():
        option = next((meta for meta in field.metadata if isinstance(meta, Option)), None)
        if option is not None:
            found[name] = Setting(name, option, default_of(field))
    return found


def default_of(field: FieldInfo) -> Any:
    """A field's value where none is given."""
    return field.get_default(call_default_factory=True)


@cache
def placed(model: type[Model]) -> tuple[Setting, ...]:
    """The settings whose place in the engine's records the table gives."""
    return tuple(setting for setting in settings_of(model).values() if setting.option.at)


def _same(value: Any) -> Any:
    return value


def one(flag: str, value: Any) -> list[str]:
    """The words of a flag with a value."""
    return [flag, str(value)]


def each(flag: str, texts: Any) -> list[str]:
    """The words of a flag that is repeated."""
    return [word for text in texts for word in (flag, text)]


def _pairs(flag: str, pairs: Mapping[str, str]) -> list[str]:
    return each(flag, (f"{name}={text}" for name, text in pairs.items()))


def _time(flag: str, seconds: float) -> list[str]:
    return [flag, f"{round(seconds * 1000)}ms"]


TEXT: Final = Shape(_same, str, one)
SWITCH: Final = Shape(_same, bool, lambda flag, _: [flag], switch=True)
NUMBER: Final = Shape(_same, int, one)
TEXTS: Final = Shape(list, tuple, each, many=True)
PAIRS: Final = Shape(dict, lambda found: {name: found[name] for name in sorted(found)}, _pairs, many=True)
TIME: Final = Shape(lambda seconds: round(seconds * 1e9), lambda found: round(found / 1e9, 9), _time)
