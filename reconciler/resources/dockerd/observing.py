"""How engines are seen: one look at the machine for all of them, then each engine's own socket and files."""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from reconciler.core.facts import holds_path
from reconciler.core.lazy import dataclass
from reconciler.core.node import SYSTEM_SOCKET
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.core.tags import RID, SERVICE
from reconciler.host.errors import HostError, NotFound
from reconciler.host.ports import Host, Link, Mount, Process, Route
from reconciler.resources import firewall
from reconciler.resources.daemon import PATH
from reconciler.resources.dockerd import network, options
from reconciler.resources.dockerd.model import MARKER, SYSTEM_ROOT, Around, Desired, State
from reconciler.resources.driver import Wanted

PROGRAMS = ("dockerd", "containerd", "docker-proxy", "runc", "ip", "iptables", "sysctl")
DAEMON_JSON = "/etc/docker/daemon.json"
SYSTEM_CONTAINERD = "/run/containerd/containerd.sock"

_OWNER = re.compile(r"\d+\.\d+")
_BARE = frozenset({"lost+found", MARKER})


@dataclass(frozen=True, slots=True)
class Machine:
    """What is the same for all engines."""

    mounts: tuple[Mount, ...]
    processes: tuple[Process, ...]
    links: tuple[Link, ...]
    routes: tuple[Route, ...]
    rules: frozenset[str]
    forwarding: bool
    missing: tuple[str, ...]
    daemon_json: bool
    system_containerd: bool


def look_at_machine(host: Host) -> Machine:
    """Raises HostError."""
    there = {
        program for program in PROGRAMS if any(host.files.stat(f"{folder}/{program}") is not None for folder in PATH.split(":"))
    }
    return Machine(
        mounts=host.mounts.table(),
        processes=host.processes.all(),
        links=host.net.links(),
        routes=host.net.routes(),
        rules=host.net.rules(),
        forwarding=host.net.forwarding(),
        missing=tuple(program for program in PROGRAMS if program not in there),
        daemon_json=host.files.stat(DAEMON_JSON) is not None,
        system_containerd=host.files.stat(SYSTEM_CONTAINERD) is not None,
    )


def see_system(host: Host) -> Observed:
    """The system's engine: up when it answers; absent when nobody listens."""
    try:
        host.docker.engine(SYSTEM_SOCKET).ping()
    except HostError as error:
        try:
            if host.files.stat(SYSTEM_SOCKET) is not None and host.processes.peer(SYSTEM_SOCKET) is not None:
                return Unknown(f"the system's Docker engine does not answer: {error}")
        except HostError:
            pass
        return Absent(Around())
    return Present(State(running=True, answers=True), Around())


def see(wanted: Wanted, engine: Desired, machine: Machine, host: Host) -> Observed:
    """One private engine. Raises HostError."""
    daemon, peer = find_daemon(engine, machine.processes, host)
    around = _around(wanted, engine, machine, host)
    if daemon is None and peer is not None:
        who = f"pid {peer.pid} {' '.join(peer.argv[:1])}".strip()
        around = around.model_copy(update={"foreign": f"{who} on {told(peer, '--data-root') or 'a data root of its own'}"})
    rival = None if daemon else next((one for one in machine.processes if _works_on(one, engine, host)), None)
    if rival is not None:
        around = around.model_copy(update={"rival": f"pid {rival.pid} {rival.argv[0]}"})
    answers = False
    strays: tuple[str, ...] = ()
    if daemon is not None and peer is not None:
        try:
            host.docker.engine(engine.socket).ping()
            strays = find_strays(engine, host)
            answers = True
        except HostError as error:
            return Unknown(f"pid {daemon.pid} dockerd listens on {engine.socket}, but does not answer: {error}")
    state = _state(engine, machine, host, daemon)
    if not state.running:
        strays = find_dead_strays(engine, state.shims, host)
    state = state.model_copy(update={"answers": answers, "strays": strays})
    if answers and state.data_root_in_place and around.marker:
        root = state.container_data_dir or engine.data_root
        update = {"known_marker": around.marker, "known_data_root": root, "known_mount": around.mount}
        update |= {"known_subnet": state.subnet} if state.subnet else {}
        around = around.model_copy(update=update)
    seen: Present[State, Around] | Absent[Around] = Present(state, around) if state.leftovers else Absent(around)
    gone = wanted.desired is None and not state.shims  # It only goes down, and that takes nothing of its data root.
    return seen if state.running or gone else _unmounted(seen, engine)


