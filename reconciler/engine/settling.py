"""Settling: whether what is written into spec files is whole: nobody has them open for it, and nobody wrote a moment ago."""

import fcntl
import os
import signal
import stat
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from reconciler.host.ports import Clock, Mounts

_STILL: Final = 0.1
"""Seconds after which what was written last is the last piece."""
_GONE: Final = 0.5
"""Seconds after which a file that is gone is not about to be written anew: what it said is pruned then."""
_SOON: Final = 0.01
"""Seconds until it is asked again, at least: clocks tell no less."""
_LONGEST: Final = 10.0
"""Seconds that one file is waited for at most."""
_SERVED: Final = ("nfs4", "cifs", "smb3")
"""Filesystems of which the server has a word in leases, and refuses one for reasons of its own: that says nothing of a writer."""


class Settling:
    """waited: what was written to for so long that it was not waited for any more; "" otherwise.

    Each file is waited for on its own account: that another one takes long makes none be taken half-written.
    """

    def __init__(self, clock: Clock, mounts: Mounts) -> None:
        self._clock = clock
        self._mounts = mounts
        self._asked = 0.0
        self._waits: dict[str, float] = {}
        self._spent: dict[str, float] = {}
        self.waited = ""

    def left(self, changed: Collection[str], *, whole: Collection[str] = ()) -> float:
        """Seconds after which to ask again whether these files can be read; 0 when they can. One that is gone is in a folder that
        is written to. whole: those of them that were put there whole, and may be young while they are there."""
        now, wall = self._clock.monotonic(), self._clock.now().timestamp()
        for path in self._waits:
            self._spent[path] = self._spent.get(path, 0.0) + now - self._asked
        self._asked = now
        self._waits = {path: seconds for path in changed if (seconds := self._wait(path, wall, path in whole))}
        if left := [seconds for path, seconds in self._waits.items() if self._spent.get(path, 0.0) < _LONGEST]:
            return max(left)
        self.waited = min(self._waits, default="")
        self._waits, self._spent = {}, {}
        return 0.0

    @property
    def says(self) -> str:
        return f"{self.waited}: written to again and again for {_LONGEST:g} s; taken as it is" if self.waited else ""

    def _wait(self, path: str, wall: float, whole: bool) -> float:
        """Seconds to wait for one file. Where a server has a word in leases nobody knows whether it is open: its age decides."""
        if not being_written(path):
            return 0.0 if whole and os.path.lexists(path) else _young(path, wall)
        device = _device(path)
        served = any(mount.fstype in _SERVED and mount.device == device for mount in self._mounts.table())
        return _young(path, wall) if served else _STILL


def _device(path: str) -> str:
    """The device of a file's filesystem, as the mount table has it."""
    try:
        number = os.stat(path).st_dev
    except OSError:
        return ""
    return f"{os.major(number)}:{os.minor(number)}"


def _young(path: str, wall: float) -> float:
    """Seconds until the last change is old enough. A clock that is not the filesystem's makes nobody wait."""
    with suppress(OSError):
        place, still = (path, _STILL) if os.path.lexists(path) else (os.path.dirname(path), _GONE)
        age = wall - os.stat(place).st_mtime
        if abs(age) < still:
            return max(still - age, _SOON)
    return 0.0


def being_written(path: str) -> bool:
    """Whether the kernel grants no lease to read a file, as while somebody has it open for writing (fcntl(2)). False where there
    are no leases."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)  # who opens it just now: else that signal ends this process
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False
