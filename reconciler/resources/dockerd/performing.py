"""How each action on an engine is done. An action whose effect is already there is done."""

import json
import signal
from collections.abc import Callable, Mapping
from posixpath import basename
from typing import Any
from uuid import uuid4

from reconciler.host.errors import Busy, Conflict, HostError, NotFound, Permanent, Transient
from reconciler.host.ports import Host, Process
from reconciler.resources import daemon_host, firewall_host
from reconciler.resources.daemon import PATH
from reconciler.resources.dockerd import actions as acts
from reconciler.resources.dockerd import network
from reconciler.resources.dockerd import network_actions as nets
from reconciler.resources.dockerd.action import EngineAction
from reconciler.resources.dockerd.model import Desired
from reconciler.resources.dockerd.observing import (
    find_containerd,
    find_daemon,
    find_leftovers,
    find_shims,
    is_dockerd,
    is_own,
    name_of,
    read_json,
    read_marker,
)

START = 60.0
"""Seconds that a daemon has to answer after its start."""
STOP = 60.0
RECONNECT = 30.0
"""Seconds that a daemon has to find its containerd again."""
SHIMS = 10.0
"""Seconds that the shims of stopped containers have to end."""
GRACE = 10
"""Seconds between TERM and KILL for a container that nobody else stops."""
_PAUSE = 0.05
_LEAST = 0.005
"""Seconds between two looks for a daemon that begins: a twentieth of what it has taken so far, but no less than this."""
_SHARED = ("/run/containerd/s", "/run/containerd", "/run/docker/plugins", "/run/docker")
"""Folders that every engine makes, whatever it is told; removed when empty."""

Say = Callable[[str], None]


def make_folders(action: acts.MakeFolders, host: Host, say: Say) -> None:
    for path, mode in action.folders():
        host.files.make_dir(path, mode=mode)


def clear_stale(action: acts.ClearStale, host: Host, say: Say) -> None:
    want, processes = action.want, host.processes.all()
    daemon, peer = find_daemon(want, processes, host)
    if daemon is not None or peer is not None:
        raise Conflict(f"pid {(daemon or peer or processes[0]).pid} has come to {want.socket} since it was looked at")
    if not find_shims(want, processes, host):
        for target in find_leftovers(want, host.mounts.table()):
            host.commands.run(("umount", target))
    for path in action.files:
        host.files.remove(path)


def share(action: acts.Share, host: Host, say: Say) -> None:
    for words in action.commands():
        host.commands.run(words)


def mark(action: acts.Mark, host: Host, say: Say) -> None:
    if not read_marker(action.want, host):
        host.files.write(action.want.marker, f"{uuid4()}\n{action.want.service}\n")


def write_config(action: acts.WriteConfig, host: Host, say: Say) -> None:
    """The engine's own file last: that it is there says that both are."""
    host.files.write(action.want.containerd_config, action.want.containerd_text())
    host.files.write(action.want.config_file, action.want.config_text())


def make_bridge(action: nets.MakeBridge, host: Host, say: Say) -> None:
    want = action.want
    for link in host.net.links():
        if link.name != want.bridge and not network.is_free(network.bridge_net(want.subnet), link.addresses):
            raise Conflict(f"the subnet {want.subnet} has been taken by {link.name} since it was chosen")
    for words in action.commands():
        own = next((link for link in host.net.links() if link.name == want.bridge), None)
        there = {
            "add": own is not None if words[1] == "link" else own is not None and network.gateway(want.subnet) in own.addresses,
            "set": own is not None and own.up,
        }
        if not there[words[2]]:
            host.commands.run(words)


def add_rules(action: nets.AddRules, host: Host, say: Say) -> None:
    firewall_host.add((*action.want.rules, *action.inner), (*action.missing, *action.inner), host)


def forward(action: nets.Forward, host: Host, say: Say) -> None:
    if not host.net.forwarding():
        host.files.write(_memory(action.want), "0\n")
        host.commands.run(("sysctl", "-w", "net.ipv4.ip_forward=1"))


def start_containerd(action: acts.StartContainerd, host: Host, say: Say) -> None:
    want = action.want
    if find_containerd(want, host.processes.all(), host) is not None:
        return
    daemon_host.rotate(want.containerd_log, host)
    started = host.processes.spawn(
        want.containerd_argv(), log=want.containerd_log, env={"PATH": PATH}, cgroup=want.cgroup, generous=True
    )
    _wait(lambda: host.processes.peer(want.containerd_socket) is not None, started, want.containerd_log, "containerd", host)
    if find_daemon(want, host.processes.all(), host)[1] is not None:
        _reconnected(want, host)


