"""pids: what a container's pid, as its engine names it, tells before the engine itself does."""

from typing import Final

from reconciler.host.docker_ports import Engine
from reconciler.host.ports import Host

_INIT: Final = 1
"""Listens for an engine that systemd starts."""


def is_gone(pid: int, engine: Engine, host: Host) -> bool:
    """Whether the process of a container that its engine calls running is gone. An engine is believed that is not seen to listen
    itself: it, or a proxy for it, counts in a pid namespace of its own."""
    if not pid or host.processes.lives(pid):
        return False
    process = host.processes.peer(engine.socket)
    return process is not None and (process.pid == _INIT or (process.argv or ("",))[0].rpartition("/")[2] == "dockerd")
