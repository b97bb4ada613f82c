"""Link: the one network between the machines of a lab. Every frame of one goes to all the others, and to nobody else."""

import contextlib
import os
import socket
import threading
from pathlib import Path

_LARGEST = 1 << 17


class Link:
    """A hub in this process. Machines plug in with a datagram socket each, and may come and go: nothing waits for them.

    folder: where the sockets are; a name is the end of a path there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hub = folder / "hub"
        self.plugs: set[str] = set()
        """The paths of those who get the frames."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.hub))
        self._thread = threading.Thread(target=self._forward, daemon=True)
        self._thread.start()

    def plug(self, name: str) -> list[str]:
        """Plug a machine in. The words of its network card's other end."""
        path = self.folder / f"{name}.net"
        self.plugs.add(str(path))
        ends = f"local.type=unix,local.path={path},remote.type=unix,remote.path={self.hub}"
        return ["-netdev", f"dgram,id=net,{ends}"]

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self.hub))
        self._thread.join()
        self._socket.close()

    def _forward(self) -> None:
        while True:
            frame, sender = self._socket.recvfrom(_LARGEST)
            if not frame:
                return
            for path in self.plugs - {os.fsdecode(sender or b"")}:
                with contextlib.suppress(OSError):  # it is off, or takes nothing more just now: as with a real wire
                    self._socket.sendto(frame, socket.MSG_DONTWAIT, path)
