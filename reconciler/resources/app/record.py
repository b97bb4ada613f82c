"""The record: the file in the run folder that says what an app was started with, and which process it is. Pure.

It is written before the start, and again when the process is known. A secret stands in it as a seal: a salted hash, by which it is
known again and cannot be read.
"""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from reconciler.core import shell
from reconciler.core.secrets import is_secret, secret_spans
from reconciler.resources import daemon
from reconciler.resources.app.model import SETTINGS, Desired

_SEAL = "sealed:"
_SALT = "$(cat /proc/sys/kernel/random/uuid)"


def settings(want: Desired) -> dict[str, Any]:
    """What an app is started with."""
    return {name: getattr(want, name) for name in SETTINGS}


def write(want: Desired, salt: str, **more: Any) -> str:
    """The text of the record. more: pid, started, left (whether the start left processes), stopped."""
    return json.dumps({**_sealed(settings(want), salt), **more})


def read(text: str | None) -> dict[str, Any] | None:
    """A record's content; None for none that can be used."""
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("environment"), dict):
        return None
    return found if all(isinstance(found.get(name, 0), int) for name in ("pid", "started")) else None


def opened(found: Mapping[str, Any], candidates: Iterable[Desired]) -> dict[str, Any]:
    """The settings in a record, with what is sealed in clear where one of these has that text as well. Whether it would be sealed
    now says nothing: it may have been a secret of another service that is gone."""
    texts = [text for one in candidates for text in (*one.start, *one.environment.values())]

    def clear(value: str) -> str:
        if not is_sealed(value):
            return value
        return next((text for text in texts if seal(text, value.split(":")[1]) == value), value)

    said = {name: found[name] for name in SETTINGS if name in found}
    said["start"] = tuple(clear(word) for word in found.get("start", ()))
    said["environment"] = {name: clear(value) for name, value in found["environment"].items()}
    return said


def seal(text: str, salt: str) -> str:
    return f"{_SEAL}{salt}:{sha256(f'{salt}{text}'.encode()).hexdigest()}"


def is_sealed(value: str) -> bool:
    return value.startswith(_SEAL)


def _sealed(said: dict[str, Any], salt: str) -> dict[str, Any]:
    start = [seal(word, salt) if secret_spans(word) else word for word in said["start"]]
    environment = {name: seal(value, salt) if is_secret(name, value) else value for name, value in said["environment"].items()}
    return {**said, "start": start, "environment": environment}


def script(want: Desired, more: Mapping[str, str]) -> str:
    """Shell text that writes the record. more: its other fields, as JSON, or as shell text that gives JSON ("$…")."""
    blanks = _Blanks()
    said = settings(want)
    said["start"] = [blanks.sealed((word,)) if secret_spans(word) else word for word in said["start"]]
    said["environment"] = {
        name: blanks.sealed((f"{name}={value}",), after=f"{name}=") if is_secret(name, value) else value
        for name, value in said["environment"].items()
    }
    said |= {name: blanks.plain(value) if value.startswith("$") else json.loads(value) for name, value in more.items()}
    form, seals = blanks.form(json.dumps(said)), blanks.seals
    write = daemon.private(f"printf {shlex.quote(form)} {' '.join(blanks.arguments)} >{shlex.quote(want.record)}")
    hashed = 'printf "sealed:%s:%s" "$salt" "$(printf "%s%s" "$salt" "$1" | sha256sum | cut -d" " -f1)"'
    return f"salt={_SALT}\nseal() {{ {hashed}; }}\n{write}" if seals else write


class _Blanks:
    """What printf is to fill into the text of a record. arguments: as shell text, in the order of the blanks."""

    def __init__(self) -> None:
        self.arguments: list[str] = []
        self.seals = False

    def plain(self, text: str) -> str:
        """The mark of a blank for JSON that this shell text gives."""
        self.arguments.append(f'"{text}"')
        return f"\0{len(self.arguments)}\0"

    def sealed(self, words: tuple[str, ...], after: str = "") -> str:
        """The mark of a blank for the seal of these words, without what stands before the secret."""
        self.seals = True
        self.plain(f"$(seal {shell.join(words).removeprefix(after)})")
        return f"\0{len(self.arguments)}\0 "

    def form(self, text: str) -> str:
        """The text of the record as a format of printf."""
        form = text.replace("%", "%%").replace("\\u0000", "\0").replace("\\", "\\\\")
        form = re.sub('"\0[0-9]+\0 "', '"%s"', form)
        return re.sub('"\0[0-9]+\0"', "%s", form)
