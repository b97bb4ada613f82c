"""The end of a process, by its pidfd."""

import errno
import os
import select

from reconciler.host.linux.bells.wire import Heard
from reconciler.host.linux.processes import start_of


class ProcessWire:
    """key: pid and start time, 0 where that is not known. Raises ProcessLookupError when that process is gone."""

    events = select.EPOLLIN
    lasting = False
    begun = True

    def __init__(self, key: str) -> None:
        pid, since = map(int, key.split())
        self._fd = os.pidfd_open(pid)
        now = start_of(pid)
        if now is None and not self._ended():
            self.close()
            raise OSError(errno.EAGAIN, "it cannot be looked at")
        if now is None or since not in (0, now):
            self.close()
            raise ProcessLookupError

    def fileno(self) -> int:
        return self._fd

    def heard(self) -> Heard:
        return {"": "ended"}

    def _ended(self) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        os.close(self._fd)
