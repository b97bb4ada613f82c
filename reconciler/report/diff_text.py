"""diff_text: what differs between a spec and the machine, in the manner of a unified diff: `-` is what is there, `+` what shall be.
Pure. On a terminal a line that goes on below goes on behind its sign: each line that begins with one is a line of its own."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from reconciler.core.change import FieldChange
from reconciler.core.difference import Difference, Stand
from reconciler.core.model import Model
from reconciler.core.service import Service
from reconciler.report.paint import PLAIN, Paint
from reconciler.report.plan_text import origin_of
from reconciler.report.texts import fitted, plain
from reconciler.report.values import COMMANDS, field_value, members

_NOTHING: Final[tuple[Any, ...]] = (None, "", (), frozenset(), {})
"""Values that have no line."""


def diff_text(
    name: str, found: Sequence[Difference], service: Service | None, source: str, *, paint: Paint = PLAIN, width: int = 0
) -> str:
    """A service's differences, ending in a newline; "" for none. service: where the spec's lines are found. source: its file, or
    where that was. width: of the terminal, which all fits; 0 is none."""
    if not found:
        return ""
    lines = [
        ("strong", f"--- {name} on this machine", 4),
        ("strong", f"+++ {source if service is not None else 'nothing'}", 4),
        *(line for item in found for line in _hunk(item, service)),
    ]
    return "".join(f"{fitted(paint(meaning, text), width, at)}\n" for meaning, text, at in lines)


def _hunk(item: Difference, service: Service | None) -> Iterator[tuple[str, str, int]]:
    """(what is meant by its colour, a line, the column at which it goes on below)."""
    change = item.change
    origin = origin_of(service, item.rid)
    notes = [item.rid, *([origin.place] if origin else [])]
    if item.before is Stand.UNKNOWN:
        notes.append(f"cannot be seen: {plain(change.reason)}")
    elif change.provisional:
        notes.append(f"expected: {plain(change.basis)}")
    yield "head", f"@@ {'  '.join(notes)} @@", len(f"@@ {item.rid}  ")
    for field in item.fields:
        yield from _field(field, change.desired)
    if item.before not in (item.after, Stand.UNKNOWN):
        yield _side("-", "state", item.before.value)
        yield _side("+", "state", item.after.value)


def _field(field: FieldChange, desired: Model) -> Iterator[tuple[str, str, int]]:
    differ = members(field.before, field.after) if field.before and field.after and field.path not in COMMANDS else None
    if differ:
        yield "", f" {field.path}:", 1
        yield from (_line(line[0], "  ", line[2:]) for line in differ)
        return
    if field.before not in _NOTHING:
        yield _side("-", field.path, field_value(desired, field.path, field.before))
    if field.after not in _NOTHING:
        yield _side("+", field.path, field_value(desired, field.path, field.after))


def _side(sign: str, path: str, value: str) -> tuple[str, str, int]:
    return _line(sign, f"{path}: ", value)


def _line(sign: str, head: str, value: str) -> tuple[str, str, int]:
    return "gone" if sign == "-" else "new", f"{sign}{head}{value}", 1 + len(head)
