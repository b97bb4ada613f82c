"""Holders: who keeps a mount busy, and who uses a device. Looked up only when something stands in the way."""

from os import major, minor

from reconciler.host.errors import HostError
from reconciler.host.ports import Host, Mount


def holders(mount: Mount, host: Host) -> tuple[str, ...]:
    """The processes with an open file, a folder or a program on this mount ("pid 812 mysqld"), and loop devices on its files."""
    found: list[str] = []
    for process in host.processes.all():
        base = f"/proc/{process.pid}"
        links = [f"{base}/cwd", f"{base}/root", f"{base}/exe", *(f"{base}/fd/{fd}" for fd in _names(f"{base}/fd", host))]
        if any(_device(link, host) == mount.device for link in links):
            program = process.argv[0].rsplit("/", 1)[-1] if process.argv else "?"
            found.append(f"pid {process.pid} {program}")
    for loop, backing in _loops(host).items():
        if backing.startswith(mount.target.rstrip("/") + "/"):
            found.append(f"/dev/{loop} on {backing}")
    return tuple(found)


def users(dev: str, host: Host) -> tuple[str, ...]:
    """Who has a device or backing file mounted, in the mount table of any process, and which loop devices stand on it."""
    stat = host.files.stat(dev)
    if stat is None:
        return ()
    path = host.files.resolve(dev)
    loops = [loop for loop, backing in _loops(host).items() if backing == path]
    numbers: set[str] = set()
    if stat.kind == "block":
        numbers.add((host.files.read(f"/sys/class/block/{path.rsplit('/', 1)[-1]}/dev") or "").strip())
    numbers |= {(host.files.read(f"/sys/class/block/{loop}/dev") or "").strip() for loop in loops}
    numbers.discard("")
    found = [f"/dev/{loop}" for loop in loops]
    if not numbers:
        return tuple(found)
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


def _device(link: str, host: Host) -> str:
    """The device that a link of /proc leads to, as major:minor; "" when it is gone or not for us."""
    try:
        stat = host.files.stat(link)
    except HostError:
        return ""
    return f"{major(stat.device)}:{minor(stat.device)}" if stat is not None else ""


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
