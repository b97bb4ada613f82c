"""Place: namespaces of the benchmark's own, so that whatever happens in it ends with it.

    python -m benchmarks.place COMMAND...

Processes, mounts, links, addresses, firewall rules and /run are the place's: when its first process ends, the kernel ends the
others, and takes the rest away. Folders and control groups are left; who makes them writes their names down first (`Litter`).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


class Litter:
    """A file with the names of what may be left behind: folders below /tmp, and control groups. It survives who wrote it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, *names: str) -> None:
        """Write names down, before the things are made."""
        with self.path.open("a") as file:
            file.write("".join(f"{name}\n" for name in names))

    def sweep(self) -> None:
        """Remove all of it."""
        if not self.path.exists():
            return
        for name in dict.fromkeys(self.path.read_text().split()):
            if name.startswith("/tmp/o-"):
                shutil.rmtree(name, ignore_errors=True)
            else:
                _remove_cgroup(name)
        self.path.unlink()


def _remove_cgroup(name: str) -> None:
    for top in (CGROUPS / name, *CGROUPS.glob(f"*/{name}")):
        for folder, _, _ in os.walk(top, topdown=False):
            os.rmdir(folder)


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
