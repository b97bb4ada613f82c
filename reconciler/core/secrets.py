"""Which names look secret, and what is shown in place of their values (safety.md)."""

import re
from typing import Any, Final

HIDDEN: Final = "(hidden)"

_SECRET = re.compile(
    r"(?:^|[_.-])(?:pass(?:wd|word|phrase)?|pwd|secrets?|tokens?|credentials?|creds|auth|(?:api|access|private|secret|signing|encryption)?_?keys?)(?:[_.-]|$)",
    re.IGNORECASE,
)
_GLUED = re.compile(r"password|passwd|secret|token|apikey|credential|privatekey", re.IGNORECASE)


_CREDENTIALS = re.compile(r"://[^/\s@]*:[^/\s@]+@")


def looks_secret(name: str) -> bool:
    """Whether the value that goes by this name (an environment variable) must not be shown or stored in clear."""
    return bool(_SECRET.search(name) or _GLUED.search(name))


def is_secret(name: str, value: Any) -> bool:
    """Whether a value must be hidden: by its name, or because it is an address with a password in it."""
    return looks_secret(name) or (isinstance(value, str) and bool(_CREDENTIALS.search(value)))


def masked(name: str, value: Any) -> Any:
    """The value, or HIDDEN when it is secret. An absent value (None) stays visible as absent."""
    return HIDDEN if value is not None and is_secret(name, value) else value
