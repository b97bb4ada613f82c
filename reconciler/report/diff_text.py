"""diff_text: what differs between a spec and the machine, in the manner of a unified diff: `-` is what is there, `+` what shall be.
Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from reconciler.core.change import FieldChange
from reconciler.core.difference import Difference, Stand
from reconciler.core.model import Model
from reconciler.core.service import Service
from reconciler.report.paint import PLAIN, Paint
from reconciler.report.plan_text import origin_of
from reconciler.report.texts import plain
from reconciler.report.values import COMMANDS, field_value, members

_NOTHING: Final[tuple[Any, ...]] = (None, "", (), frozenset(), {})
"""Values that have no line."""


def diff_text(name: str, found: Sequence[Difference], service: Service | None, source: str, *, paint: Paint = PLAIN) -> str:
    """A service's differences, ending in a newline; "" for none. service: where the spec's lines are found. source: its file, or
    where that was."""
    if not found:
        return ""
    lines = [
        paint("strong", f"--- {name} on this machine"),
        paint("strong", f"+++ {source if service is not None else 'nothing'}"),
        *(line for item in found for line in _hunk(item, service, paint)),
    ]
    return "".join(f"{line}\n" for line in lines)


def _hunk(item: Difference, service: Service | None, paint: Paint) -> Iterator[str]:
    change = item.change
    origin = origin_of(service, item.rid)
    notes = [item.rid, *([origin.place] if origin else [])]
    if item.before is Stand.UNKNOWN:
        notes.append(f"cannot be seen: {plain(change.reason)}")
    elif change.provisional:
        notes.append(f"expected: {plain(change.basis)}")
    yield paint("head", f"@@ {'  '.join(notes)} @@")
    for field in item.fields:
        yield from _field(field, change.desired, paint)
    if item.before not in (item.after, Stand.UNKNOWN):
        yield paint("gone", f"-state: {item.before.value}")
        yield paint("new", f"+state: {item.after.value}")


def _field(field: FieldChange, desired: Model, paint: Paint) -> Iterator[str]:
    differ = members(field.before, field.after) if field.before and field.after and field.path not in COMMANDS else None
    if differ:
        yield f" {field.path}:"
        for line in differ:
            sign, text = line[0], line[2:]
            yield paint("gone" if sign == "-" else "new", f"{sign}  {text}")
        return
    if field.before not in _NOTHING:
        yield paint("gone", f"-{field.path}: {field_value(desired, field.path, field.before)}")
    if field.after not in _NOTHING:
        yield paint("new", f"+{field.path}: {field_value(desired, field.path, field.after)}")
