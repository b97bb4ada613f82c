"""limits: how a container spec writes ulimits and limits of single devices; each has one canonical text and one record.

Parsers raise ValueError with a clause that says what is wrong and what is expected.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from reconciler.core.values import to_pairs, to_path, to_size, to_words
from reconciler.resources.container.option import Shape, each

_ULIMITS: Final = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime"),
    *("sigpending", "stack"),
)
_RATE = re.compile(r"\d+")


class Ulimit(NamedTuple):
    """A limit of the kernel's on each process. -1 is none."""

    name: str
    soft: int
    hard: int

    @property
    def value(self) -> str:
        return f"{self.soft}" if self.soft == self.hard else f"{self.soft}:{self.hard}"


def parse_ulimit(text: str) -> Ulimit:
    """NAME=SOFT[:HARD]."""
    name, sign, values = text.partition("=")
    if name not in _ULIMITS:
        raise ValueError(f"{name!r} is not a ulimit; expected one of {', '.join(_ULIMITS)}")
    soft, _, hard = values.partition(":")
    try:
        limit = Ulimit(name, int(soft), int(hard or soft))
    except ValueError:
        raise ValueError(f"expected NAME=SOFT[:HARD], not {text!r}") from None
    if not sign or min(limit.soft, limit.hard) < -1 or (limit.hard != -1 and not -1 < limit.soft <= limit.hard):
        raise ValueError(f"the soft limit of ulimit {text!r} is above its hard limit")
    return limit


def to_ulimits(value: Any) -> dict[str, str]:
    """Name -> SOFT[:HARD], of a map, or of words NAME=SOFT[:HARD]."""
    words = [f"{name}={text}" for name, text in to_pairs(value).items()] if isinstance(value, dict) else to_words(value)
    limits = [parse_ulimit(word) for word in words]
    return {limit.name: limit.value for limit in sorted(limits)}


def _record(name: str, value: str) -> dict[str, Any]:
    limit = parse_ulimit(f"{name}={value}")
    return {"Name": limit.name, "Soft": limit.soft, "Hard": limit.hard}


def _seen(found: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    limits = [Ulimit(str(one.get("Name")), int(one.get("Soft") or 0), int(one.get("Hard") or 0)) for one in found]
    return {limit.name: limit.value for limit in sorted(limits)}


def parse_rate(text: str, *, bytes: bool) -> str:
    """DEVICE:RATE in canonical text. bytes: whether the rate is a size a second; otherwise it is operations a second."""
    device, sign, rate = text.rpartition(":")
    if not sign:
        raise ValueError(f"expected DEVICE:RATE, not {text!r}")
    if not bytes and not _RATE.fullmatch(rate):
        raise ValueError(f"expected a whole number of operations a second in {text!r}")
    number = to_size(rate) if bytes else int(rate)
    if number <= 0:
        raise ValueError(f"expected a rate above 0 in {text!r}")
    return f"{to_path(device)}:{number}"


def parse_weight(text: str) -> str:
    """DEVICE:WEIGHT in canonical text, the weight from 10 to 1000."""
    device, _, weight = text.rpartition(":")
    if not (weight.isdecimal() and 10 <= int(weight) <= 1000):
        raise ValueError(f"expected DEVICE:WEIGHT with a weight from 10 to 1000, not {text!r}")
    return f"{to_path(device)}:{int(weight)}"


def _pair_shape(key: str) -> Shape:
    """A list of texts DEVICE:NUMBER, each a record of Path and `key`."""

    def encode(texts: tuple[str, ...]) -> list[dict[str, Any]]:
        return [{"Path": device, key: int(number)} for device, _, number in (text.rpartition(":") for text in texts)]

    def decode(found: list[Mapping[str, Any]]) -> tuple[str, ...]:
        return tuple(sorted(f"{one.get('Path')}:{one.get(key)}" for one in found))

    return Shape(encode, decode, each, many=True)


ULIMITS: Final = Shape(
    lambda limits: [_record(name, value) for name, value in limits.items()],
    _seen,
    lambda flag, limits: each(flag, (f"{name}={value}" for name, value in limits.items())),
    many=True,
)
RATES: Final = _pair_shape("Rate")
WEIGHTS: Final = _pair_shape("Weight")