def start_daemon(action: acts.StartDaemon, host: Host, say: Say) -> None:
    want = action.want
    if action.marker and action.marker != "new" and read_marker(want, host) != action.marker:
        raise Permanent(f"{want.data_root} does not have the marker of this engine: lost its filesystem?")
    daemon, peer = find_daemon(want, host.processes.all(), host)
    if daemon is None and peer is not None:
        raise Conflict(f"pid {peer.pid} answers on {want.socket}, and is not this engine")
    if daemon is None:
        for path in (want.socket, want.pid_file):
            host.files.remove(path)
        place = host.files.stat(want.data_root)
        daemon_host.rotate(want.log, host)
        daemon = host.processes.spawn(want.argv(), log=want.log, env={"PATH": PATH}, cgroup=want.cgroup, generous=True)
        record = {"pid": daemon.pid, "started": daemon.started, "config": want.config()}
        if place is not None:
            record |= {"device": place.device, "inode": place.inode}
        host.files.write(want.loaded_file, json.dumps(record))
    say("waiting for the engine to answer")

    def answers() -> bool:
        try:
            host.docker.engine(want.socket).ping()
        except HostError:
            return False
        return True

    _wait(answers, daemon, want.log, "dockerd", host)


def reload(action: acts.Reload, host: Host, say: Say) -> None:
    want = action.want
    daemon, _ = find_daemon(want, host.processes.all(), host)
    if daemon is None:
        raise NotFound("the engine does not run")
    if not host.processes.signal(daemon, signal.SIGHUP):
        raise Transient("the engine ended just now")
    record = read_json(want.loaded_file, host) or {}
    place = host.processes.stat_in(daemon, want.data_root)
    if record.get("pid") != daemon.pid or record.get("started") != daemon.started:
        record = {"device": place.device if place else 0, "inode": place.inode if place else 0}
    boot = {key: value for key, value in (record.get("config") or want.config()).items() if key not in want.settings}
    boot = {key: value for key, value in boot.items() if key in want.boot_settings}
    record |= {"pid": daemon.pid, "started": daemon.started, "config": {**boot, **want.settings}}
    host.files.write(want.loaded_file, json.dumps(record))


def stop_containers(action: acts.StopContainers, host: Host, say: Say) -> None:
    engine = host.docker.engine(action.want.socket)
    for record in engine.containers():
        if name_of(record) in action.names and record.get("State") != "exited":
            say(f"stopping {name_of(record)}")
            engine.stop(str(record["Id"]), GRACE)


def stop_daemon(action: acts.StopDaemon, host: Host, say: Say) -> None:
    want = action.want
    daemon, peer = find_daemon(want, host.processes.all(), host)
    if daemon is None:
        return
    if action.keeps is None:
        if peer is not None:
            _stop_own(want, host)
        _shims_gone(want, host)
    host.processes.signal(daemon, signal.SIGTERM)
    if not host.processes.wait_gone(daemon, STOP):
        raise Busy(f"pid {daemon.pid} dockerd did not end within {STOP:g} s", daemon_host.tail(want.log, host))
    host.files.remove(want.pid_file)
    host.files.remove(want.socket)


def stop_containerd(action: acts.StopContainerd, host: Host, say: Say) -> None:
    want, processes = action.want, host.processes.all()
    found = find_containerd(want, processes, host)
    if found is None:
        return
    if find_daemon(want, processes, host)[0] is not None:
        raise Conflict("its dockerd still runs")
    host.processes.signal(found, signal.SIGTERM)
    if not host.processes.wait_gone(found, STOP):
        raise Busy(f"pid {found.pid} containerd did not end within {STOP:g} s", daemon_host.tail(want.containerd_log, host))


def remove_rules(action: nets.RemoveRules, host: Host, say: Say) -> None:
    firewall_host.take(action.found, host)


def remove_bridge(action: nets.RemoveBridge, host: Host, say: Say) -> None:
    there = {link.name for link in host.net.links()}
    for name, words in zip(action.names, action.commands(), strict=True):
        if name in there:
            host.commands.run(words)


def unforward(action: nets.Unforward, host: Host, say: Say) -> None:
    """Other private engines need forwarding, and so does an engine of the system, which shares the setting with us."""
    want = action.want
    memory = _memory(want)
    if (host.files.read(memory) or "1").strip() != "0":
        return
    if any(link.name.startswith("osvc-") and link.name != want.bridge for link in host.net.links()):
        return
    if not any(_shares_network(process, host) for process in host.processes.all() if is_dockerd(process)):
        host.commands.run(("sysctl", "-w", "net.ipv4.ip_forward=0"))
    host.files.remove(memory)


