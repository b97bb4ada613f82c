"""shims: what is left of a start that an engine did not survive.

An engine that is killed while it starts a container leaves the container's shim behind, with a task in it that never ran. The next
engine takes the container for ended, and whenever it is to start it, finds the task in its way (seen with 20.10, containerd 1.6).
The task goes with its shim, a moment after that has ended.
"""

import re
import signal
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from reconciler.host.errors import HostError
from reconciler.host.ports import Host, Process

AGAIN: Final = (0.1, 0.2, 0.4, 0.8)
"""Seconds after which a start is tried again, while the task is still there."""
_PATIENCE: Final = 5.0
_KEPT = re.compile(r"task ([0-9a-f]{64}): already exists")


def kept(err: HostError, id: str) -> bool:
    """Whether a start was refused because of a task of this very container."""
    found = _KEPT.search(str(err))
    return found is not None and found[1] == id


def ended(err: HostError, id: str, name: str, host: Host, say: Callable[[str], None]) -> bool:
    """Whether that was so, and the shim that has the task is ended. Raises HostError."""
    left = [process for process in host.processes.all() if _is_shim(process, id)] if kept(err, id) else []
    for shim in left:
        say(f"an engine was ended while it started {name}: ending what is left of that start, pid {shim.pid}")
        host.processes.signal(shim, signal.SIGKILL)
        host.processes.wait_gone(shim, _PATIENCE)
    return bool(left)


def _is_shim(process: Process, id: str) -> bool:
    words = process.argv
    return bool(words) and words[0].rpartition("/")[2].startswith("containerd-shim") and ("-id", id) in pairwise(words)
