"""References: `{svcname}`, `{nodename}` and `{env.NAME}` in values, replaced textually.

The reference's token form is `{word}`, `{section.keyword}`, `{#list}`, `{list[n]}`, `{modifier:word}`. A token that names
something known but cannot be resolved here is an error; any other brace (JSON in an environment value, `${HOME}`) stays.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.spec.document import Document, Entry, Items, Scalar, Value, sort_of
from reconciler.spec.error import SpecError, meant
from reconciler.spec.vocabulary import REFERENCES, known_anywhere, known_type

_TOKEN = re.compile(r"(?<!\$)\{(\w*[\w#][\w.\[\]:/#-]*)\}")
_MODIFIERS = frozenset(("upper", "lower", "capitalize", "title", "swapcase", "uri_ip", "safe"))
_DEPTH = 20


class References:
    """Resolves the references of one document."""

    def __init__(self, document: Document, service: str, node: str, fail: Callable[[SpecError], None]) -> None:
        self.document = document
        self.fail = fail
        self.names: Mapping[str, str] = {"svcname": service, "nodename": node}

    def plain(self, value: Value) -> Any:
        """The value as the models take it, references resolved. A token that cannot be is reported, and left as it is."""
        if type(value) is Scalar:
            text = value.value
            return self.text(text, value, ()) if type(text) is str and "{" in text else text
        if type(value) is Items:
            return [self.plain(item) for item in value.items]
        return {key: self.plain(entry.value) for key, entry in value.entries.items()}  # type: ignore[union-attr]

    def text(self, text: str, value: Value, through: tuple[str, ...]) -> str:
        """One text. through: the variables that led here."""
        return _TOKEN.sub(lambda found: self.token(found[1], value, through), text)

    def token(self, token: str, value: Value, through: tuple[str, ...]) -> str:
        known = self.names.get(token)
        if known is not None:
            return known
        section, dot, name = token.partition(".")
        if section == "env" and dot:
            return self.variable(name, value, through)
        if names_something(token):
            self.error(value, f"the reference '{{{token}}}' is not supported yet; write the value itself")
        return f"{{{token}}}"

    def variable(self, name: str, value: Value, through: tuple[str, ...]) -> str:
        entry = self.document.variables.get(name)
        token = f"{{env.{name}}}"
        if entry is None:
            close = meant(name, self.document.variables)
            self.error(value, f"'{token}' cannot be resolved: there is no variable '{name}'{close}")
            return token
        if name in through or len(through) > _DEPTH:
            chain = " -> ".join([*through, name])
            self.error(value, f"'{token}' cannot be resolved: the variables go in a circle ({chain})")
            return token
        return self.text(word_of(entry) or "", value, (*through, name))

    def error(self, value: Value, message: str) -> None:
        self.fail(SpecError(self.document.at(value), message))


def word_of(entry: Entry) -> str | None:
    """A variable's text; None when it is not one word."""
    value = entry.value
    if not isinstance(value, Scalar):
        return None
    if isinstance(value.value, bool):
        return "true" if value.value else "false"
    return "" if value.value is None else str(value.value)


def check_variables(document: Document, fail: Callable[[SpecError], None]) -> None:
    """Report variables that are not one word."""
    for name, entry in document.variables.items():
        if word_of(entry) is None:
            fail(SpecError(document.at(entry.value), f"the variable '{name}' must be one word, not {sort_of(entry.value)}"))


def names_something(token: str) -> bool:
    """Whether a token is a reference of the reference documents, as against braces that mean nothing here."""
    modifier, colon, rest = token.partition(":")
    if colon:
        return modifier in _MODIFIERS and (modifier == "safe" or rest in ("svcname", "nodename") or names_something(rest))
    base = token.lstrip("#").partition("[")[0]
    section, dot, _ = base.partition(".")
    if "#" in base:
        return known_type(base.partition("#")[0])
    if dot:
        return section in ("node", "labels", "DEFAULT", "env", "data")
    return base in REFERENCES or known_anywhere(base)