def _unmounted(seen: Present[State, Around] | Absent[Around], engine: Desired) -> Observed:
    """A data root whose filesystem is not mounted is not seen; it is expected to be as it was once the filesystem is there.
    Where nothing mounts it, these expectations are never acted on."""
    around = seen.around
    away = around.known_mount not in ("", around.mount) and around.known_data_root == engine.data_root
    if not away or around.marker == around.known_marker:
        return seen
    expected = around.model_copy(update={"marker": around.known_marker, "data_root": "used", "mount": around.known_mount})
    assumed = Present(seen.state, expected) if isinstance(seen, Present) else Absent(expected)
    basis = f"remembered: the data root on {around.known_mount}"
    return Unknown(f"{around.known_mount} is not mounted", assume=assumed, basis=basis)


def find_daemon(engine: Desired, processes: Sequence[Process], host: Host) -> tuple[Process | None, Process | None]:
    """The engine's own daemon, and who listens on its socket. The daemon is known by its exec-root and config file, which
    nobody else uses; a pid file is no evidence."""
    peer = host.processes.peer(engine.socket) if host.files.stat(engine.socket) is not None else None
    if peer is not None and is_daemon(peer, engine):
        return peer, peer
    return next((process for process in processes if is_daemon(process, engine) and is_here(process, host)), None), peer


def is_daemon(process: Process, engine: Desired) -> bool:
    return (
        is_dockerd(process)
        and told(process, "--exec-root") == engine.exec_root
        and told(process, "--config-file") == engine.config_file
    )


def is_dockerd(process: Process) -> bool:
    return bool(process.argv) and process.argv[0].rpartition("/")[2] == "dockerd"


def _works_on(process: Process, engine: Desired, host: Host) -> bool:
    """Whether an engine that is not this one has its data root."""
    if not is_dockerd(process) or is_daemon(process, engine):
        return False
    root = told(process, "--data-root") or told(process, "--graph") or SYSTEM_ROOT
    return host.files.resolve(root) == host.files.resolve(engine.data_root) and is_here(process, host)


def is_here(process: Process, host: Host) -> bool:
    """Whether a process has the machine's own root. The same command line in a container or a chroot is another engine, on other
    files, and none of ours. One that cannot be looked at counts as here."""
    try:
        theirs = host.processes.stat_in(process, "/")
    except NotFound:
        return False
    except HostError:
        return True
    ours = host.files.stat("/")
    return theirs is None or ours is None or (theirs.device, theirs.inode) == (ours.device, ours.inode)


def told(process: Process, option: str) -> str | None:
    return options.value_of(process.argv[1:], option)


def find_containerd(engine: Desired, processes: Sequence[Process], host: Host) -> Process | None:
    return next(
        (
            process
            for process in processes
            if process.argv
            and process.argv[0].rpartition("/")[2] == "containerd"
            and process.argv[1:] == engine.containerd_argv()[1:]
            and is_here(process, host)
        ),
        None,
    )


def find_shims(engine: Desired, processes: Sequence[Process], host: Host) -> dict[str, Process]:
    """Container id -> its shim, of the containers of this engine that live, with or without it."""
    found: dict[str, Process] = {}
    for process in processes:
        if process.argv and process.argv[0].rpartition("/")[2].startswith("containerd-shim"):
            words = dict(zip(process.argv[1:], process.argv[2:], strict=False))
            if words.get("-address") == engine.containerd_socket and is_here(process, host):
                found[words.get("-id", str(process.pid))] = process
    return found


