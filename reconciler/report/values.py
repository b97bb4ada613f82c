"""values: how the value of a field is shown, following what its model says of it. Secrets arrive here masked already."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import BeforeValidator

from reconciler.core.model import Model
from reconciler.core.outline import one_line
from reconciler.core.values import UNITS
from reconciler.report.texts import duration, size


def field_value(model: Model, path: str, value: Any) -> str:
    """A field's value in one line: sizes and times as a spec writes them. path: "memory", "environment.LANG"."""
    unit = _unit(type(model), path.partition(".")[0])
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value:
        if unit == "size":
            return size(int(value))
        if unit == "time":
            return duration(value)
    return one_line(value)


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


def _unit(model: type[Model], field: str) -> str:
    """ "size" or "time", as the field's validator says."""
    info = model.model_fields.get(field)
    for meta in _validators(info.annotation, info.metadata) if info is not None else ():
        if meta.func in UNITS:
            return UNITS[meta.func]
    return ""


def _validators(annotation: Any, metadata: Iterable[Any]) -> Iterable[BeforeValidator]:
    """The before-validators of a field, also of an optional one (Size | None)."""
    for meta in metadata:
        if isinstance(meta, BeforeValidator):
            yield meta
    for part in getattr(annotation, "__args__", ()):
        yield from (meta for meta in getattr(part, "__metadata__", ()) if isinstance(meta, BeforeValidator))
