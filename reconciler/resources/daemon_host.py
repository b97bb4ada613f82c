"""daemon_host: the log of a daemon that osvc starts, through the host's ports."""

from typing import Final

from reconciler.host.errors import HostError
from reconciler.host.ports import Host

LOG: Final = 10 << 20
"""Bytes: a log that is longer is put aside before a daemon is started."""
_READ: Final = 64 << 20


def rotate(log: str, host: Host) -> None:
    """Put a long log aside; the one that was aside before goes."""
    found = host.files.stat(log, follow=False)
    if found is not None and found.size > LOG:
        host.commands.run(("mv", "-f", "--", log, f"{log}.1"))


def tail(log: str, host: Host, lines: int = 10) -> str:
    """The last lines of a log; where it cannot be read, why."""
    try:
        text = host.files.read(log, limit=_READ) or ""
    except HostError as error:
        return str(error)
    return "\n".join(text.strip().splitlines()[-lines:])
