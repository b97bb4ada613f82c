"""Which names look secret, and what is shown in place of their values (safety.md)."""

import re
from collections.abc import Callable, Iterable, Iterator
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
LONG: Final = 8
"""A shorter secret that is like a word is looked for as a word of its own only, for it may be a part of anything else."""
_MIXED: Final = 4
_PART: Final = r"(?:[A-Z]?[a-z]*|[A-Z]+)\d*"
_LIKE_A_WORD: Final = re.compile(rf"{_PART}(?:[-_./: ]{_PART})*")
"""Letters of one case (the first may be a capital) and then digits; several of these behind one another."""


class Lesson(NamedTuple):
    """A reference to the variable `name` put this value into these fields of models; () is wherever it is shown only."""

    value: str
    name: str
    fields: tuple[str, ...] = ()


class _Learned:
    """What references put somewhere. names: value -> variable. fields: value -> of models, into which it was put."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.fields: dict[str, set[str]] = {}
        self._pattern: tuple[int, re.Pattern[str]] = (0, re.compile(""))
        """Of so many values: others learn meanwhile."""

    def add(self, value: str, name: str, fields: Iterable[str]) -> None:
        self.fields.setdefault(value, set()).update(fields)
        self.names[value] = name

    def found_in(self, text: str, field: str) -> Iterator[tuple[re.Match[str], str]]:
        """Where one stands, and the name that it goes by; with a field, of those only that were put there."""
        if not self.names:
            return
        many, pattern = self._pattern
        if many != len(self.names):
            values = sorted(self.names, key=len, reverse=True)
            pattern = re.compile("|".join(map(word_or_part, values)))
            self._pattern = len(values), pattern
        for found in pattern.finditer(text):
            if not field or field in self.fields[found[0]]:
                yield found, self.names[found[0]]


_LEARNED = _Learned()


def learn(value: str, name: str, fields: Iterable[str] = ()) -> None:
    """From now on this value is a secret wherever it is shown, and in these fields wherever it is written: a reference to the
    variable `name` put it there, and nothing beside it says so. In other fields the same text may be anything."""
    _LEARNED.add(value, name, fields)


def learn_anew(lessons: Iterable[Lesson] = ()) -> None:
    """What was learned is this from now on, and nothing else: so what a process hides does not depend on how old it is."""
    global _LEARNED  # noqa: PLW0603 replaced whole, for others read it meanwhile
    fresh = _Learned()
    for lesson in lessons:
        fresh.add(*lesson)
    if (fresh.names, fresh.fields) != (_LEARNED.names, _LEARNED.fields):
        _LEARNED = fresh


def learned() -> dict[str, str]:
    """value -> the name of its variable."""
    return dict(_LEARNED.names)


def is_telling(text: str) -> bool:
    """Whether a text stands for itself wherever it is found: it is long, or, from four characters on, mixed as no word, name or
    number is (s3cr3t, aB3x, p%ss)."""
    return len(text) >= LONG or (len(text) >= _MIXED and _LIKE_A_WORD.fullmatch(text) is None)


def word_or_part(text: str) -> str:
    """A pattern for a text wherever it stands; for one that is not telling, as a word of its own, or behind an option of one
    letter."""
    return re.escape(text) if is_telling(text) else rf"(?:(?<!\w)|(?<=-\w)){re.escape(text)}(?!\w)"


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


def secret_spans(text: str, field: str = "") -> tuple[Span, ...]:
    """The secrets in a word: behind a name that looks secret ("--log-opt=splunk-token=…", "PASSWORD=…"), addresses with a
    password in them, and what was learned. Behind a name that has words before it (a shell's text) the secret ends with its word.

    field: of a model, whose text is to be written down: then of what was learned only what was put there.
    """
    if "=" not in text and "://" not in text and not _LEARNED.names:
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
    addresses = ((found, "address") for found in _CREDENTIALS.finditer(text))
    for found, name in (*addresses, *_LEARNED.found_in(text, field)):
        met = [span for span in spans if span.start < found.end() and found.start() < span.end]
        whole = Span(
            min(found.start(), *(span.start for span in met), len(text)),
            max(found.end(), *(span.end for span in met), 0),
            met[0].name if met else name,
        )
        spans = [*(span for span in spans if span not in met), whole]
    return tuple(sorted(spans))


def is_secret(name: str, value: Any, field: str = "") -> bool:
    """Whether a value must be hidden: by its name, because a secret stands in it, or because it stands for one. field: see
    secret_spans."""
    if looks_secret(name):
        return True
    return isinstance(value, str) and bool(secret_spans(value, field) or _STANDS_FOR_ONE.fullmatch(value))


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


def replaced(text: str, stand_in: Callable[[str], str], field: str = "") -> str:
    """A word with something else in place of the secrets in it. field: see secret_spans."""
    for start, end, _ in reversed(secret_spans(text, field)):
        text = text[:start] + stand_in(text[start:end]) + text[end:]
    return text