def remove_folders(action: acts.RemoveFolders, host: Host, say: Say) -> None:
    want, processes = action.want, host.processes.all()
    if find_daemon(want, processes, host)[0] is not None or find_containerd(want, processes, host) is not None:
        raise Conflict("the engine has come up again")
    if find_shims(want, processes, host):
        raise Busy("containers of the engine still live")
    if find_leftovers(want, host.mounts.table()):
        raise Busy(f"something is still mounted below {want.exec_root}")
    for path in want.files():
        host.files.remove(path)
    for name in want.cgroups():
        if host.processes.has_cgroup(name):
            host.processes.drop_cgroup(name)
    # The exec-root goes last, and with it the folder that holds nothing else: as long as it is there, something is left to do.
    alone = set(host.files.names(want.folder) or ()) <= {basename(want.exec_root)}
    top = want.folder if alone else want.exec_root
    if host.files.stat(top) is not None:
        host.commands.run(("rm", "-rf", "--one-file-system", "--", top))
    host.files.remove_dir(want.run_dir)
    if not any(is_dockerd(process) for process in processes):
        for path in _SHARED:
            host.files.remove_dir(path)


def _shares_network(process: Process, host: Host) -> bool:
    """Whether a process is in our network namespace. One that cannot be seen may be."""
    theirs, ours = (host.files.stat(f"/proc/{who}/ns/net") for who in (str(process.pid), "thread-self"))
    return theirs is None or ours is None or (theirs.device, theirs.inode) == (ours.device, ours.inode)


def _memory(want: Desired) -> str:
    return f"{want.run_dir}/forwarding"


def _stop_own(want: Desired, host: Host) -> None:
    """The service's own containers that no step stopped (their resource is forgotten) are stopped; others are somebody's."""
    engine = host.docker.engine(want.socket)
    running = [record for record in engine.containers() if record.get("State") in ("running", "paused", "restarting")]
    others = sorted(name_of(record) for record in running if not is_own(record, want))
    if others:
        raise Busy(f"containers still run that were not in the plan: {', '.join(others)}")
    for record in running:
        engine.stop(str(record["Id"]), GRACE)


def _shims_gone(want: Desired, host: Host) -> None:
    end = host.clock.monotonic() + SHIMS
    while shims := find_shims(want, host.processes.all(), host):
        if host.clock.monotonic() > end:
            raise Busy(f"containers still live: {', '.join(sorted(name[:12] for name in shims))}")
        host.clock.sleep(_PAUSE)


def _wait(ready: Callable[[], bool], process: Process, log: str, name: str, host: Host) -> None:
    end = host.clock.monotonic() + START
    while not ready():
        if host.processes.wait_gone(process, 0.0):
            if ready():
                return
            tail = daemon_host.tail(log, host)
            raise Permanent(f"{name} ended right after its start: {tail.rpartition(chr(10))[2] or 'it said nothing'}", tail)
        now = host.clock.monotonic()
        if now > end:
            raise Transient(f"{name} (pid {process.pid}) does not answer after {START:g} s", daemon_host.tail(log, host))
        host.clock.sleep(min(_PAUSE, max(_LEAST, (now + START - end) / 20)))


def _reconnected(want: Desired, host: Host) -> None:
    """A daemon that lost its containerd tries again by itself, a moment later; its info names containerd's revision when it has."""
    end = host.clock.monotonic() + RECONNECT
    while host.clock.monotonic() < end:
        try:
            found = host.docker.engine(want.socket).info().get("ContainerdCommit") or {}
        except Transient:
            found = {"ID": "N/A"}
        if found.get("ID") != "N/A":
            return
        host.clock.sleep(_PAUSE)
    raise Transient(f"the engine has not found its containerd again after {RECONNECT:g} s")


_PERFORM: Mapping[type[EngineAction], Callable[[Any, Host, Say], None]] = {
    acts.MakeFolders: make_folders,
    acts.ClearStale: clear_stale,
    acts.Share: share,
    acts.Mark: mark,
    acts.WriteConfig: write_config,
    nets.MakeBridge: make_bridge,
    nets.AddRules: add_rules,
    nets.Forward: forward,
    acts.StartContainerd: start_containerd,
    acts.StartDaemon: start_daemon,
    acts.Reload: reload,
    acts.StopContainers: stop_containers,
    acts.StopDaemon: stop_daemon,
    acts.StopContainerd: stop_containerd,
    nets.RemoveRules: remove_rules,
    nets.RemoveBridge: remove_bridge,
    nets.Unforward: unforward,
    acts.RemoveFolders: remove_folders,
}


def perform(action: Any, host: Host, say: Say) -> None:
    """Do one action on an engine. Raises HostError."""
    do = _PERFORM.get(type(action))
    if do is None:
        raise Permanent(f"no such action on an engine: {getattr(action, 'op', action)!r}")
    do(action, host, say)
