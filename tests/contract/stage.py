"""A stage: a host, fake or real, with a folder of its own and the few things that a contract needs to set up by hand."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from typing import Protocol

from reconciler.core.node import Node
from reconciler.host.errors import HostError
from reconciler.host.linux.host import linux_host
from reconciler.host.ports import Host
from tests.fakehost import FakeHost, Machine, launchers
from tests.fakehost.network import FakeLink
from tests.neighbour import STRANGER, Neighbour

_LISTEN_UNIX = "import socket,sys,time; s=socket.socket(1); s.bind(sys.argv[1]); s.listen(); print(1,flush=True); time.sleep(600)"
_LISTEN_PORT = (
    "import socket,sys,time; f={'4':2,'6':10}[sys.argv[1]]; k={'tcp':1,'udp':2}[sys.argv[2]]; s=socket.socket(f,k);"
    "s.bind((sys.argv[3],int(sys.argv[4]))); k==1 and s.listen(); print(1,flush=True); time.sleep(600)"
)
_SIT = "import os,sys,time; os.chdir(sys.argv[1]); print(1,flush=True); time.sleep(600)"

_LAUNCHER = """#!/bin/sh
case $1 in
{hangs}) exec tail -f {path}.data ;;
start) setsid tail -f {path}.data >/dev/null 2>&1 & echo $! >{path}.pid
    until [ "$(cat /proc/$!/comm)" = tail ]; do :; done ;;
