"""explain: a model's errors in our words, each with the value that it is about."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from reconciler.spec.document import Entry, Items, Scalar, Table, Value


def explained(
    err: ValidationError, rid: str, fields: Mapping[str, Entry], own: Collection[Entry], broken: Collection[str]
) -> Iterator[tuple[Value | None, str]]:
    """(the value that it is about, or None for the section, message) for each error, but those of fields that are broken anyhow.

    own: the entries of the service's own section, of which the rid is not told.
    """
    for one in err.errors(include_url=False):
        loc = one["loc"]
        about = str(loc[0]) if loc else _clause(one).partition(" ")[0].rstrip(":")
        if about in broken:
            continue
        entry = fields.get(about) or _quoted_in(_clause(one), fields)
        if entry is None:
            yield None, f"{rid} lacks the keyword '{about}'" if one["type"] == "missing" else f"{rid}: {_clause(one)}"
            continue
        whose = "" if any(entry is other for other in own) else f"{rid} "
        words = _clause(one) if about in fields and not loc else f"{entry.key}: {_clause(one)}{_braces(entry)}"
        yield _within(entry.value, loc[1:]), f"{whose}{words}"


def _within(value: Value, loc: tuple[int | str, ...]) -> Value:
    """The value that the rest of an error's location points at; segments that are no key of it are passed over."""
    for part in loc:
        if isinstance(value, Table) and part in value.entries:
            value = value.entries[str(part)].value
        elif isinstance(value, Items) and isinstance(part, int) and part < len(value.items):
            value = value.items[part]
    return value


def _quoted_in(message: str, fields: Mapping[str, Entry]) -> Entry | None:
    """The field that a message of a whole model is about, where it quotes that field's value."""
    words = ((entry, entry.value.value) for entry in fields.values() if isinstance(entry.value, Scalar))
    return next((entry for entry, word in words if isinstance(word, str) and word and repr(word) in message), None)


def _braces(entry: Entry) -> str:
    """A hint where YAML took an unquoted reference for a map."""
    value = entry.value
    if isinstance(value, Table) and value.flow and len(value.entries) == 1:
        (key, inner), *_ = value.entries.items()
        if isinstance(inner.value, Scalar) and inner.value.value is None:
            return f"; quote a value that begins with a brace: '{{{key}}}'"
    return ""


_SIMPLE = {
    "int_parsing": "expected a whole number, not {input!r}",
    "int_type": "expected a whole number, not {input}",
    "int_from_float": "expected a whole number, not {input!r}",
    "float_parsing": "expected a number, not {input!r}",
    "float_type": "expected a number, not {input}",
    "bool_parsing": "expected true or false, not {input!r}",
    "bool_type": "expected true or false, not {input}",
    "string_type": "expected one word, not {input}",
    "tuple_type": "expected a list, not {input}",
    "dict_type": "expected a map, not {input}",
    "greater_than_equal": "expected {ge} or more, not {input}",
    "greater_than": "expected more than {gt}, not {input}",
    "less_than_equal": "expected {le} or less, not {input}",
    "less_than": "expected less than {lt}, not {input}",
    "literal_error": "expected {expected}, not {input!r}",
    "enum": "expected {expected}, not {input!r}",
}


def _clause(one: Any) -> str:
    """One of pydantic's errors in our words."""
    context = one.get("ctx", {})
    if one["type"] in ("value_error", "assertion_error"):
        return str(context["error"])
    template = _SIMPLE.get(one["type"])
    value = one.get("input")
    if template is None:
        return f"{one['msg'][:1].lower()}{one['msg'][1:]}"
    if isinstance(value, (dict, list, tuple)):
        value = "a map" if isinstance(value, dict) else "a list"
        template = template.replace("{input!r}", "{input}")
    return template.format(**{**context, "input": value})
