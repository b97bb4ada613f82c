"""Cases: the folder of the state folder in which failed runs leave their case files: written, found, and bounded in number."""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from reconciler.core.model import Model

if TYPE_CHECKING:  # the format is needed when there is a case only
    from reconciler.engine.casefile import Case
    from reconciler.engine.codec import Codec

MOST: Final = 50
"""How many are kept; the oldest go first. A watch that fails again and again must not fill the disk."""
_EXTENSION: Final = ".yaml"


def folder_of(state_dir: str) -> str:
    return f"{state_dir}/cases"


def leave(state_dir: str, case: "Case", *, more: Iterable[Model] = (), codec: "Codec | None" = None) -> str:
    """Write a case (0600), named by its run. Its path, or "" when it cannot be written: the run's own failure matters more."""
    from reconciler.engine.casefile import dump

    folder = folder_of(state_dir)
    path = f"{folder}/{case.run}{_EXTENSION}"
    text = dump(case, more=more, codec=codec)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return ""
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        with suppress(OSError):
            os.unlink(path)
        return ""
    for old in paths(state_dir)[MOST:]:
        with suppress(OSError):
            os.unlink(old)
    return path


def paths(state_dir: str) -> tuple[str, ...]:
    """The case files, the newest first. A folder that is not there has none. Raises OSError when it cannot be read."""
    found: list[tuple[float, str]] = []
    try:
        with os.scandir(folder_of(state_dir)) as entries:
            for entry in entries:
                if entry.name.endswith(_EXTENSION):
                    with suppress(FileNotFoundError):
                        found.append((entry.stat(follow_symlinks=False).st_mtime, entry.path))
    except FileNotFoundError:
        return ()
    return tuple(path for _, path in sorted(found, reverse=True))


def find(state_dir: str, name: str) -> "Case":
    """The case that a path, or a run's id (or the beginning of one), names. Raises CaseError, OSError."""
    from reconciler.engine.casefile import CaseError, read

    if "/" in name or os.path.exists(name):
        return read(name)
    matching = [path for path in paths(state_dir) if os.path.basename(path).startswith(name)]
    if len(matching) == 1:
        return read(matching[0])
    if matching:
        raise CaseError(f"{name!r} may be any of {len(matching)} cases; give more of the name")
    raise CaseError(f"no case file {name!r}, neither here nor in {folder_of(state_dir)}; osvc case ls lists them")


def expire(state_dir: str, before: float) -> None:
    """Remove case files last written before a moment (seconds since the epoch)."""
    with suppress(OSError):
        for path in paths(state_dir):
            with suppress(OSError):
                if os.lstat(path).st_mtime < before:
                    os.unlink(path)
