"""Values: what a spec may write for a size, a time, a list of words; annotated types that accept INI text and YAML values.

Every validator raises ValueError with a clause that says what is wrong and what is expected.
"""

import re
import shlex
from decimal import Decimal
from enum import Enum
from ipaddress import ip_address
from posixpath import normpath
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from reconciler.core.model import Model
from reconciler.core.secrets import looks_secret

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?", re.IGNORECASE)
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?", re.IGNORECASE)
_TIMES = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+", re.IGNORECASE)
_SCALE = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_UNIT = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TRUE = {"true", "yes", "on", "1", "y", "t"}
_FALSE = {"false", "no", "off", "0", "n", "f"}
FLAGS = frozenset(_TRUE | _FALSE)
"""The words for yes and no."""
MOST_SECONDS = 365 * 86400.0
"""Of any time in a spec: longer ones are mistakes, and no timer takes them."""


def to_words(value: Any) -> tuple[str, ...]:
    """A list as it is, or text split like a shell would."""
    if value is None:
        return ()
    if isinstance(value, str):
        try:
            return tuple(shlex.split(value))
        except ValueError as err:
            raise ValueError(f"cannot be split into words: {str(err).lower()}") from None
    if isinstance(value, (list, tuple)):
        return tuple([to_text(item) for item in value])
    raise ValueError(f"expected words or a list, not {_name(value)}")


def to_text(value: Any) -> str:
    """One word. Numbers and booleans are taken as they were written; lists and maps are refused."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    raise ValueError(f"expected one word, not {_name(value)}")


def to_flag(value: Any) -> bool:
    """true, yes, on, 1 or false, no, off, 0."""
    if isinstance(value, bool):
        return value
    text = to_text(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"expected true or false, not {text!r}")


def to_size(value: Any) -> int:
    """Bytes; k, m, g, t are powers of 1024."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(to_text(value).strip())
    if found is None:
        raise ValueError(f"expected a size such as 64m or 1g, not {value!r}")
    number, scale = found[1], _SCALE[found[2].lower()]
    return int(number) * scale if number.isdecimal() else int(Decimal(number) * scale)


def size_text(size: int) -> str:
    """A size as a spec may write it, in the largest unit that it is a whole number of: 64m."""
    units = [(scale, unit) for unit, scale in _SCALE.items() if unit]
    return next((f"{size // scale}{unit}" for scale, unit in reversed(units) if size and size % scale == 0), str(size))


def to_seconds(value: Any) -> float:
    """Seconds, of a year at most; ms, s, m, h, d are understood, also one after the other: 1m30s."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _bounded(value, value)
    text = to_text(value).strip()
    if not (_TIME.fullmatch(text) or _TIMES.fullmatch(text)):
        raise ValueError(f"expected a time such as 10s or 2m, not {value!r}")
    return _bounded(sum(float(number) * _UNIT[unit.lower()] for number, unit in _TIME.findall(text)), value)


def _bounded(seconds: float, written: Any) -> float:
    if not seconds <= MOST_SECONDS:
        raise ValueError(f"expected a time of at most 365d, not {written!r}")
    return float(seconds)


def to_path(value: Any) -> str:
    """An absolute path, without `.`, `..`, doubled or trailing slashes."""
    text = to_text(value)
    if not text.startswith("/"):
        raise ValueError(f"expected an absolute path, not {text!r}")
    if "\0" in text or ".." in text.split("/"):
        raise ValueError(f"a path must not contain '..': {text!r}")
    return "/" + normpath(text).lstrip("/")


def to_pairs(value: Any) -> dict[str, str]:
    """A map, or words of the form NAME=VALUE; sorted by name."""
    pairs: dict[str, str] = {}
    if isinstance(value, dict):
        pairs |= {to_text(key): to_text(item) if item is not None else "" for key, item in value.items()}
        return dict(sorted(pairs.items()))
    for number, word in enumerate(to_words(value), 1):
        name, sign, text = word.partition("=")
        if not sign or not name:
            shown = f"word {number}" if looks_secret(word) else repr(word)
            raise ValueError(f"expected NAME=VALUE, not {shown}")
        pairs[name] = text
    return dict(sorted(pairs.items()))


def to_address(text: str) -> str:
    """An IP address in its usual form."""
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None


def _name(value: Any) -> str:
    return {dict: "a map", list: "a list", tuple: "a list", type(None): "nothing"}.get(type(value), type(value).__name__)


class Unit(Enum):
    """What a field's numbers are of; stands in its annotation."""

    BYTES = "bytes"
    SECONDS = "seconds"


Words: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(to_words, json_schema_input_type=str | list[str])]
Text: TypeAlias = Annotated[str, BeforeValidator(to_text, json_schema_input_type=str | int | float | bool)]
Flag: TypeAlias = Annotated[bool, BeforeValidator(to_flag, json_schema_input_type=bool | str)]
Size: TypeAlias = Annotated[int, BeforeValidator(to_size, json_schema_input_type=int | str), Unit.BYTES]
Seconds: TypeAlias = Annotated[float, BeforeValidator(to_seconds, json_schema_input_type=float | str), Unit.SECONDS]
Path: TypeAlias = Annotated[str, BeforeValidator(to_path, json_schema_input_type=str)]
PAIRS_INPUT: TypeAlias = str | list[str] | dict[str, str | int | float | bool]
Pairs: TypeAlias = Annotated[dict[str, str], BeforeValidator(to_pairs, json_schema_input_type=PAIRS_INPUT)]


def unit_of(model: type[Model], field: str) -> Unit | None:
    """What the numbers of a field are of, also of an optional one (Size | None)."""
    info = model.model_fields.get(field)
    if info is None:
        return None
    inside = (meta for part in getattr(info.annotation, "__args__", ()) for meta in getattr(part, "__metadata__", ()))
    return next((meta for meta in (*info.metadata, *inside) if isinstance(meta, Unit)), None)
