"""Holders: who has a device or backing file mounted, and which loop devices stand on what. Looked up only when it matters."""

from reconciler.core.facts import holds_path
from reconciler.host.errors import HostError
from reconciler.host.ports import Host, Mount


def loops_on(mount: Mount, host: Host) -> tuple[str, ...]:
    """The loop devices on files of this mount ("/dev/loop3 on /srv/m/x.img")."""
    found = _loops(host).items()
    return tuple(f"/dev/{loop} on {backing}" for loop, backing in found if holds_path(mount.target, backing))


def mounters(dev: str, host: Host) -> tuple[str, ...]:
    """Who has a device, or what a backing file carries, mounted: in the mount table of any process."""
    stat = host.files.stat(dev)
    if stat is None:
        return ()
    numbers = {stat.number} if stat.kind == "block" else set()
    numbers |= {_read(f"/sys/class/block/{loop.removeprefix('/dev/')}/dev", host).strip() for loop in host.mounts.loops(dev)}
    numbers.discard("")
    if not numbers:
        return ()
    found: list[str] = []
    tables: set[str] = set()
    for process in host.processes.all():
        text = _read(f"/proc/{process.pid}/mountinfo", host)
        if text in tables:
            continue
        tables.add(text)
        for line in text.splitlines():
            words = line.split(" ")
            if len(words) > 4 and words[2] in numbers:
                program = process.argv[0].rsplit("/", 1)[-1] if process.argv else "?"
                found.append(f"pid {process.pid} {program} (mounted on {words[4]})")
                break
    return tuple(found)


def _loops(host: Host) -> dict[str, str]:
    """Loop device name -> its backing file."""
    names = [name for name in _names("/sys/class/block", host) if name.startswith("loop")]
    found = {name: _read(f"/sys/class/block/{name}/loop/backing_file", host).strip() for name in names}
    return {name: backing.removesuffix(" (deleted)") for name, backing in found.items() if backing}


def _names(path: str, host: Host) -> tuple[str, ...]:
    try:
        return host.files.names(path) or ()
    except HostError:
        return ()


def _read(path: str, host: Host) -> str:
    try:
        return host.files.read(path) or ""
    except HostError:
        return ""
