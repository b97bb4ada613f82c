"""Voice: how osvc talks on stderr: in lines for people or, where it was told to, in JSON lines.

To the system's journal a line begins with how grave it is ("<3>", sd-daemon(3)), and has no time: the journal has that itself.
Standard library only, until a JSON line is to be written.
"""

from __future__ import annotations

import os
import sys

_ERROR, _INFO = 3, 6
"""As in core/level.py."""
_json = False


def speak(form: str) -> None:
    """From now on in this form: console or json."""
    global _json  # noqa: PLW0603 the process has one stderr
    if _json or form == "json":
        from reconciler.engine.log import show_on

        show_on(sys.stderr.fileno() if form == "json" else None, journal=to_journal())
    _json = form == "json"


def in_json() -> bool:
    """Whether stderr is for JSON lines. What is logged goes there by itself then."""
    return _json


def to_journal() -> bool:
    """Whether stderr leads to the journal: JOURNAL_STREAM says which device and inode do (systemd.exec(5))."""
    named = os.environ.get("JOURNAL_STREAM", "")
    if not named:
        return False
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return named == f"{found.st_dev}:{found.st_ino}"


def aside(text: str, grave: int = _INFO) -> None:
    """Say something beside the result. grave: a number of core/level.py."""
    sys.stdout.flush()
    if _json:
        from reconciler.core.level import Level
        from reconciler.engine.log import note

        note("message", Level(grave), message=text)
    else:
        print(marked(text, grave), file=sys.stderr)


def wrong(text: str) -> None:
    """Say what is wrong."""
    aside(text, _ERROR)


def marked(text: str, grave: int = _INFO) -> str:
    """Lines as they are written to stderr."""
    return "\n".join(f"<{int(grave)}>{line}" for line in text.split("\n")) if to_journal() else text
