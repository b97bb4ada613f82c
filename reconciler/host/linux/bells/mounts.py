"""Changes of the mount table: poll(2) on mountinfo tells that there was one, two readings tell of which mount points."""

import os
import select

from reconciler.host.errors import HostError
from reconciler.host.linux.bells.wire import ALL, Heard
from reconciler.host.linux.table import read_table
from reconciler.host.ports import Mount


class MountsWire:
    """The file is always readable: only POLLPRI says that it changed."""

    events = select.EPOLLPRI
    lasting = True
    begun = True

    def __init__(self, key: str) -> None:
        self._fd = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self._last = _mounted()

    def fileno(self) -> int:
        return self._fd

    def heard(self) -> Heard:
        now, last = _mounted(), self._last
        self._last = now
        if now is None or last is None:
            return ALL
        changed = (point for point in {*now, *last} if now.get(point) != last.get(point))
        return {point: _said(len(now.get(point, ())) - len(last.get(point, ()))) for point in changed}

    def close(self) -> None:
        os.close(self._fd)


def _said(more: int) -> str:
    """more: so many mounts than before at that point."""
    return "mounted" if more > 0 else "unmounted" if more < 0 else "changed"


def _mounted() -> dict[str, tuple[Mount, ...]] | None:
    """What is mounted where; None when it cannot be read."""
    found: dict[str, tuple[Mount, ...]] = {}
    try:
        for mount in read_table():
            found[mount.target] = (*found.get(mount.target, ()), mount)
    except HostError:
        return None
    return found
