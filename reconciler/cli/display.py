"""Display: where the results of verbs go: text to stdout, anything beside it to stderr, colours on a terminal only."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TextIO

from reconciler.cli.voice import aside
from reconciler.report.paint import Paint


def paint_for(options: argparse.Namespace, stream: TextIO) -> Paint:
    """Colours as `--color` says; auto is a terminal without NO_COLOR."""
    if options.color == "auto":
        return Paint(stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")
    return Paint(options.color == "always")


def say(text: str) -> None:
    """The result."""
    sys.stdout.write(text)


def note(text: str) -> None:
    """Anything beside the result."""
    aside(text)


def show_document(document: dict[str, Any]) -> None:
    """One JSON document."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def save_document(path: str, document: dict[str, Any]) -> None:
    """One JSON document into a file for its owner only; whole, or not at all. Raises OSError with the path as it was given."""
    part = f"{path}.{os.getpid()}.part"
    try:
        if os.path.isdir(path):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2, ensure_ascii=False)
            file.write("\n")
        os.replace(part, path)
    except OSError as err:
        with suppress(OSError):
            os.unlink(part)
        err.filename, err.filename2 = path, None
        raise


def show_line(record: dict[str, Any]) -> None:
    """One JSON line."""
    sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def choice(question: str, names: Sequence[str]) -> str:
    """Ask at the terminal which of several is meant, by number or name. "" when nobody sits there, or says none of them."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return ""
    sys.stdout.flush()
    lines = (f"  {number}  {name}" for number, name in enumerate(names, 1))
    print("\n".join((question, *lines)), file=sys.stderr)
    print("> ", end="", file=sys.stderr, flush=True)
    said = sys.stdin.readline().strip()
    return said if said in names else names[int(said) - 1] if said.isdecimal() and 0 < int(said) <= len(names) else ""


def consent(question: str) -> bool:
    """Ask at the terminal. False when nobody sits there, or says no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stdout.flush()
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
