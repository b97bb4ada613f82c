"""Cgroups on Linux: where a daemon's own cgroup lies in each hierarchy, v1 or v2, and its removal."""

import os
from collections.abc import Iterable

from reconciler.core.ids import NAME
from reconciler.host.errors import Busy, Permanent
from reconciler.host.linux import faults
from reconciler.host.linux.table import read_table


def folders(name: str) -> tuple[str, ...]:
    """The folder of a cgroup in each hierarchy that is mounted. Raises Permanent for a name that is not one or more plain names
    with slashes between them."""
    if not all(NAME.fullmatch(part) for part in name.split("/")):
        raise Permanent(f"cannot use {name!r} as the name of a cgroup")
    roots = {mount.target: None for mount in read_table() if mount.fstype in ("cgroup", "cgroup2") and mount.root == "/"}
    return tuple(f"{root}/{name}" for root in roots)


def exists(name: str) -> bool:
    """Whether the cgroup is there in any hierarchy."""
    return any(os.path.isdir(folder) for folder in folders(name))


def members(name: str) -> frozenset[int]:
    """The pids of the processes in the cgroup and in those within it."""
    found: set[int] = set()
    for folder in folders(name):
        for path in _deepest_first(folder):
            try:
                with open(f"{path}/cgroup.procs", encoding="ascii") as stream:
                    found.update(int(line) for line in stream)
            except OSError:
                continue
    return frozenset(found)


def remove(name: str) -> bool:
    """Remove an empty cgroup, and empty ones in it, from every hierarchy. Whether there was one. Raises Busy when it is in use."""
    there = [folder for folder in folders(name) if os.path.isdir(folder)]
    for folder in there:
        for path in _deepest_first(folder):
            try:
                os.rmdir(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                fault = faults.of_errno(error, f"cannot remove the cgroup {path}")
                if isinstance(fault, Busy):
                    raise Busy(f"cannot remove the cgroup {path}: busy (pid {_first_pid(path)})") from None
                raise fault from None
    return bool(there)


def _deepest_first(folder: str) -> Iterable[str]:
    for path, _, _ in os.walk(folder, topdown=False):
        yield path


def _first_pid(path: str) -> str:
    try:
        with open(f"{path}/cgroup.procs", encoding="ascii") as stream:
            return stream.readline().strip() or "unknown"
    except OSError:
        return "unknown"
