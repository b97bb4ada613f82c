"""Changes of a folder of files, or of one file, by inotify(7).

Folders are watched, never files: editors put a new file in the place of the old one. Every folder on the way is watched for the one
name that matters in it, so that a folder, or a link to it, which is exchanged is noticed as well. A file that is being written
rings when it is closed: half a file is nobody's spec. One that is put in its place by a rename is whole, and rings so (EXCHANGED),
unless something else was changed otherwise a moment before. What was made a moment before under another name is not something else.
"""

import ctypes
import errno
import os
import select
import stat
import struct
import time
from typing import Final

from reconciler.core.bells import EXCHANGED
from reconciler.host.linux.bells.wire import ALL, Heard

_ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO = 0x4, 0x8, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_UNMOUNT, _OVERFLOW, _IGNORED, _ONLYDIR = 0x2000, 0x4000, 0x8000, 0x1000000
_MOMENT: Final = 0.1
"""Seconds after which what was changed is settled."""
_MASK: Final = _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _ONLYDIR
_ITSELF: Final = _DELETE_SELF | _MOVE_SELF | _UNMOUNT | _OVERFLOW
_HEAD: Final = struct.Struct("=iIII")
_LINKS: Final = 40
"""As many links does the kernel follow."""

Places = dict[str, set[str] | None]
"""Folder -> the names that matter in it; None for all of them."""


class FilesWire:
    """key: the path."""

    events = select.EPOLLIN
    lasting = True
    begun = True

    def __init__(self, key: str) -> None:
        self._path = key
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._asked("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)
        self._watched: dict[int, tuple[str, set[str] | None]] = {}
        self._new: dict[tuple[int, str], float] = {}
        """Names that came up a moment ago, and when."""
        self._unsettled: dict[tuple[int, str], float] = {}
        """Names that were changed a moment ago, and not exchanged since, and when."""
        try:
            self._aim()
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        return self._fd

    def heard(self) -> Heard:
        rang, now = False, time.monotonic()
        for names in (self._new, self._unsettled):
            for key in [key for key, at in names.items() if at < now - _MOMENT]:
                del names[key]
        while True:
            try:
                data = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                break
            at = 0
            while at < len(data):
                number, mask, _, length = _HEAD.unpack_from(data, at)
                name = os.fsdecode(data[at + _HEAD.size : at + _HEAD.size + length].rstrip(b"\0"))
                if mask & _CREATE:
                    self._new[number, name] = now
                if self._matters(number, mask, name):
                    rang = True
                    self._note(number, mask, name, now)
                at += _HEAD.size + length
        if not rang:
            return {}
        self._aim()
        return ALL if self._unsettled else {EXCHANGED: ""}

    def close(self) -> None:
        os.close(self._fd)

    def _note(self, number: int, mask: int, name: str, now: float) -> None:
        """What is unsettled by this, or no more."""
        key = (number, name)
        whole = mask & _MOVED_TO and number in self._watched and _is_file(f"{self._watched[number][0]}/{name}")
        if whole or (mask & _MOVED_FROM and self._new.pop(key, None) is not None):
            self._unsettled.pop(key, None)
        else:
            self._unsettled[key] = now

    def _matters(self, number: int, mask: int, name: str) -> bool:
        if mask & _OVERFLOW:
            return True
        if mask & _IGNORED:
            return self._watched.pop(number, None) is not None
        if number not in self._watched:
            return False
        folder, names = self._watched[number]
        if mask & _ITSELF:
            return True
        if mask & _CREATE and _is_being_written(f"{folder}/{name}"):
            return False
        return names is None or name in names

    def _aim(self) -> None:
        """Watch the folders that matter now. What changes while that is found out is found by the second look."""
        before: Places = {}
        while (places := places_of(self._path)) != before:
            before = places
            watched: dict[int, tuple[str, set[str] | None]] = {}
            for folder, names in places.items():
                try:
                    number = self._asked("inotify_add_watch", self._fd, os.fsencode(folder), _MASK)
                except OSError as error:
                    if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP):
                        raise
                    continue
                _, others = watched.get(number, ("", set()))
                watched[number] = (folder, None if names is None or others is None else names | others)
            for number in self._watched.keys() - watched.keys():
                self._libc.inotify_rm_watch(self._fd, number)
            self._watched = watched

    def _asked(self, call: str, *words: int | bytes) -> int:
        found = int(getattr(self._libc, call)(*words))
        if found < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return found


def places_of(path: str) -> Places:
    """Where something must be noticed for a path, and for what its links lead to."""
    found: Places = {}
    end = _walk(path, found)
    try:
        entries = list(os.scandir(end))
    except OSError:
        return found
    found[end] = None
    for entry in entries:
        if entry.is_symlink():
            end = _walk(entry.path, found)
        elif not entry.name.endswith(".d") or not entry.is_dir():
            continue
        else:
            end = entry.path
        if entry.name.endswith(".d") and os.path.isdir(end):
            found[end] = None
    return found


def _walk(path: str, found: Places) -> str:
    """Note every name on the way to where a path leads; that place, or the first on the way that is not there."""
    left, folder = [part for part in os.path.abspath(path).split("/") if part], "/"
    links = 0
    while left:
        name = left.pop(0)
        if name == "..":
            folder = os.path.dirname(folder)
            continue
        names = found.setdefault(folder, set())
        if names is not None:
            names.add(name)
        here = os.path.join(folder, name)
        try:
            target = os.readlink(here)
        except OSError as error:
            if error.errno != errno.EINVAL:
                return here
            folder = here
            continue
        links += 1
        if links > _LINKS:
            return here
        folder = "/" if target.startswith("/") else folder
        left = [part for part in target.split("/") if part not in ("", ".")] + left
    return folder


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _is_being_written(path: str) -> bool:
    """Whether a new name is that of a file which somebody has just made: it is closed yet. A link to one is not."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1
