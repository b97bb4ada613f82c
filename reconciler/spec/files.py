"""Spec files: which files of a path are specs, and reading them safely."""

import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from reconciler.core.lazy import dataclass
from reconciler.core.service import Origin
from reconciler.spec.error import SpecError, meant
from reconciler.spec.formats import FORMATS

MAX_SIZE = 1 << 20
_USUAL = 1 << 16
"""No room is made for more where there is no more: that takes longer than the reading."""
_TAGS = {"UUID": "by-uuid", "LABEL": "by-label", "PARTUUID": "by-partuuid", "PARTLABEL": "by-partlabel"}
"""A tag of a device -> the folder of /dev/disk with a link for each."""


class Ignored(NamedTuple):
    """A file of a specs folder that is no spec, and why."""

    file: str
    reason: str


class SpecFile(NamedTuple):
    """A file to be read. path: as the user wrote it. folder: its folder's real path. name: without the extension."""

    path: str
    folder: str
    name: str
    format: str


class Unreadable(Exception):
    """A path that cannot be used as a spec; the origin is the path's first line."""

    def __init__(self, path: str, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.error = SpecError(Origin(path, line, column), message)


@dataclass(slots=True)
class Found:
    """What the given paths hold. folders: the real paths of those folders that were taken whole."""

    files: list[SpecFile]
    folders: list[str]
    ignored: list[Ignored]
    errors: list[SpecError]


def find(paths: Iterable[str]) -> Found:
    """Every spec file of the given files and folders, each once, in the order of their names."""
    found = Found([], [], [], [])
    seen: set[tuple[str, str]] = set()
    for path in paths:
        try:
            info = os.stat(path)
            files = _of_folder(path, info, found) if stat.S_ISDIR(info.st_mode) else [_of_file(path)]
        except Unreadable as err:
            found.errors.append(err.error)
            continue
        except (OSError, ValueError) as err:
            found.errors.append(SpecError(Origin(path), _cannot_read(err) + _beside(path, err)))
            continue
        for file in files:
            key = (file.folder, os.path.basename(file.path))
            if key not in seen:
                seen.add(key)
                found.files.append(file)
    return found


def _of_folder(path: str, info: os.stat_result, found: Found) -> list[SpecFile]:
    _guard(path, info, "folder")
    shown = path.rstrip("/") or "/"
    folder = os.path.realpath(path)
    files: list[SpecFile] = []
    for name in sorted(os.listdir(path)):
        full = os.path.join(shown, name)
        stem, extension = os.path.splitext(name)
        reason = why_no_spec(name, is_folder=os.path.isdir(full))
        if reason:
            found.ignored.append(Ignored(full, reason))
        else:
            files.append(SpecFile(full, folder, stem, FORMATS[extension]))
    if not files:
        raise Unreadable(path, "there is no spec in this folder; specs end in .yaml, .yml, .ini, .conf or .env")
    found.folders.append(folder)
    return files


def why_no_spec(name: str, *, is_folder: bool) -> str:
    """Why what has this name in a folder of specs is no spec, or ""."""
    extension = os.path.splitext(name)[1]
    if name.startswith("."):
        return "a hidden file"
    if is_folder:
        return "a folder; name it to load it"
    if (
        name.endswith("~")
        or (name.startswith("#") and name.endswith("#"))
        or extension in (".swp", ".swo", ".bak", ".orig", ".tmp")
    ):
        return "a backup"
    return "" if extension in FORMATS else "no spec: its name ends in none of .yaml .yml .ini .conf .env"


def _of_file(path: str) -> SpecFile:
    folder, name = os.path.split(path)
    stem, extension = os.path.splitext(name)
    if extension not in FORMATS:
        raise Unreadable(path, "cannot tell what this file is: a spec's name ends in .yaml, .yml, .ini, .conf or .env")
    folder = folder or "."
    _guard(folder, os.stat(folder), "folder")
    return SpecFile(path, os.path.realpath(folder), stem, FORMATS[extension])


def read(path: str) -> str:
    """A spec's text: UTF-8, a byte-order mark removed, line ends made '\\n'. Raises Unreadable."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            info = os.fstat(handle)
            if not stat.S_ISREG(info.st_mode):
                raise Unreadable(path, "not a regular file; a spec is a text file")
            _guard(path, info, "file")
            if os.path.islink(path):
                folder = os.path.dirname(os.path.realpath(path))
                _guard(folder, os.stat(folder), "folder")
            data = file.read(_USUAL)
            if len(data) == _USUAL:
                data += file.read(MAX_SIZE + 1 - _USUAL)
    except (OSError, ValueError) as err:
        raise Unreadable(path, _cannot_read(err)) from None
    if len(data) > MAX_SIZE:
        raise Unreadable(path, f"larger than {MAX_SIZE >> 20} MiB; this is hardly a spec")
    return decode(data, path)


def device_of(path: str) -> str:
    """The device that a path below /dev, or a tag, means on this machine at present, if it is there; anything else as it is."""
    tag, _, name = path.partition("=")
    if tag in _TAGS and name:
        link = f"/dev/disk/{_TAGS[tag]}/{name}"
        return os.path.realpath(link) if os.path.islink(link) else path
    return os.path.realpath(path) if path.startswith("/dev/") else path


def text_of(path: str) -> str:
    """The text of a file that a spec refers to; it counts like the spec's own. Raises ValueError."""
    try:
        check_trust(path)
        return read(path)
    except Unreadable as err:
        place = f", line {err.error.origin.line}" if err.error.origin.line > 1 else ""
        raise ValueError(f"{path}{place}: {err.error.message}") from None


def check_folder(path: str) -> None:
    """Refuse a folder that others may write, as that of a spec. Raises Unreadable, OSError."""
    _guard(path, os.stat(path), "folder")


def check_trust(path: str) -> None:
    """Refuse a file that a spec refers to, as the spec itself would be; one that is not there passes. Raises Unreadable."""
    try:
        real = os.path.realpath(path)
        info = os.stat(real)
        folders = {folder: os.stat(folder) for folder in (os.path.dirname(path), os.path.dirname(real))}
    except (OSError, ValueError):
        return
    _guard(path, info, "file")
    for folder, found in folders.items():
        _guard(folder, found, "folder")


def decode(data: bytes, path: str) -> str:
    """Bytes to text. Raises Unreadable, with the place of the first byte that is wrong."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable(path, "the encoding is UTF-16; save the file as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        before = data[: err.start].decode("utf-8-sig", "replace")
        message = f"not UTF-8 (byte 0x{data[err.start]:02x}); save the file as UTF-8"
        raise Unreadable(path, message, *place(before, len(before))) from None
    return clean(text, path)


def clean(text: str, path: str) -> str:
    """Text with '\\n' for line ends. Raises Unreadable for NUL characters."""
    nul = text.find("\0")
    if nul >= 0:
        raise Unreadable(path, "there is a NUL character here; a spec is a text file", *place(text, nul))
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def _guard(path: str, info: os.stat_result, what: str) -> None:
    """Refuse what others may change, when running as root. Raises Unreadable. A sticky folder keeps files from others."""
    if os.geteuid() != 0:
        return
    caller = os.environ.get("SUDO_UID", "")
    allowed = {0, int(caller)} if caller.isdigit() else {0}
    if info.st_uid not in allowed:
        message = f"this {what} belongs to uid {info.st_uid}; osvc runs as root and trusts only its own: chown root {path}"
        raise Unreadable(path, message)
    sticky = what == "folder" and bool(info.st_mode & stat.S_ISVTX)
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
        who = "others" if info.st_mode & stat.S_IWOTH else "its group"
        raise Unreadable(path, f"this {what} may be written by {who}, and osvc runs as root: chmod go-w {path}")


def _beside(path: str, err: OSError | ValueError) -> str:
    """What was meant by a path that is not there."""
    if not isinstance(err, FileNotFoundError):
        return ""
    folder, name = os.path.split(path.rstrip("/"))
    try:
        return meant(name, os.listdir(folder or "."))
    except OSError:
        return ""


def _cannot_read(err: OSError | ValueError) -> str:
    if isinstance(err, FileNotFoundError):
        return "there is no such file or folder"
    if isinstance(err, PermissionError):
        return "cannot read it: permission denied"
    if isinstance(err, OSError):
        return f"cannot read it: {(err.strerror or str(err)).lower()}"
    return "cannot read it: the path holds a NUL character"
