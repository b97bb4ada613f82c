"""shell: words as shell text that a person may paste. In place of a secret stands a variable that its reader sets."""

import re
import shlex
from collections.abc import Iterable

from reconciler.core.secrets import secret_spans


def join(words: Iterable[str]) -> str:
    """As shlex.join; a secret in a word is `"$NAME"`, after the name that it goes by."""
    return " ".join(_parts(words, {}))


def variables(words: Iterable[str]) -> dict[str, str]:
    """The variables in the text that `join` makes of these words, and the secrets that they stand for."""
    found: dict[str, str] = {}
    for _ in _parts(words, found):
        pass
    return found


def commands_of(text: str) -> list[str]:
    """The commands of a line that joins several by `&&`, outside of quotes."""
    if " && " not in text:
        return [text]
    parts, start, quote, at = [], 0, "", 0
    while at < len(text):
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "\\":
            at += 1
        elif text.startswith(" && ", at):
            parts.append(text[start:at])
            start = at + 4
            at += 3
        at += 1
    return [*parts, text[start:]]


def _parts(words: Iterable[str], found: dict[str, str]) -> Iterable[str]:
    for word in words:
        spans = secret_spans(word)
        if not spans:
            yield shlex.quote(word)
            continue
        text, at = "", 0
        for start, end, name in spans:
            variable = _free(re.sub(r"\W|^(?=\d)", "_", name), word[start:end], found)
            text += (shlex.quote(word[at:start]) if start > at else "") + f'"${variable}"'
            at = end
        yield text + (shlex.quote(word[at:]) if at < len(word) else "")


def _free(name: str, secret: str, found: dict[str, str]) -> str:
    """The name itself, or a numbered one when it stands for another secret already."""
    variable, n = name, 1
    while found.setdefault(variable, secret) != secret:
        n += 1
        variable = f"{name}_{n}"
    return variable