def find_strays(engine: Desired, host: Host) -> tuple[str, ...]:
    """Names of the running containers that no resource of the service stands for."""
    return tuple(
        sorted(
            name_of(record)
            for record in host.docker.engine(engine.socket).containers()
            if record.get("State") in ("running", "paused", "restarting") and not is_own(record, engine)
        )
    )


def find_dead_strays(engine: Desired, shims: Sequence[str], host: Host) -> tuple[str, ...]:
    """The same of an engine that does not run: what lives of it, as its data root tells."""
    names: list[str] = []
    for container in shims:
        stored = read_json(f"{engine.data_root}/containers/{container}/config.v2.json", host) or {}
        record = {
            "Id": container,
            "Names": [stored.get("Name") or container[:12]],
            "Labels": (stored.get("Config") or {}).get("Labels"),
        }
        if stored and not is_own(record, engine):
            names.append(name_of(record))
    return tuple(sorted(names))


def is_own(record: dict[str, Any], engine: Desired) -> bool:
    labels = record.get("Labels") or {}
    return labels.get(SERVICE) == engine.service and bool(labels.get(RID))


def name_of(record: dict[str, Any]) -> str:
    names = record.get("Names") or [record.get("Id", "")[:12]]
    return str(names[0]).removeprefix("/")


def find_leftovers(engine: Desired, mounts: Sequence[Mount]) -> tuple[str, ...]:
    """Mounts that an engine may leave behind when it ends, innermost first: what lies below its exec-root, the containers'
    filesystems, and the data root bound to itself. A filesystem that somebody mounted in the data root is none of them."""
    root = re.escape(engine.data_root)
    own = re.compile(
        rf"{re.escape(engine.exec_root)}/.+|{root}/(overlay2|vfs|btrfs|zfs|aufs)/[^/]+/merged|{root}/containers/[^/]+/mounts/.+"
    )
    by_id = {mount.id: mount for mount in mounts}
    found = [mount.target for mount in mounts if own.fullmatch(mount.target) or _self_bind(mount, engine, by_id)]
    return tuple(sorted(found, key=lambda path: (-path.count("/"), path)))


def _self_bind(mount: Mount, engine: Desired, by_id: dict[int, Mount]) -> bool:
    below = by_id.get(mount.parent)
    if mount.target != engine.data_root or below is None or below.device != mount.device:
        return False
    inside = mount.target.removeprefix(below.target.rstrip("/"))
    return bool(mount.root == (below.root.rstrip("/") + inside) or (below.target == mount.target and below.root == mount.root))


def read_marker(engine: Desired, host: Host) -> str:
    text = host.files.read(engine.marker, limit=4096)
    return (text or "").partition("\n")[0].strip()


def read_json(path: str, host: Host) -> dict[str, Any] | None:
    try:
        text = host.files.read(path)
        found = json.loads(text) if text is not None else None
    except (ValueError, HostError):
        return None
    return found if isinstance(found, dict) else None


