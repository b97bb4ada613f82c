"""What a machine looks like to whoever has to leave it as it was: links, addresses, routes, firewall, mounts, loop devices,
namespaces, the processes and control groups of engines, and files.

    python tools/machine_record.py > before
    python tools/machine_record.py --against before      # exit 1, and the differences, when something is left
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

Record = dict[str, list[str]]

ENGINE_PROGRAMS = frozenset({"dockerd", "containerd", "containerd-shim", "containerd-shim-runc-v2", "docker-proxy", "runc", "osvc"})
"""Processes that count; whatever else the machine does meanwhile is its own affair."""

WATCHED = (
    *(("/etc", 9), ("/srv", 9), ("/opt", 3), ("/mnt", 1), ("/media", 1), ("/root", 1), ("/", 1)),
    *(("/run", 2), ("/var/lib", 2), ("/var/run", 2), ("/var/log", 2), ("/usr/sbin/policy-rc.d", 0)),
)
"""Folders whose names count, and how deep."""

PASSING = (
    "/etc/.pwd.lock",
    "/etc/mtab",
    "/etc/ld.so.cache",
    "/run/utmp",
    "/run/user",
    "/var/lib/apt",
    "/var/lib/dpkg",
    "/var/log/apt",
)
ENGINE_FOLDERS = {"/run/docker", "/run/docker/plugins", "/run/containerd", "/run/containerd/s"}
"""Every engine makes these, wherever its own folders are; empty, they are as good as absent."""

FAMILIES = ("iptables", "ip6tables")


def record() -> Record:
    """The machine, as lists of lines by topic, each sorted."""
    topics: dict[str, Callable[[], list[str]]] = {
        "links": _links,
        "addresses": _addresses,
        "routes": lambda: _lines("ip", "route", "show", "table", "all"),
        "rules": _rules,
        "forwarding": lambda: [Path("/proc/sys/net/ipv4/ip_forward").read_text().strip()],
        "mounts": _mounts,
        "loops": lambda: [line.split(":", 1)[-1] for line in _lines("losetup", "-a")],
        "namespaces": lambda: _names("/run/netns"),
        "processes": _processes,
        "cgroups": _cgroups,
        "files": _files,
    }
    return {topic: sorted(look()) for topic, look in topics.items()}


def differences(before: Record, after: Record) -> list[str]:
    """What came ("+") and what went ("-"), a line each."""
    found: list[str] = []
    for topic in sorted({*before, *after}):
        was, now = list(before.get(topic, [])), list(after.get(topic, []))
        for line in list(now):
            if line in was:
                was.remove(line)
                now.remove(line)
        found += [f"{topic}: - {line}" for line in was] + [f"{topic}: + {line}" for line in now]
    return found


def _lines(*argv: str) -> list[str]:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def _links() -> list[str]:
    shown = json.loads("".join(_lines("ip", "-j", "link")) or "[]")
    return [f"{link['ifname']} {link.get('link_type')} {','.join(link.get('flags', []))}" for link in shown]


def _addresses() -> list[str]:
    shown = json.loads("".join(_lines("ip", "-j", "address")) or "[]")
    return [f"{link['ifname']} {one['local']}/{one['prefixlen']}" for link in shown for one in link.get("addr_info", [])]


def _rules() -> list[str]:
    """Rules and chains of every table; a table that has only empty built-in chains, all accepting, is as good as none."""
    found: list[str] = []
    for family in FAMILIES:
        table = ""
        for line in _lines(f"{family}-save"):
            if line.startswith("*"):
                table = line[1:]
            elif line.startswith(":"):
                chain, policy = line[1:].split()[:2]
                if policy != "ACCEPT":
                    found.append(f"{family} {table} {chain} {policy}")
            elif not line.startswith(("#", "COMMIT")):
                found.append(f"{family} {table} {line}")
    return found


def _mounts() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [" ".join([*line.split(" ")[3:6], line.partition(" - ")[2]]) for line in lines]


def _processes() -> list[str]:
    found: list[str] = []
    for name in _names("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            argv = Path(f"/proc/{name}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if os.path.basename(argv[0]) in ENGINE_PROGRAMS:
            found.append(" ".join(argv).strip())
    return found


def _cgroups() -> list[str]:
    return [folder for folder, _, _ in os.walk("/sys/fs/cgroup")]


def _files() -> list[str]:
    found: list[str] = []
    for top, depth in WATCHED:
        if os.path.islink(top):
            continue
        found += _below(top, depth)
    idle = {folder for folder in ENGINE_FOLDERS if {*_below(folder, 9)} <= ENGINE_FOLDERS}
    return [
        path
        for path in dict.fromkeys(found)
        if path not in idle and not any(path == skip or path.startswith(skip + "/") for skip in PASSING)
    ]


def _below(path: str, depth: int) -> list[str]:
    if not os.path.lexists(path):
        return []
    found = [path]
    if depth and os.path.isdir(path) and not os.path.islink(path):
        for name in _names(path):
            found += _below(f"{path.rstrip('/')}/{name}", depth - 1)
    return found


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def settled(before: Record, patience: float = 10.0) -> list[str]:
    """The differences that stay: the kernel takes back loop devices, namespaces and control groups a moment after their end."""
    end = time.monotonic() + patience
    while True:
        left = differences(before, record())
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.2)


def main(argv: list[str] | None = None) -> int:
    """Print the record, or compare the machine with one."""
    parser = argparse.ArgumentParser(
        description="record what a machine looks like, or compare it with a record", allow_abbrev=False
    )
    parser.add_argument("--against", metavar="FILE", help="a record to compare with")
    options = parser.parse_args(argv)
    if not options.against:
        json.dump(record(), sys.stdout, indent=1)
        print()
        return 0
    left = settled(json.loads(Path(options.against).read_text()))
    for line in left:
        print(line)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
