"""A real registry on loopback: Debian's docker-registry, with its data and its log in a folder of its own."""

import json
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

PASSWORD = "correct horse"
HASH = "$2b$04$/.AlvX2TKRvBcwBv2v/wierl8UEzTpAlBNfr7ddTyz8Xc5lp6txUu"
"""Of that password, by bcrypt."""


class DockerRegistry:
    """Use as a context manager. folder: is made. enter: the words that run a command where it shall be reached.

    password: of the user osvc; "" for a registry that asks nobody.
    """

    def __init__(self, folder: Path, port: int, *, enter: Sequence[str] = (), password: str = "") -> None:
        self.folder, self.port, self.enter = folder, port, [*enter]
        self.host = f"127.0.0.1:{port}"
        self.folder.mkdir()
        self.log = self.folder / "log"
        config: dict[str, object] = {
            "version": 0.1,
            "log": {"accesslog": {"disabled": False}, "level": "error"},
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "data")}, "delete": {"enabled": True}},
            "http": {"addr": self.host},
        }
        if password:
            (self.folder / "htpasswd").write_text(f"osvc:{HASH}\n")
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(self.folder / "htpasswd")}}
        (self.folder / "config.yml").write_text(json.dumps(config))
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "DockerRegistry":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""
        with open(self.log, "ab") as log:
            words = [*self.enter, "docker-registry", "serve", f"{self.folder}/config.yml"]
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        look = [*self.enter, "python3", "-c", f"import socket; socket.create_connection(('127.0.0.1', {self.port}), 1)"]
        for _ in range(100):
            if subprocess.run(look, stderr=subprocess.DEVNULL, check=False).returncode == 0:
                return
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError("the registry did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def gets(self, digest: str) -> int:
        """How often a blob was asked for."""
        return sum('"GET /v2/' in line and f"blobs/{digest}" in line for line in self.log.read_text().splitlines())