def _state(engine: Desired, machine: Machine, host: Host, daemon: Process | None) -> State:
    shims = tuple(sorted(find_shims(engine, machine.processes, host)))
    link = next((link for link in machine.links if link.name == engine.bridge), None)
    shares = [network.share_of(address, engine.subnet_pool) for address in link.addresses] if link else []
    files = tuple(path for path in engine.files() if host.files.stat(path, follow=False) is not None)
    folders = host.files.stat(engine.exec_root) is not None
    inner = {rule: digits for rule in machine.rules if (digits := firewall.inner(rule, engine.chain))}
    bridges = {f"{firewall.BRIDGE}{digits}" for digits in inner.values()}
    disk = read_json(engine.config_file, host)
    folder, socket = (_access(path, host) for path in (engine.folder, engine.socket))
    containerd = find_containerd(engine, machine.processes, host)
    state = State(
        private=True,
        folder_group=folder.group,
        folder_mode=folder.mode,
        containerd=containerd is not None,
        containerd_pid=containerd.pid if containerd is not None else 0,
        containerd_started=containerd.started if containerd is not None else 0,
        subnet=next((share for share in shares if share), ""),
        bridge_there=link is not None,
        bridge_up=link is not None and link.up,
        rules=tuple(sorted(rule for rule in machine.rules if firewall.ours(rule, engine.chain))),
        inner_rules=firewall.in_order(inner),
        inner_bridges=tuple(sorted(link.name for link in machine.links if link.name in bridges)),
        forwarding=machine.forwarding,
        disk=disk,
        folders=folders,
        files=files,
        stale=() if daemon is not None else tuple(path for path in (engine.socket, engine.pid_file) if path in files),
        mounts=find_leftovers(engine, machine.mounts),
        shims=shims,
        cgroups=tuple(name for name in engine.cgroups() if host.processes.has_cgroup(name)),
    )
    if daemon is None:
        return state
    root = told(daemon, "--data-root") or engine.data_root
    record = read_json(engine.loaded_file, host) or {}
    same = record.get("pid") == daemon.pid and record.get("started") == daemon.started
    config = record.get("config") if same and isinstance(record.get("config"), dict) else disk or {}
    assert isinstance(config, dict)
    here, there = host.files.stat(root), host.processes.stat_in(daemon, root)
    places = {None if stat is None else (stat.device, stat.inode) for stat in (here, there)}
    if same:
        places.add((record.get("device"), record.get("inode")))  # type: ignore[arg-type]
    given = engine.model_copy(update={"container_data_dir": root, "docker_daemon_args": ()})
    ours = (*given.own_words(), *given.model_copy(update={"systemd": False}).own_words())
    return state.model_copy(
        update={
            "running": True,
            "pid": daemon.pid,
            "started": daemon.started,
            "container_data_dir": root,
            "docker_daemon_args": options.users_own(daemon.argv, ours),
            "docker_socket_group": socket.group,
            "socket_mode": socket.mode,
            "settings": {key: value for key, value in config.items() if key in options.RELOADED},
            "boot_settings": {key: value for key, value in config.items() if key not in options.RELOADED},
            "loaded": same and config == disk,
            "data_root_in_place": len(places) == 1 and None not in places,
        }
    )


class _Access(NamedTuple):
    group: str = ""
    mode: str = ""


def _access(path: str, host: Host) -> _Access:
    """Whom a path of osvc's own lets in."""
    found = host.files.stat(path, follow=False)
    return _Access() if found is None else _Access(host.files.group_of(found.gid), f"{found.mode:04o}")


def _mount_of(engine: Desired, mounts: Sequence[Mount]) -> str:
    by_id = {mount.id: mount for mount in mounts}
    targets = [
        mount.target for mount in mounts if not _self_bind(mount, engine, by_id) and holds_path(mount.target, engine.data_root)
    ]
    return max(targets, key=len, default="")


def _around(wanted: Wanted, engine: Desired, machine: Machine, host: Host) -> Around:
    names = host.files.names(engine.data_root)
    before = wanted.owned.remembered.around if wanted.owned and wanted.owned.remembered else None
    known = before if isinstance(before, Around) else Around()
    images = host.files.names(f"{engine.data_root}/image") or () if names else ()
    subnets = [route.destination for route in machine.routes if route.device != engine.bridge and route.destination != "default"]
    addresses = [address for link in machine.links if link.name != engine.bridge for address in link.addresses]
    return Around(
        taken=tuple(sorted({text for text in [*subnets, *addresses] if ":" not in text})),
        data_root="missing" if names is None else "used" if set(names) - _BARE else "empty",
        storage=tuple(sorted({*images, *(name for name in names or () if _OWNER.fullmatch(name))})),
        marker=read_marker(engine, host),
        known_marker=known.known_marker,
        known_data_root=known.known_data_root,
        known_subnet=known.known_subnet,
        mount=_mount_of(engine, machine.mounts),
        known_mount=known.known_mount,
        missing=machine.missing,
        no_group="" if host.files.has_group(engine.docker_socket_group) else engine.docker_socket_group,
        forwarding=machine.forwarding,
        was_forwarding=(host.files.read(f"{engine.run_dir}/forwarding") or "1").strip() != "0",
        daemon_json=machine.daemon_json,
        system_containerd=machine.system_containerd,
    )
