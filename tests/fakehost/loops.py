"""losetup(8), and the dd(1) that makes a backing file, on the fake machine."""

from tests.fakehost.filesystem import Inode, Loop
from tests.fakehost.machine import Machine
from tests.fakehost.said import Said, Unknown


def run_losetup(machine: Machine, words: list[str]) -> str:
    match words:
        case ["-f", "--show", "--nooverlap", "--", path]:
            return _attach(machine, path)
        case ["-d", device]:
            return _detach(machine, device)
        case _:
            raise Unknown("losetup")


def run_dd(machine: Machine, words: list[str]) -> str:
    match words:
        case ["if=/dev/null", of, "conv=excl", "status=none"] if of.startswith("of="):
            path = of.removeprefix("of=")
        case _:
            raise Unknown("dd")
    if machine.tree.find(path) is not None:
        raise Said(1, f"dd: failed to open '{path}': File exists\n")
    machine.tree.write(path, "", 0o644, f"dd: failed to open '{path}'")
    return ""


def _attach(machine: Machine, path: str) -> str:
    spot = machine.tree.walk(path)
    if spot.inode is None:
        raise Said(1, f"losetup: {path}: failed to set up loop device: No such file or directory\n")
    device = next((name for name, loop in machine.tree.loops.items() if loop.inode is spot.inode), "")
    if not device:
        device = next(f"/dev/loop{n}" for n in range(256) if f"/dev/loop{n}" not in machine.tree.loops)
        machine.tree.loops[device] = Loop(spot.inode, spot.path, spot.mount, fleeting=False)
    return f"{device}\n"


def _detach(machine: Machine, device: str) -> str:
    """One that is in use goes when it is not any more; nothing is said of that."""
    loop = machine.tree.loops.get(device)
    if loop is None:
        raise Said(1, f"losetup: {device}: detach failed: No such device or address\n")
    if used(machine, device, loop.inode):
        loop.fleeting = True
    else:
        del machine.tree.loops[device]
    return ""


def used(machine: Machine, device: str, inode: Inode) -> bool:
    """Whether a loop device is mounted, or held open."""
    mounted = any(mount.source == device for mount in machine.tree.mounts)
    return mounted or device in machine.opened
