"""Record: everything that there is on the fake machine and in the state folder, as one flat table, and what undoing may leave.

Inode numbers and times of files, and the ids of mounts, are no part of it: nobody can give them back, and nobody relies on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.core.action import Action, Facet
from reconciler.core.outcome import Outcome, Status
from reconciler.engine.store import Store
from reconciler.resources.app.actions import AppAction
from reconciler.resources.container.action import ContainerAction
from reconciler.resources.container.actions import Remove
from reconciler.resources.directory.actions import MakeFolder
from reconciler.resources.dockerd.action import EngineAction
from reconciler.resources.dockerd.actions import ClearStale, MakeFolders
from reconciler.resources.dockerd.network_actions import RemoveRules
from reconciler.resources.fs.actions import EndHolders, Mount, Unmount
from reconciler.resources.fs.making_actions import MakeFile, MakeFilesystem
from reconciler.resources.ip.actions import Remove as RemoveAddress
from tests.crash.life import Lives
from tests.fakehost.docker import FakeContainer, FakeDaemon
from tests.fakehost.filesystem import Filesystem, Inode

Key = tuple[str, ...]
"""Topic, subject, part."""
Record = dict[Key, Any]

_RUN = ("State", "NetworkSettings", "HostnamePath", "HostsPath", "ResolvConfPath", "LogPath", "RestartCount")
_LIMITS = ("HostConfig.Memory", "HostConfig.MemorySwap", "HostConfig.NanoCpus")


def record(lives: Lives) -> Record:
    """The whole machine, and what the state folder says is wished and owned."""
    topics = (_files, _mounts, _network, _processes, _engines, _store)
    return {key: value for topic in topics for key, value in topic(lives)}


def differences(
    before: Record, after: Record, outcomes: Iterable[Outcome], of: Callable[[Key], bool] = lambda key: True
) -> list[str]:
    """What differs although no facet of a step that was undone (or failed, and was led back) lets it. of: the keys that count."""
    undone = [outcome.step.action for outcome in outcomes if outcome.status in (Status.UNDONE, Status.FAILED)]
    spared = [_RELEASES[facet](action) for action in undone for facet in sorted(action.facets, key=lambda facet: facet.name)]
    differ = ((key, before.get(key), after.get(key)) for key in sorted({*before, *after}) if of(key))
    return [
        f"{' '.join(key)}: {was!r} → {now!r}"
        for key, was, now in differ
        if was != now and not any(spares(key, was, now) for spares in spared)
    ]


# What there is


PLACES = {"/img/web.ext4": "/srv/web"}
"""Where the filesystem of a backing file belongs: its files are told apart from those that it hides, mounted or not."""


def _files(lives: Lives) -> Iterator[tuple[Key, Any]]:
    tree = lives.machine.tree
    todo: list[tuple[str, Filesystem]] = [("", tree.mounts[0].fs)]
    todo += [(mount.target, mount.fs) for mount in tree.mounts if mount.fs.fstype == "tmpfs"]
    while todo:
        place, fs = todo.pop()
        yield ("filesystem", place, "check"), fs.fsck
        for path, inode in _below("", fs.root):
            if inode.image is not None:
                todo.append((PLACES.get(path, path), inode.image))
            if path.rpartition("/")[0].rpartition("/")[0] != "/containers":
                yield ("file", place, path), (inode.kind, oct(inode.mode), inode.uid, inode.gid, inode.text, inode.target)


def _below(path: str, inode: Inode) -> Iterator[tuple[str, Inode]]:
    yield path or "/", inode
    for name, child in inode.children.items():
        yield from _below(f"{path}/{name}", child)


def _mounts(lives: Lives) -> Iterator[tuple[Key, Any]]:
    stacked: dict[str, int] = {}
    for mount in lives.machine.tree.table():
        n = stacked[mount.target] = stacked.get(mount.target, -1) + 1
        subject = ("mount", mount.target, str(n))
        yield (*subject, "what"), (mount.fstype, mount.root, mount.backing or mount.source, mount.options)
        yield (*subject, "device"), (mount.device, mount.source)
    for name, loop in lives.machine.tree.loops.items():
        yield ("loop", name), (loop.path, loop.protected)


def _network(lives: Lives) -> Iterator[tuple[Key, Any]]:
    net = lives.machine.net
    yield ("forwarding",), net.forwarding
    yield ("routes",), sorted(str(route) for route in net.routes())
    for link in net.link_records(lives.machine.ticks):
        yield ("link", link.name), (link.kind, link.up, net.links[link.name].promotes)
        yield ("addresses", link.name), tuple((*map(str, (one, one.label, one.scope)), *sorted(one.flags)) for one in link.assigned)
    for table, chains in net.chains.items():
        for chain, rules in chains.items():
            if rules or chain.startswith("OSVC"):
                yield ("rules", table, chain), tuple(rules)
    for (table, chain), policy in net.policies.items():
        yield ("policy", table, chain), policy


def _processes(lives: Lives) -> Iterator[tuple[Key, Any]]:
    """By whose they are: a container's are its command, its shim and its proxies."""
    owners: dict[int, str] = {}
    for daemon, container in _containers(lives):
        own = (container.process, container.shim, *container.proxies)
        owners |= {process.pid: f"of {daemon} {container.record['Name']}" for process in own if process is not None}
    subjects: dict[str, list[Any]] = {}
    for process in lives.machine.processes.values():
        subjects.setdefault(f"{owners.get(process.pid, 'own')} {' '.join(process.argv)}", []).append(process)
    for subject, processes in subjects.items():
        yield ("process", subject, "what"), sorted((process.exe, process.cgroup, process.cwd) for process in processes)
        yield ("process", subject, "pids"), sorted((process.pid, process.started) for process in processes)


