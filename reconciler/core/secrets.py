"""Which names look secret, and what is shown in place of their values (safety.md)."""

import re
from typing import Any, Final

HIDDEN: Final = "(hidden)"

_SECRET = re.compile(
    r"(?:^|[_.-])(?:pass(?:wd|word|phrase)?|pwd|secrets?|tokens?|credentials?|creds|auth|(?:api|access|private|secret|signing|encryption)?_?keys?)(?:[_.-]|$)",
    re.IGNORECASE,
)
_GLUED = re.compile(r"password|passwd|secret|token|apikey|credential|privatekey", re.IGNORECASE)


def looks_secret(name: str) -> bool:
    """Whether the value that goes by this name (an environment variable) must not be shown or stored in clear."""
    return bool(_SECRET.search(name) or _GLUED.search(name))


def masked(name: str, value: Any) -> Any:
    """The value, or HIDDEN when its name looks secret. An absent value (None) stays visible as absent."""
    return HIDDEN if value is not None and looks_secret(name) else value
