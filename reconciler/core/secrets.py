"""Which names look secret, and what is shown in place of their values (safety.md)."""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

HIDDEN: Final = "(hidden)"

_SECRET = re.compile(
    r"(?:^|[_.-])(?:pass(?:wd|word|phrase)?|pwd|secrets?|tokens?|credentials?|creds|auth|(?:api|access|private|secret|signing|encryption)?_?keys?)(?:[_.-]|$)",
    re.IGNORECASE,
)
_GLUED = re.compile(r"password|passwd|secret|token|apikey|credential|privatekey", re.IGNORECASE)
_ASSIGNS = re.compile(r"(?:^|(?<=[\s\"'`;&|(,=]))-*([A-Za-z_][\w.-]*)=")
_CREDENTIALS = re.compile(r"[\w+.-]*://[^/\s@]*:[^/\s@]+@[^\s\"'`]*")
_ENDS = re.compile(r"[\s\"'`;&|)]|$")
_STANDS_FOR_ONE = re.compile(r"hidden-\d+|hmac:[0-9a-f]{40}")


def looks_secret(name: str) -> bool:
    """Whether the value that goes by this name (an environment variable) must not be shown or stored in clear."""
    return bool(_SECRET.search(name) or _GLUED.search(name))


def holds_mark(text: str) -> bool:
    """Whether something in a text stands in place of a secret whose value is not known here."""
    return bool(_STANDS_FOR_ONE.search(text))


class Span(NamedTuple):
    """Where in a word a secret stands, and the name that it goes by."""

    start: int
    end: int
    name: str


def secret_spans(text: str) -> tuple[Span, ...]:
    """The secrets in a word: behind a name that looks secret ("--log-opt=splunk-token=…", "PASSWORD=…"), and addresses with a
    password in them. Behind a name that has words before it (a shell's text) the secret ends with its word."""
    if "=" not in text and "://" not in text:
        return ()
    spans: list[Span] = []
    at = 0
    while found := _ASSIGNS.search(text, at):
        at = found.end()
        if looks_secret(found[1]):
            inside = any(sign.isspace() for sign in text[: found.start()])
            end = _ENDS.search(text, at).start() if inside else len(text)  # type: ignore[union-attr]
            spans += [Span(at, end, found[1])] if end > at else []
            at = max(end, at)
    for found in _CREDENTIALS.finditer(text):
        if not any(span.start < found.end() and found.start() < span.end for span in spans):
            spans.append(Span(*found.span(), "address"))
    return tuple(sorted(spans))


def is_secret(name: str, value: Any) -> bool:
    """Whether a value must be hidden: by its name, because a secret stands in it, or because it stands for one."""
    if looks_secret(name):
        return True
    return isinstance(value, str) and bool(secret_spans(value) or _STANDS_FOR_ONE.fullmatch(value))


def masked(name: str, value: Any) -> Any:
    """The value, or HIDDEN when it is secret. An absent value (None) stays visible as absent."""
    return HIDDEN if value is not None and is_secret(name, value) else value


def masked_words(value: Any) -> Any:
    """A text, or a list of words, with HIDDEN in place of the secrets in them; any other value as it is."""
    if isinstance(value, str):
        return replaced(value, lambda _: HIDDEN)
    if isinstance(value, (tuple, list)) and any(isinstance(word, str) and secret_spans(word) for word in value):
        return type(value)(replaced(word, lambda _: HIDDEN) if isinstance(word, str) else word for word in value)
    return value


def replaced(text: str, stand_in: Callable[[str], str]) -> str:
    """A word with something else in place of the secrets in it."""
    for start, end, _ in reversed(secret_spans(text)):
        text = text[:start] + stand_in(text[start:end]) + text[end:]
    return text
