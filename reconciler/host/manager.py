"""Manager: what a service manager (systemd) is told of a watch, by the protocol of sd_notify(3). Without one nothing is told."""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from math import inf


class Manager:
    """environ: in it NOTIFY_SOCKET says where to tell, WATCHDOG_USEC and WATCHDOG_PID how often. Nothing is raised: who does not
    listen is not told."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        limit = environ.get("WATCHDOG_USEC", "")
        meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.beat = int(limit) / 2_000_000 if meant and limit.isdecimal() and int(limit) else inf
        """Seconds between two signs of life, at most."""

    def ready(self) -> None:
        """The watch has begun, or has looked at everything by the configuration that it has read again."""
        self._tell("READY=1")

    def reloading(self) -> None:
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    def says(self, text: str) -> None:
        """What whoever asks the manager how the watch is is told; "" is nothing."""
        self._tell(f"STATUS={text}")

    def alive(self) -> None:
        """It goes on."""
        if self.beat < inf:
            self._tell("WATCHDOG=1")

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out:
            out.sendto(text.encode(), self._address)
