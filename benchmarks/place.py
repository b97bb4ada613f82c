"""Place: namespaces of the benchmark's own, so that whatever happens in it ends with it.

    python -m benchmarks.place COMMAND...

Processes, mounts, links, addresses, firewall rules and /run are the place's: when its first process ends, the kernel ends the
others, and takes the rest away. Folders and control groups are left; who makes them writes their names down first (`Litter`).
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
PATIENCE = 20.0
"""Seconds that the kernel has to end what was killed."""


class Litter:
    """A file with the names of what may be left behind: folders below /tmp, and control groups. It survives who wrote it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, *names: str) -> None:
        """Write names down, before the things are made."""
        with self.path.open("a") as file:
            file.write("".join(f"{name}\n" for name in names))

    def sweep(self) -> None:
        """Remove all of it; processes that were killed this moment may still hold it for a while. Raises OSError when it stays."""
        names = [*dict.fromkeys(self.path.read_text().split())] if self.path.exists() else []
        deadline = time.monotonic() + PATIENCE
        for name in names:
            while not _removed(name):
                if time.monotonic() > deadline:
                    raise OSError(f"cannot remove {name}, which a benchmark left; see {self.path}")
                time.sleep(0.1)
        self.path.unlink(missing_ok=True)


def _removed(name: str) -> bool:
    """Whether the folder, or the control groups of that name, are gone after trying once."""
    if name.startswith("/tmp/o-"):
        shutil.rmtree(name, ignore_errors=True)
        return not os.path.lexists(name)
    tops = [top for top in (CGROUPS / name, *CGROUPS.glob(f"*/{name}")) if top.is_dir()]
    for top in tops:
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
    return not any(top.exists() for top in tops)


def argv(*command: str) -> list[str]:
    """The words that run a command in a new place. It ends when the first of these processes does, or who started that one."""
    spaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    return ["setpriv", "--pdeathsig", "KILL", "unshare", *spaces, "--", sys.executable, "-m", "benchmarks.place", *command]


def main(command: Sequence[str]) -> int:
    """The first process of a place: it makes it ready, starts the command, and takes in whoever is left without a parent."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)
    child = os.spawnvp(os.P_NOWAIT, command[0], list(command))
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
