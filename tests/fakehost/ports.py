"""The fake ports over a Machine, but for Commands (programs.py), Processes (processes.py) and Docker (docker.py)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import ip_address

from reconciler.host.errors import Conflict, NotFound, Permanent, Transient
from reconciler.host.ports import Account, FileStat, Link, Mount, Route
from tests.fakehost.disks import carrier_of
from tests.fakehost.machine import SIGNATURE, Machine
from tests.fakehost.pseudo import Pseudo

_PATIENCE = 5.0


class FakeFiles:
    """Files. /proc and /sys are made up on the fly (pseudo.py), as far as drivers look there."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._pseudo = Pseudo(machine)

    def stat(self, path: str, *, follow: bool = True) -> FileStat | None:
        self._look("stat", path)
        if self._pseudo.covers(path):
            return self._pseudo.stat(path)
        return self._machine.tree.stat(path, follow=follow)

    def read(self, path: str, *, limit: int = 4 << 20) -> str | None:
        self._look("read", path)
        if self._pseudo.covers(path):
            return self._pseudo.read(path)
        return self._machine.tree.read(path, limit)

    def write(self, path: str, text: str, *, mode: int = 0o600) -> None:
        with self._machine.effect(f"write {_checked(path)}"):
            self._machine.tree.write(path, text, mode)

    def names(self, path: str) -> tuple[str, ...] | None:
        self._look("names", path)
        if self._pseudo.covers(path):
            return self._pseudo.names(path)
        return self._machine.tree.names(path)

    def make_dir(self, path: str, *, mode: int = 0o755) -> bool:
        with self._machine.effect(f"make_dir {_checked(path)}"):
            return self._machine.tree.make_dir(path, mode)

    def remove_dir(self, path: str) -> bool:
        with self._machine.effect(f"remove_dir {_checked(path)}"):
            return self._machine.tree.remove_dir(path)

    def remove(self, path: str) -> bool:
        with self._machine.effect(f"remove {_checked(path)}"):
            return self._machine.tree.remove(path)

    def resolve(self, path: str) -> str:
        self._look("resolve", path)
        return self._machine.tree.walk(path).path

    def has_group(self, name: str) -> bool:
        return name in self._machine.groups

    def group_of(self, gid: int) -> str:
        return next((name for name, number in self._machine.groups.items() if number == gid), str(gid))

    def has_user(self, name: str) -> bool:
        return name in self._machine.users

    def user_of(self, uid: int) -> str:
        return next((name for name, number in self._machine.users.items() if number == uid), str(uid))

    def account(self, user: str) -> Account | None:
        found = self._machine.accounts.get(user)
        return None if found is None else Account(user, *found)

    def _look(self, verb: str, path: str) -> None:
        self._machine.look(f"{verb} {_checked(path)}")
        if self._machine.silent and self._machine.tree.walk(path).mount.target in self._machine.silent:
            self._machine.pass_time(_PATIENCE)
            raise Transient(f"{path} does not answer within {_PATIENCE:g} s")


class FakeMounts:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def table(self) -> tuple[Mount, ...]:
        self._machine.look("mount table")
        return self._machine.tree.table()

    def signature(self, path: str) -> str:
        self._machine.look(f"signature {path}")
        inode = carrier_of(self._machine, path)
        if inode is None:
            raise NotFound(f"cannot read {path}: no such file or directory")
        if inode.image is not None:
            return inode.image.fstype
        return "" if not inode.text.startswith(SIGNATURE) else inode.text.removeprefix(SIGNATURE)

    def bare(self, path: str) -> bool:
        if self.signature(path):
            return False
        inode = carrier_of(self._machine, path)
        return inode is not None and not inode.text

    def claimed(self, path: str) -> bool:
        self._machine.look(f"claimed {path}")
        loop, inode = self._machine.tree.loops.get(path), self._machine.tree.find(path)
        if inode is None and loop is None:
            raise NotFound(f"cannot read {path}: no such file or directory")
        if inode is not None and inode.kind != "block":
            return False
        image = loop.inode.image if loop is not None else inode.image if inode is not None else None
        return path in self._machine.claimed or any(mount.fs is image for mount in self._machine.tree.mounts)

    def loops(self, path: str) -> tuple[str, ...]:
        self._machine.look(f"loops {path}")
        inode = self._machine.tree.find(path)
        return tuple(name for name, loop in self._machine.tree.loops.items() if loop.inode is inode)

    def device(self, tag: str) -> str:
        self._machine.look(f"device {tag}")
        found = sorted(path for path, tags in self._machine.tags.items() if tag in tags and self._machine.tree.find(path))
        if len(found) > 1:
            raise Conflict(f"{tag} is borne by several devices ({', '.join(found)}): write the path of the one that is meant")
        return found[0] if found else ""

    def silent(self, mounts: Mapping[str, tuple[Mount, float]]) -> frozenset[str]:
        found = self._machine.silent & frozenset(mounts)
        if found:
            self._machine.pass_time(max(mounts[point][1] for point in found))
        return found


class FakeNet:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def links(self) -> tuple[Link, ...]:
        self._machine.look("links")
        return self._machine.net.link_records(self._machine.ticks)

    def routes(self) -> tuple[Route, ...]:
        self._machine.look("routes")
        return self._machine.net.routes()

    def begin(self) -> Callable[[], frozenset[str]]:
        return self.rules

    def forwarding(self) -> bool:
        self._machine.look("forwarding")
        return self._machine.net.forwarding

    def rules(self) -> frozenset[str]:
        self._machine.look("rules")
        return self._machine.net.rules()

    def resolve(self, name: str) -> tuple[str, ...]:
        self._machine.look(f"resolve name {name}")
        if self._machine.net.no_names:
            raise Transient(f"cannot resolve {name}: the name service does not answer")
        turns = self._machine.net.turns.get(name)
        if turns:
            turns.append(turns.pop(0))
            return (turns[-1],)
        if name in self._machine.net.names:
            return self._machine.net.names[name]
        try:
            return (str(ip_address(name)),)
        except ValueError:
            return ()

    def announce(self, link: str, address: str) -> None:
        self._machine.look(f"announce {address} on {link}")
        if link not in self._machine.net.links:
            raise NotFound(f"cannot announce {address} on {link}: no such device")
        self._machine.net.announced.append((link, address))


class FakeClock:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def now(self) -> datetime:
        return self._machine.now()

    def monotonic(self) -> float:
        return self._machine.ticks

    def suspended(self) -> float:
        return self._machine.slept

    def sleep(self, seconds: float) -> None:
        self._machine.look(f"sleep {seconds:g}")
        if seconds > 0:
            self._machine.pass_time(seconds)


def _checked(path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise Permanent(f"cannot use {path!r}: not an absolute path")
    return path
