"""loop: sees loop devices through sysfs, attaches and detaches backing files with losetup(8)."""

from collections.abc import Callable, Mapping, Sequence
from posixpath import basename, dirname
from typing import Any, Final

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.host.errors import Busy, Conflict, HostError, Permanent
from reconciler.host.ports import Host
from reconciler.resources.driver import Wanted
from reconciler.resources.loop.actions import Attach, Detach, MakeFile
from reconciler.resources.loop.model import Around, Desired, State
from reconciler.resources.loops_host import Loop, holders, loops

_SWAPS: Final = "/proc/swaps"


class LoopDriver:
    """The contract of resources/driver.py for loop devices."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        try:
            found = tuple(loops(host))
        except HostError as error:
            return {want.id: Unknown(f"the loop devices cannot be read: {error}") for want in wanted}
        seen: dict[ResourceId, Observed] = {}
        for want in wanted:
            try:
                seen[want.id] = _seen(want, found, host)
            except HostError as error:
                seen[want.id] = Unknown(str(error))
        return seen

    def look(self, want: Wanted, host: Host) -> Observed:
        return self.observe([want], host)[want.id]

    def words(self, state: Any, host: Host) -> str:
        return ""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        match action:
            case MakeFile():
                _make(action, host)
            case Attach():
                _attach(action, host)
            case Detach():
                _detach(action, host)
            case _:
                raise Permanent(f"cannot do {type(action).__name__} to a loop device")


def _seen(want: Wanted, found: Sequence[Loop], host: Host) -> Observed:
    shall: Desired = want.desired if want.desired is not None else want.handles[-1]
    around = _around(shall, host)
    for handle in want.handles:
        backing = [loop for loop in found if loop.backs(handle.file, host)]
        for loop in sorted(backing, key=lambda loop: loop.fleeting):
            if loop.fleeting and handle != shall:
                continue
            stat = host.files.stat(handle.file)
            state = State(file=handle.file, size=stat.size if stat else 0, device=loop.device, fleeting=loop.fleeting)
            return Present(state, around)
    return Absent(around)


def _around(shall: Desired, host: Host) -> Around:
    stat = host.files.stat(shall.file)
    if stat is None:
        return Around(kind="", folder=host.files.stat(dirname(shall.file)) is not None)
    return Around(kind=stat.kind, size=stat.size if stat.kind == "file" else 0)


def _make(action: MakeFile, host: Host) -> None:
    """Make the file, or go on where it was left empty. One that is not empty is left as it is."""
    stat = host.files.stat(action.file)
    if stat is None:
        host.commands.run(action.touch())
    elif stat.kind != "file" or stat.size:
        raise Conflict(f"cannot {action.says()}: it is there already")
    for words in action.shape():
        host.commands.run(words)


def _attach(action: Attach, host: Host) -> None:
    backing = [loop for loop in loops(host) if loop.backs(action.file, host)]
    if any(not loop.fleeting for loop in backing):
        return
    if backing:
        raise Conflict(f"cannot attach {action.file}: {backing[0].device} shows it, and goes with its mount")
    host.commands.run(action.argv())


def _detach(action: Detach, host: Host) -> None:
    """Detach, when nobody uses it: the kernel would put it off until then, and say nothing. Of several devices that show the file
    none goes while one is used."""
    backing = [loop for loop in loops(host) if loop.backs(action.file, host) and not loop.fleeting]
    for loop in backing:
        users = _users(loop, host)
        if users:
            raise Busy(f"cannot detach {action.file} from {loop.device}: in use ({', '.join(users[:5])})")
    for loop in backing:
        host.commands.run(("losetup", "-d", loop.device))
        if any(other.device == loop.device and other.backs(action.file, host) for other in loops(host)):
            why = f"somebody has it open (fuser -v {loop.device}); it goes when nobody has"
            raise Busy(f"cannot detach {action.file} from {loop.device}: {why}")


def _users(loop: Loop, host: Host) -> tuple[str, ...]:
    """Who uses a loop device or a partition of it: mounts, what lies on it, swap, who has it open."""

    def of(source: str) -> bool:
        return source == loop.device or source.startswith(f"{loop.device}p")

    swaps = (line.partition(" ")[0] for line in (host.files.read(_SWAPS) or "").splitlines()[1:])
    mounts = (mount.target for mount in host.mounts.table() if of(mount.source))
    told = (*mounts, *holders(loop.device, host), *(f"swap on {name}" for name in swaps if of(name)))
    if told:
        return told
    return tuple(
        f"pid {one.pid} {basename(one.argv[0]) if one.argv else ''}".strip() for one in host.processes.openers(loop.device)
    )


DRIVER = LoopDriver()
