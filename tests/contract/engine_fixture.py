"""A private dockerd for tests: real, isolated, and gone without a trace afterwards.

It runs in a network namespace and a mount namespace of its own, so that bridges, addresses, firewall rules, forwarding and
overlay mounts are never seen by the machine, and die with it. Its sockets, data and processes live in one short folder below /tmp.
Everything is ended by pid.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from reconciler.host.docker_ports import Engine
from reconciler.host.errors import HostError
from reconciler.host.linux.docker import LinuxDocker
from tools.make_image import write_image

CGROUPS = Path("/sys/fs/cgroup")
DEMO = "osvc/demo:1"
DEMO2 = "osvc/demo:2"


class PrivateEngine:
    """A dockerd of the test's own. Use as a context manager. config: more for its config file ({"live-restore": True})."""

    def __init__(self, **config: object) -> None:
        self.name = f"o-{secrets.token_hex(4)}"
        self.dir = Path("/tmp", self.name)
        self.dir.mkdir(mode=0o700)
        self.socket = f"{self.dir}/s"
        self.data_root = f"{self.dir}/d"
        self.exec_root = f"{self.dir}/x"
        self.log = f"{self.dir}/log"
        self.process: subprocess.Popen[bytes] | None = None
        self.spaces: dict[str, int] = {}
        """Its network and mount namespaces, open: they outlive the daemon, as the machine's do."""
        (self.dir / "c.json").write_text(json.dumps({"cgroup-parent": f"/{self.name}", "ip-forward": False, **config}))

    def __enter__(self) -> "PrivateEngine":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def engine(self) -> Engine:
        return LinuxDocker().engine(self.socket)

    def start(self) -> None:
        """Start the daemon, or start it again, and wait until it answers."""
        argv = ["dockerd", "--config-file", f"{self.dir}/c.json", "-H", f"unix://{self.socket}", "-p", f"{self.dir}/pid"]
        argv += ["--data-root", self.data_root, "--exec-root", self.exec_root, "--iptables=false", "--ip-masq=false"]
        argv += ["--containerd-namespace", self.name, "--containerd-plugins-namespace", f"{self.name}-p"]
        argv += ["--storage-driver", "overlay2", "--group", "root"]
        inside = 'ip link set lo up && exec "$@"'
        enter = [f"--{kind}=/proc/{os.getpid()}/fd/{number}" for kind, number in self.spaces.items()]
        words = ["nsenter", *enter] if enter else ["unshare", "--net", "--mount"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*words, "sh", "-c", inside, "sh", *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                self.engine.ping(2.0)
                for kind, name in (("net", "net"), ("mount", "mnt")):
                    if kind not in self.spaces:
                        self.spaces[kind] = os.open(f"/proc/{self.process.pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
                return
            except HostError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"dockerd did not start: {error}\n{Path(self.log).read_text()[-2000:]}") from error
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill the daemon and what lives by it, as a power cut would: nothing is told to anybody."""
        deadline = time.monotonic() + 30
        self._reaped(self._killed(deadline), deadline)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.dir}/pid")
        while self.spaces:
            os.close(self.spaces.popitem()[1])

    def kill_daemon(self) -> None:
        """Kill dockerd, as the out-of-memory killer does: its containerd and proxies die with it, shims and containers live on."""
        assert self.process is not None
        child = int(Path(self.exec_root, "containerd", "containerd.pid").read_text())
        self.process.kill()
        self.process.wait(30)
        self._reaped([child], time.monotonic() + 30)
        os.unlink(f"{self.dir}/pid")

    def load_demo(self, tag: str = DEMO, revision: int = 1) -> str:
        """Put the demo image in. Its id."""
        path = f"{self.dir}/{revision}.tar"
        known = write_image(path, tag, revision=revision)
        self.engine.load(path, tag, 60.0)
        return known

    def processes(self) -> list[int]:
        """The processes whose words name this engine's folder or namespace, and all that they started (containers too), alive."""
        children: dict[int, list[int]] = {}
        mine: list[int] = []
        mark = f"{self.dir}/".encode()
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
                state, parent = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[:2]
                if state == "Z":
                    continue
                children.setdefault(int(parent), []).append(int(entry))
                if any(mark in word for word in words):
                    mine.append(int(entry))
        if self.process is not None and self.process.poll() is None:
            mine.append(self.process.pid)
        found: list[int] = []
        queue = mine
        while queue:
            pid = queue.pop()
            if pid not in found:
                found.append(pid)
                queue += children.get(pid, [])
        return found

    def _killed(self, deadline: float) -> list[int]:
        """Kill what there is, until there is nothing: all pids that were met. Somebody may still have to reap them."""
        met: list[int] = []
        while (mine := self.processes()) and time.monotonic() < deadline:
            for pid in mine:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self.process is not None:
                self.process.wait(30)
            met += mine
            time.sleep(0.02)
        return met

    def _reaped(self, pids: list[int], deadline: float) -> None:
        """Wait until nothing is left of them: a containerd not yet reaped keeps the next dockerd from starting its own."""
        while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.02)

    def stop(self) -> None:
        """End the daemon as an administrator would."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def close(self) -> None:
        """Remove everything that this engine made: containers, processes, mounts, cgroups, files. It is not asked to end, which
        would take a second, nor waited for until it is reaped: nothing of it is to be kept."""
        self._killed(time.monotonic() + 30)
        while self.spaces:
            os.close(self.spaces.popitem()[1])
        for target in _mounts_below(str(self.dir)):
            subprocess.run(["umount", "-l", target], check=False)
        _remove_cgroups(self.name)
        shutil.rmtree(self.dir, ignore_errors=True)


def _mounts_below(folder: str) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [target for target in reversed([line.split()[4] for line in lines]) if target.startswith(folder + "/")]


def _remove_cgroups(name: str) -> None:
    """Remove the empty control groups of that name, in every hierarchy (or in the one of version 2)."""
    for top in [CGROUPS / name, *CGROUPS.glob(f"*/{name}")]:
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


@contextlib.contextmanager
def private_engine(*, demo: bool = True) -> Iterator[PrivateEngine]:
    """A running engine, with the demo image in it unless told otherwise."""
    with PrivateEngine() as private:
        if demo:
            private.load_demo()
        yield private
