"""Veil: takes the secrets that are known out of texts that come from outside, and out of data that is written down.

What a secret is, the fields of models say: by their rule, by the names in them, or by their words (core/secrets.py).
"""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.model import Model
from reconciler.core.rules import sensitive_fields
from reconciler.core.secrets import HIDDEN, LONG, is_secret, is_telling, secret_spans, word_or_part
from reconciler.core.values import FLAGS

_SHORTEST: Final = 3
"""A shorter secret is none, and to look for it would spoil every text."""

_WRITINGS: Final[tuple[Callable[[str], str], ...]] = (
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: shlex.quote(text)[1:-1] if "'" in text else text,
    lambda text: quote(text, safe=""),
)
"""How engines and shells write a text that is not plain."""


class Veil:
    """secrets: in clear. stand_in: what is put in place of each."""

    def __init__(self, secrets: Iterable[str], stand_in: Callable[[str], str] = lambda secret: HIDDEN) -> None:
        self._stand_in = stand_in
        self._whole: dict[str, str] = {}
        for secret in secrets:
            for form in _forms(secret):
                self._whole.setdefault(form, secret)
        ordered = sorted(self._whole, key=len, reverse=True)
        self._long = _any_of(list(filter(is_telling, ordered)))
        self._all = _any_of(ordered)

    def text(self, text: str) -> str:
        """A text for people, without any of the secrets."""
        return self._put(self._all, text)

    def data(self, value: Any) -> Any:
        """Data of strings, lists and maps without the secrets in its values; those that are not telling are left, for they may
        be anything else."""
        if isinstance(value, str):
            return self._put(self._long, value)
        if isinstance(value, list):
            return [self.data(item) for item in value]
        if isinstance(value, dict):
            return {key: self.data(item) for key, item in value.items()}
        return value

    def _put(self, pattern: re.Pattern[str] | None, text: str) -> str:
        return pattern.sub(lambda found: self._stand_in(self._whole[found[0]]), text) if pattern is not None else text


def veiled(text: str, *models: Model | None) -> str:
    """A text for people, without the secrets of these models."""
    return Veil(secrets_of(filter(None, models))).text(text)


def secrets_of(models: Iterable[Model]) -> Iterator[str]:
    """Every secret value in these models, in clear: for hiding, never for showing."""
    for model in models:
        yield from _inside(model)


def _inside(model: Model) -> Iterator[str]:
    hidden = sensitive_fields(type(model))
    for name, value in vars(model).items():
        if value:
            yield from _secrets(value, name, whole=name in hidden)


def _secrets(value: Any, field: str, *, whole: bool) -> Iterator[str]:
    """whole: a text is secret as it is. What is neither text nor made of texts holds none."""
    if isinstance(value, str):
        if whole and value:
            yield value
        yield from (value[span.start : span.end] for span in secret_spans(value, field))
    elif isinstance(value, (tuple, list, set, frozenset)):
        for item in value:
            yield from _secrets(item, field, whole=whole)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _secrets(item, field, whole=whole or (isinstance(item, str) and is_secret(key, item, field)))
    elif isinstance(value, Model):
        yield from _inside(value)


def texts_of(value: Any) -> Iterator[str]:
    """Every text in the value of a field."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (tuple, list, set, frozenset)):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, Mapping):
        yield from texts_of(tuple(value.values()))
    elif isinstance(value, Model):
        yield from texts_of(tuple(vars(value).values()))


def _forms(secret: str) -> Iterator[str]:
    """How a secret may stand in a text: as it is, escaped, quoted, line by line; of an address its password as well."""
    password = re.search(r"://[^/\s@]*:([^/\s@]+)@", secret)
    for text in (secret, *([password[1]] if password else ())):
        yield from filter(counts, (text, *(write(text) for write in _WRITINGS)))
        yield from (line.strip() for line in text.splitlines() if len(line.strip()) >= LONG)


def counts(form: str) -> bool:
    """Whether a text can be a secret: it is not too short, no flag, and no small number."""
    return len(form) >= _SHORTEST and form.lower() not in FLAGS and not (form.isdigit() and len(form) <= _SHORTEST)


def _any_of(forms: list[str]) -> re.Pattern[str] | None:
    """Any of these, the longest first; one that is not telling as a word of its own."""
    if not forms:
        return None
    return re.compile("|".join(map(word_or_part, forms)))
