"""health: a container's health check, as a spec writes it."""

import shlex
from collections.abc import Sequence
from typing import Any, Final

from reconciler.core.values import to_text
from reconciler.resources.container.option import Shape

NO_CHECK: Final = "NONE"
"""In place of the command: the image's own health check is switched off."""


def to_check(value: Any) -> str:
    """A command for the container's shell; NONE for no check at all."""
    text = shlex.join(to_text(word) for word in value) if isinstance(value, (list, tuple)) else to_text(value)
    return NO_CHECK if text.strip().lower() == "none" else text.strip()


def _encode(text: str) -> list[str]:
    return ["NONE"] if text == NO_CHECK else ["CMD-SHELL", text]


def _decode(test: Sequence[str]) -> str:
    """Of a check that runs without a shell, which only an image can have, its words are told."""
    if not test:
        return ""
    if test[0] == "NONE":
        return NO_CHECK
    return test[1] if test[0] == "CMD-SHELL" and len(test) == 2 else shlex.join(test)


def _words(flag: str, text: str) -> list[str]:
    return ["--no-healthcheck"] if text == NO_CHECK else [flag, text]


CHECK: Final = Shape(_encode, _decode, _words)