def _containers(lives: Lives) -> Iterator[tuple[str, FakeContainer]]:
    for ident, data in lives.machine.docker._datas.items():
        for container in data.containers.values():
            yield ident, container


def _engines(lives: Lives) -> Iterator[tuple[Key, Any]]:
    for ident, data in lives.machine.docker._datas.items():
        for ref, image in data.tags.items():
            yield ("image", ident, ref), image
        yield from ((("image", ident, image), True) for image in data.images)
    for ident, container in _containers(lives):
        subject = ("container", ident, container.record["Name"].removeprefix("/"))
        yield (*subject, "output"), container.output
        for path, value in _flat(container.record, ""):
            yield (*subject, path), value
    for daemon in lives.machine.docker.daemons:
        assert isinstance(daemon, FakeDaemon)
        what = (daemon.exec_root, daemon.containerd, daemon.bridge, daemon.live_restore, daemon.child is not None)
        yield ("engine", daemon.root), what


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """HostConfig.Memory: 0, … A list is a value; what is null, empty or false is as good as absent."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else str(name))
    elif value:
        yield path, value


def _store(lives: Lives) -> Iterator[tuple[Key, Any]]:
    if not lives.folder.joinpath("osvc.db").exists():
        return
    store = Store.open(str(lives.folder), write=False)
    try:
        for name in store.owners():
            yield ("goal", name), store.goal(name)
            for rid, owned in store.ownership(name).owned.items():
                yield ("owned", name, rid), replace(owned, remembered=None)
    finally:
        store.close()


# What undoing may leave

Spares = Callable[[Key, Any, Any], bool]


def _lies(key: Key, *paths: str) -> bool:
    """Whether it is one of these files, or lies in one of these folders."""
    path = key[1] + key[2] if key[0] == "file" else ""
    return any(path == one or path.startswith(f"{one}/") for one in paths)


def _image(action: Action) -> Spares:
    return lambda key, was, now: key[0] == "image"


def _volume(action: Action) -> Spares:
    return lambda key, was, now: key[0] == "file" and "/volumes/" in key[2]


def _run(action: Action) -> Spares:
    if isinstance(action, AppAction):
        return lambda key, was, now: key[0] == "process" and key[2] == "pids"
    if isinstance(action, ContainerAction):
        name = getattr(action, "name", action.home)
        return lambda key, was, now: (
            (key[0] == "container" and key[2] == name and (key[3].startswith(_RUN) or key[3] == "HostConfig.Runtime"))
            or (key[0] == "process" and f"/{name} " in key[1] and key[2] == "pids")
        )
    assert isinstance(action, EngineAction)
    want = action.want
    return lambda key, was, now: (
        (key[0] == "process" and key[2] == "pids" and (f"{want.folder}/" in key[1] or "docker-proxy" in key[1]))
        or _lies(key, want.pid_file, want.loaded_file)
    )


def _output(action: Action) -> Spares:
    if isinstance(action, AppAction):
        return lambda key, was, now: _lies(key, action.want.log, action.want.record)
    if isinstance(action, ContainerAction):
        name = getattr(action, "name", action.home)
        return lambda key, was, now: key[0] == "container" and key[2:] == (name, "output")
    assert isinstance(action, EngineAction)
    want = action.want
    return lambda key, was, now: (
        _lies(key, want.log, want.containerd_log) or (_lies(key, want.data_root) and key[1:] != ("", want.data_root))
    )


def _leftovers(action: Action) -> Spares:
    if isinstance(action, AppAction):
        return lambda key, was, now: _lies(key, action.want.folder) or key[:1] == ("cgroup",)
    if isinstance(action, Remove):
        return lambda key, was, now: key[0] == "container" and key[2] == action.name
    if isinstance(action, RemoveRules):
        return lambda key, was, now: key[0] == "rules"
    assert isinstance(action, ClearStale), action
    return lambda key, was, now: _lies(key, *action.files) or (key[0] == "mount" and key[1] in action.mounts)


def _limit(action: Action) -> Spares:
    name = getattr(action, "name", "")
    return lambda key, was, now: key[0] == "container" and key[2] == name and key[3] in _LIMITS and not was


def _filesystem(action: Action) -> Spares:
    return lambda key, was, now: key[0] == "filesystem" and key[1] == getattr(action, "mnt", "")


def _device(action: Action) -> Spares:
    assert isinstance(action, (Mount, Unmount))
    return lambda key, was, now: key[0] == "loop" or (key[0] == "mount" and key[1] == action.mnt and key[3] == "device")


def _content(action: Action) -> Spares:
    assert isinstance(action, Unmount)
    return lambda key, was, now: key[0] == "file" and action.type == "tmpfs" and key[1] == action.mnt


def _folder(action: Action) -> Spares:
    assert isinstance(action, (MakeFolders, MakeFolder)), action
    paths = [action.path] if isinstance(action, MakeFolder) else [path for path, _ in action.folders()]
    return lambda key, was, now: key[0] == "file" and key[1] + key[2] in paths


def _ended(action: Action) -> Spares:
    assert isinstance(action, EndHolders)
    return lambda key, was, now: key[0] == "process"


def _made(action: Action) -> Spares:
    assert isinstance(action, (MakeFile, MakeFilesystem))
    path = action.path if isinstance(action, MakeFile) else action.device
    return lambda key, was, now: _lies(key, path) or key[0] == "filesystem"


def _marker(action: Action) -> Spares:
    assert isinstance(action, EngineAction)
    return lambda key, was, now: _lies(key, action.want.marker)


def _halfway(action: Action) -> Spares:
    return lambda key, was, now: False


def _turn(action: Action) -> Spares:
    assert isinstance(action, RemoveAddress)
    return lambda key, was, now: key == ("addresses", action.state.dev) and _unordered(was) == _unordered(now)


def _unordered(addresses: Any) -> list[Any]:
    return sorted(tuple(word for word in one if word != "secondary") for one in addresses)


def _link(action: Action) -> Spares:
    return lambda key, was, now: False


_RELEASES: Mapping[Facet, Callable[[Action], Spares]] = {
    Facet.IMAGE: _image,
    Facet.VOLUME: _volume,
    Facet.RUN: _run,
    Facet.OUTPUT: _output,
    Facet.ENDED: _ended,
    Facet.MADE: _made,
    Facet.LEFTOVERS: _leftovers,
    Facet.LIMIT: _limit,
    Facet.FILESYSTEM: _filesystem,
    Facet.DEVICE: _device,
    Facet.CONTENT: _content,
    Facet.FOLDER: _folder,
    Facet.MARKER: _marker,
    Facet.HALFWAY: _halfway,
    Facet.TURN: _turn,
    Facet.LINK: _link,
}
