"""What a machine looks like to whoever has to leave it as it was: links, addresses, routes, firewall, mounts, loop devices,
namespaces, the processes and control groups of engines, files; and of each engine that answers its containers in full, its
images and its volumes.

    python tools/machine_record.py > before
    python tools/machine_record.py --against before      # exit 1, and the differences, when something is left
    python tools/machine_record.py --content /run/osvc --state /var/lib/osvc     # what files hold, goals and ownership as well
"""

import argparse
import hashlib
import http.client
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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
FIRST_USE = ("/etc/docker/key.json", "/opt/containerd", "/run/mount")
"""What dockerd, containerd and mount make for good when they are used for the first time on a machine, whoever uses them."""

ENGINE_FOLDERS = {"/run/docker", "/run/docker/plugins", "/run/containerd", "/run/containerd/s"}
"""Every engine makes these, wherever its own folders are; empty, they are as good as absent."""

FAMILIES = ("iptables", "ip6tables")


def record(content: Sequence[str] = (), state: str = "") -> Record:
    """The machine, as lists of lines by topic, each sorted.

    content: folders whose files count with what is in them. state: a state folder of osvc whose goals and ownership count.
    """
    topics: dict[str, Callable[[], list[str]]] = {
        "links": _links,
        "addresses": _addresses,
        "routes": _routes,
        "rules": _rules,
        "forwarding": lambda: [Path("/proc/sys/net/ipv4/ip_forward").read_text().strip()],
        "mounts": _mounts,
        "loops": lambda: _lines("losetup", "-n", "-l", "-O", "BACK-FILE,RO,OFFSET,SIZELIMIT"),
        "namespaces": lambda: _names("/run/netns"),
        "processes": _processes,
        "cgroups": _cgroups,
        "files": _files,
        "engines": lambda: [line for path in _sockets() for line in _engine(path)],
        "content": lambda: [line for folder in content for line in _content(folder)],
        "state": lambda: _state(state) if state else [],
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


def _routes() -> list[str]:
    """All tables. The kernel adds the route to a link's own address a moment after the link: it counts with the address."""
    shown = _lines("ip", "route", "show", "table", "all")
    return [line for line in shown if not (line.startswith("local fe80:") and "proto kernel" in line)]


def _rules() -> list[str]:
    """Rules, with their places in their chains, and chains of every table; a table that has only empty built-in chains, all
    accepting, is as good as none."""
    found: list[str] = []
    for family in FAMILIES:
        table, places = "", dict[str, int]()
        for line in _lines(f"{family}-save"):
            if line.startswith("*"):
                table = line[1:]
            elif line.startswith(":"):
                chain, policy = line[1:].split()[:2]
                if policy != "ACCEPT":
                    found.append(f"{family} {table} {chain} {policy}")
            elif not line.startswith(("#", "COMMIT")):
                place = places[f"{table} {line.split()[1]}"] = places.get(f"{table} {line.split()[1]}", 0) + 1
                found.append(f"{family} {table} {place} {line}")
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
            started = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[19]
        except OSError:
            continue
        if os.path.basename(argv[0]) in ENGINE_PROGRAMS:
            found.append(f"{' '.join(argv).strip()} (pid {name}, started {started})")
    return found


def _sockets() -> list[str]:
    """Where dockerd processes listen, as their words say; the system's own place when they do not."""
    found: set[str] = set()
    for line in _processes():
        words = line.split(" ")
        if os.path.basename(words[0]) == "dockerd":
            given = {path for word in words for _, sign, path in [word.partition("unix://")] if sign}
            found |= given or {"/var/run/docker.sock"}
    return sorted(found)


class _Unix(http.client.HTTPConnection):
    """One request to an engine."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _ask(path: str, target: str) -> Any:
    connection = _Unix(path)
    try:
        connection.request("GET", target)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def _engine(path: str) -> list[str]:
    """Its containers in full, a line a value; its images and volumes by name. One that does not answer is told as that."""
    try:
        found = [f"{path} image {image['Id']} {ref}" for image in _ask(path, "/images/json") for ref in image["RepoTags"] or [""]]
        found += [f"{path} volume {volume['Name']}" for volume in _ask(path, "/volumes").get("Volumes") or ()]
        for one in _ask(path, "/containers/json?all=1"):
            container = _ask(path, f"/containers/{one['Id']}/json")
            name = container.get("Name", "")[1:]
            lines = _flat(container) if name else ()
            found += [f"{path} container {name} {line}" for line in lines if not line.startswith("State.Health")]
    except (OSError, ValueError, http.client.HTTPException) as error:
        return [f"{path} does not answer: {error}"]
    return found


def _flat(value: Any, path: str = "") -> Iterator[str]:
    """HostConfig.Memory=0 …; what is null, empty or false is as good as absent."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else str(name))
    elif value:
        yield f"{path}={json.dumps(value)}"


def _content(folder: str) -> Iterator[str]:
    for path in _below(folder, 99):
        try:
            found = os.lstat(path)
            text = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16] if os.path.isfile(path) else ""
        except OSError:
            continue
        yield f"{path} {found.st_mode:o} {found.st_uid}:{found.st_gid} {text}"


def _state(folder: str) -> list[str]:
    """Goals, and what is owned by which last wish; without what was last observed."""
    found: list[str] = []
    with sqlite3.connect(f"file:{folder}/osvc.db?mode=ro", uri=True) as base:
        found += [f"goal {' '.join(map(str, row))}" for row in base.execute("SELECT * FROM goals")]
        for service, rid, text in base.execute("SELECT service, rid, record FROM owned"):
            kept = {name: value for name, value in json.loads(text).items() if name != "remembered"}
            found.append(f"owned {service} {rid} {json.dumps(kept, sort_keys=True)}")
    return found


def _cgroups() -> list[str]:
    """Those of engines and of their containers; others come and go with whoever logs in."""
    return [folder for folder, _, _ in os.walk("/sys/fs/cgroup") if "osvc" in folder or "docker" in folder]


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
        if path not in idle and not any(path == skip or path.startswith(skip + "/") for skip in (*PASSING, *FIRST_USE))
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


def settled(
    before: Record, patience: float = 10.0, look: Callable[[], Record] = record, lets: Callable[[str], bool] = lambda line: False
) -> list[str]:
    """The differences that stay: the kernel takes back loop devices, namespaces and control groups a moment after their end."""
    end = time.monotonic() + patience
    while True:
        left = [line for line in differences(before, look()) if not lets(line)]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.2)


def main(argv: list[str] | None = None) -> int:
    """Print the record, or compare the machine with one."""
    parser = argparse.ArgumentParser(
        description="record what a machine looks like, or compare it with a record", allow_abbrev=False
    )
    parser.add_argument("--content", metavar="FOLDER", action="append", default=[], help="what its files hold counts as well")
    parser.add_argument("--state", metavar="FOLDER", default="", help="a state folder whose goals and ownership count as well")
    parser.add_argument("--against", metavar="FILE", help="a record to compare with")
    options = parser.parse_args(argv)

    def look() -> Record:
        return record(options.content, options.state)

    if not options.against:
        json.dump(look(), sys.stdout, indent=1)
        print()
        return 0
    left = settled(json.loads(Path(options.against).read_text()), look=look)
    for line in left:
        print(line)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
