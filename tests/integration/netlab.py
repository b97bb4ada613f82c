"""Namespaces: a network of its own beside the machine, joined by a veth pair, to ask ports from and to be reached in.

Only what a Lab made is removed, and all of it, also when a test fails: the namespace dies with its one process, and the
pair with the namespace.
"""

import contextlib
import ctypes
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_ASK = """
import http.client, sys
asked = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=3)
asked.request("GET", sys.argv[3])
sys.stdout.write(asked.getresponse().read().decode())
"""
"""busybox's own wget is not to be had here: a statically linked one may crash in the machine's name service."""
_CLONE_NEWNET = 0x40000000
BUSYBOX = "/bin/busybox"


def run(*argv: str, timeout: float = 20.0) -> str:
    """The output of a command. Raises AssertionError with its words when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout} {done.stderr}"
    return done.stdout


@contextlib.contextmanager
def own_network(*, forwarding: bool = False) -> Iterator[None]:
    """This thread, and all that it starts, in a network namespace of its own: what is done to links, firewall and forwarding
    there is never seen by the machine, nor by engines that run on it."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        assert libc.unshare(_CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        run("ip", "link", "set", "lo", "up")
        run("sysctl", "-w", f"net.ipv4.ip_forward={int(forwarding)}")
        yield
    finally:
        assert libc.setns(home, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        os.close(home)


class Lab:
    """One network namespace. here: the machine's address in it. there: the namespace's own. Use as a context manager.

    n: 0 to 63; two labs at a time need two numbers.
    """

    def __init__(self, n: int = 0) -> None:
        self.here, self.there = f"198.18.{n}.1", f"198.18.{n}.2"
        self.link = f"olab{n}-{os.getpid() % 100000}"
        self._keeper: subprocess.Popen[bytes] | None = None
        self._others: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Lab":
        mine = os.readlink("/proc/thread-self/ns/net")
        self._keeper = subprocess.Popen(["unshare", "--net", BUSYBOX, "sleep", "3600"])
        try:
            deadline = time.monotonic() + 10
            while os.readlink(f"/proc/{self._keeper.pid}/ns/net") == mine:
                assert time.monotonic() < deadline, "no namespace"
                time.sleep(0.01)
            run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", str(self._keeper.pid))
            run("ip", "addr", "add", f"{self.here}/30", "dev", self.link)
            run("ip", "link", "set", self.link, "up")
            self.inside("ip", "addr", "add", f"{self.there}/30", "dev", "eth0")
            self.inside("ip", "link", "set", "eth0", "up")
            self.inside("ip", "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self._others, self._keeper]:
            if process is not None:
                process.kill()
                process.wait(10)
        subprocess.run(["ip", "link", "delete", self.link], capture_output=True, check=False)

    def words(self, *argv: str) -> list[str]:
        assert self._keeper is not None
        return ["nsenter", f"--net=/proc/{self._keeper.pid}/ns/net", *argv]

    def inside(self, *argv: str) -> str:
        """Run a command in the namespace. Its output."""
        return run(*self.words(*argv))

    def serve(self, folder: Path, text: str, port: int) -> None:
        """Answer HTTP requests in the namespace with `text`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.html").write_text(text)
        self._others.append(subprocess.Popen(self.words(BUSYBOX, "httpd", "-f", "-p", f"{self.there}:{port}", "-h", str(folder))))
        deadline = time.monotonic() + 10
        while self.ask(self.there, port) != text:
            assert time.monotonic() < deadline, "the server in the namespace does not answer"
            time.sleep(0.05)

    def ask(self, address: str, port: int, path: str = "/") -> str:
        """What an HTTP request from the namespace is answered, or "" when it is not."""
        done = subprocess.run(
            self.words(sys.executable, "-I", "-S", "-c", _ASK, address, str(port), path),
            capture_output=True,
            timeout=20,
            check=False,
        )
        return done.stdout.decode() if done.returncode == 0 else ""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
