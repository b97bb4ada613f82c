"""values: how the value of a field is shown, following what its model says of it. Secrets arrive here masked already."""

import re
import shlex
from collections.abc import Collection, Mapping
from typing import Any, Final

from reconciler.core.model import Model
from reconciler.core.outline import one_line
from reconciler.core.values import Unit, unit_of
from reconciler.report.texts import duration, size

COMMANDS: Final = frozenset({"command", "entrypoint"})
"""Fields whose words are a command, which is read as a whole."""
_PARTED: Final = re.compile(r"""[\s'"\\]|^$""")
"""What keeps the words of a list from being told apart, once they stand in one line."""


def field_value(model: Model, path: str, value: Any) -> str:
    """A field's value in one line: sizes and times as a spec writes them. path: "memory", "environment.LANG"."""
    unit = unit_of(type(model), path.partition(".")[0])
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value:
        if unit is Unit.BYTES:
            return size(int(value))
        if unit is Unit.SECONDS:
            return duration(value)
    if isinstance(value, (tuple, list)) and any(isinstance(word, str) and _PARTED.search(word) for word in value):
        return " ".join(_quoted(one_line(word)) if word != "" else "''" for word in value)
    return one_line(value)


def _quoted(word: str) -> str:
    """A word of several as a shell takes it, where its end could not be seen else."""
    return shlex.quote(word) if _PARTED.search(word) else word


def members(before: Any, after: Any) -> tuple[str, ...] | None:
    """What goes ("- x") and what comes ("+ x") between two lists or sets; None when the values are no such things."""
    if not (_is_list(before) and _is_list(after)):
        return None
    old, new = [one_line(item) for item in before or ()], [one_line(item) for item in after or ()]
    if isinstance(before, (set, frozenset)) or isinstance(after, (set, frozenset)):
        old, new = sorted(old), sorted(new)
    return (*(f"- {item}" for item in old if item not in new), *(f"+ {item}" for item in new if item not in old))


def _is_list(value: Any) -> bool:
    return value is None or (isinstance(value, Collection) and not isinstance(value, (str, bytes, Mapping)))