stop) [ ! -e {path}.pid ] || kill $(cat {path}.pid); rm -f {path}.pid ;;
status) [ -e {path}.pid ] && kill -0 $(cat {path}.pid) 2>/dev/null || exit 1 ;;
esac
"""


class Stage(Protocol):
    """name: short and unique, for links, chains and cgroups. dir: a folder that exists and is empty."""

    host: Host
    name: str
    dir: str

    def image(self, path: str) -> None:
        """A backing file with ext4 in it."""

    def symlink(self, path: str, target: str) -> None: ...

    def sit(self, path: str) -> int:
        """A process whose working folder is `path`; its pid."""

    def listen_unix(self, path: str) -> int: ...

    def listen(self, protocol: str, address: str, port: int) -> int: ...

    def launcher(self, path: str, hangs: str = "") -> str:
        """A program that takes start (it leaves `tail -f PATH.data` running), stop and status (1 where that does not run). The
        path. hangs: the verb that it does not end for."""

    def end(self, pid: int) -> None:
        """Kill a process that this stage started."""

    def join(self, link: str, *cidrs: str) -> str:
        """A link, up, to somebody else who has these addresses; his hardware address. Once a stage, in a network of its own."""

    def mislead(self, address: str) -> None:
        """Have him take some other host for the one with this address."""

    def is_told(self, address: str) -> bool:
        """Whether he knows now that the address is at this end."""


class FakeStage:
    def __init__(self) -> None:
        self.machine = Machine()
        self.host = FakeHost(self.machine)
        self.name, self.dir = "o-fake", "/tmp/o-fake"
        self.machine.tree.make_dir(self.dir, 0o755)
        self.machine.net = type(self.machine.net)()
        del self.machine.net.links["eth0"]
        self.machine.net.more_routes.clear()

    def image(self, path: str) -> None:
        self.machine.make_image(path)

    def symlink(self, path: str, target: str) -> None:
        self.machine.add_link(path, target)

    def sit(self, path: str) -> int:
        process = self.machine.start_process(("python3",), cwd=path)
        self.machine.hold(process, path)
        return process.pid

    def listen_unix(self, path: str) -> int:
        self.machine.tree.put(path, "socket", 0o755)
        return self.machine.start_process(("python3",), sockets=[path]).pid

    def listen(self, protocol: str, address: str, port: int) -> int:
        return self.machine.start_process(("python3",), ports=[(protocol, address, port)]).pid

    def launcher(self, path: str, hangs: str = "") -> str:
        self.machine.add_file(f"{path}.data")
        launchers.add(self.machine, path, "tail", "-f", f"{path}.data").hangs |= {hangs} - {""}
        return path

    def end(self, pid: int) -> None:
        self.machine.kill(pid)

    def join(self, link: str, *cidrs: str) -> str:
        self._joined = link
        self.machine.net.links[link] = FakeLink("veth", up=True)
        self.machine.net.peers |= {(link, cidr.partition("/")[0]): STRANGER for cidr in cidrs}
        return STRANGER

    def mislead(self, address: str) -> None:
        self.machine.net.announced.clear()

    def is_told(self, address: str) -> bool:
        return (self._joined, address) in self.machine.net.announced


class RealStage:
    def __init__(self) -> None:
        self.host = linux_host(Node())
        self.name = f"o-{uuid.uuid4().hex[:6]}"
        self.dir = tempfile.mkdtemp(prefix="o-", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._neighbour: Neighbour | None = None

    def image(self, path: str) -> None:
        with open(path, "wb") as stream:
            stream.truncate(8 << 20)
        subprocess.run(["mkfs.ext4", "-q", path], check=True)

    def symlink(self, path: str, target: str) -> None:
        os.symlink(target, path)

    def sit(self, path: str) -> int:
        return self._start(_SIT, path)

    def use(self, words: str, path: str) -> int:
        """A process that does this with a path first, and then waits; its pid."""
        return self._start(f"import os,sys,time; path = sys.argv[1]; {words}; print(1,flush=True); time.sleep(600)", path)

    def listen_unix(self, path: str) -> int:
        return self._start(_LISTEN_UNIX, path)

    def listen(self, protocol: str, address: str, port: int) -> int:
        return self._start(_LISTEN_PORT, "6" if ":" in address else "4", protocol, address, str(port))

    def launcher(self, path: str, hangs: str = "") -> str:
        with open(path, "w") as stream:
            stream.write(_LAUNCHER.format(path=path, hangs=hangs or "never"))
        os.chmod(path, 0o755)
        self.host.files.write(f"{path}.data", "", mode=0o644)
        return path

    def end(self, pid: int) -> None:
        child = self._children.pop(pid)
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()

    def join(self, link: str, *cidrs: str) -> str:
        self._neighbour = Neighbour(link, *cidrs)
        return self._neighbour.mac

    def mislead(self, address: str) -> None:
        assert self._neighbour is not None
        self._neighbour.mislead(address)

    def is_told(self, address: str) -> bool:
        return self._neighbour is not None and self._neighbour.knows(address)

    def close(self) -> None:
        """Leave nothing: processes, mounts, loop devices, cgroups, files, all of them ours by name or folder."""
        if self._neighbour is not None:
            self._neighbour.close()
        for pid in list(self._children):
            self.end(pid)
        for process in self.host.processes.all():
            if any(f"{self.dir}/" in word for word in process.argv):
                self.host.processes.signal(process, signal.SIGKILL)
                self.host.processes.wait_gone(process, 5)
        for mount in reversed(self.host.mounts.table()):
            if mount.target.startswith(f"{self.dir}/"):
                subprocess.run(["umount", "-l", mount.target], check=False)
        with contextlib.suppress(HostError):
            self.host.processes.drop_cgroup(self.name)
        shutil.rmtree(self.dir)

    def _start(self, program: str, *words: str) -> int:
        child = subprocess.Popen([sys.executable, "-S", "-c", program, *words], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self._children[child.pid] = child
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"
        return child.pid


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """This thread, and what it starts, in a network namespace of its own, which ends with the block."""
    libc = ctypes.CDLL(None, use_errno=True)
    clone_newnet = 0x40000000
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        assert libc.unshare(clone_newnet) == 0, os.strerror(ctypes.get_errno())
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            assert libc.setns(before, clone_newnet) == 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(before)
