"""Neighbour: somebody else on a network, as real as the machine: a network namespace of its own behind a veth pair."""

import contextlib
import json
import subprocess
import sys

STRANGER = "02:00:00:00:00:99"
"""The hardware address of nobody."""
_LIVE = "import ctypes,time; assert ctypes.CDLL(None).unshare(0x40000000) == 0; print(1,flush=True); time.sleep(3600)"


def run(*argv: str) -> str:
    """The output of a command."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    return done.stdout


class Neighbour:
    """One end of a pair is `link` in the network of whoever makes this, up; the other is his, with these addresses (CIDR).

    All of it is gone when he is: the namespace ends with its one process, and the pair with the namespace.
    """

    def __init__(self, link: str, *cidrs: str) -> None:
        self.link = link
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", _LIVE], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        try:
            assert self._process.stdout is not None and self._process.stdout.readline() == "1\n"
            run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(self._process.pid))
            run("ip", "link", "set", link, "up")
            self.run("ip", "link", "set", "eth0", "up")
            self.run("sysctl", "-q", "-w", "net/ipv4/neigh/eth0/locktime=0")
            for cidr in cidrs:
                self.has(cidr)
        except BaseException:
            self.close()
            raise

    def run(self, *argv: str) -> str:
        """The output of a command in his namespace."""
        return run("nsenter", f"--net=/proc/{self._process.pid}/ns/net", *argv)

    def has(self, cidr: str) -> None:
        """From now on he has this address."""
        self.run("ip", "addr", "add", cidr, "dev", "eth0", *(["nodad"] if ":" in cidr else []))

    @property
    def mac(self) -> str:
        return str(json.loads(self.run("ip", "-j", "link", "show", "eth0"))[0]["address"])

    def mislead(self, address: str) -> None:
        """Have him take a stranger for the one with this address."""
        self.run("ip", "neigh", "replace", address, "lladdr", STRANGER, "dev", "eth0", "nud", "stale")

    def knows(self, address: str) -> bool:
        """Whether he takes this end of the link for the one with this address."""
        mine = json.loads(run("ip", "-j", "link", "show", self.link))[0]["address"]
        return any(entry.get("lladdr") == mine for entry in json.loads(self.run("ip", "-j", "neigh", "show", "to", address)))

    def close(self) -> None:
        self._process.kill()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        with contextlib.suppress(AssertionError):
            run("ip", "link", "delete", self.link)
