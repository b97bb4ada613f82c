"""The end of a process, by its pidfd."""

import os
import select
from collections.abc import Collection

from reconciler.host.linux.bells.wire import ALL
from reconciler.host.linux.processes import start_of


class ProcessWire:
    """key: pid and start time, 0 where that is not known. Raises ProcessLookupError when that process is gone."""

    events = select.EPOLLIN
    lasting = False

    def __init__(self, key: str) -> None:
        pid, since = map(int, key.split())
        self._fd = os.pidfd_open(pid)
        now = start_of(pid)
        if now is None or since not in (0, now):
            self.close()
            raise ProcessLookupError

    def fileno(self) -> int:
        return self._fd

    def heard(self) -> Collection[str]:
        return ALL

    def close(self) -> None:
        os.close(self._fd)
