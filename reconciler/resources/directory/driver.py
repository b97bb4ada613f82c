"""directory: sees folders, makes them, and gives them to whom they shall belong."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.host.errors import Conflict, HostError
from reconciler.host.ports import Host
from reconciler.resources.directory.model import Around, Desired, State
from reconciler.resources.driver import Wanted


class DirectoryDriver:
    """The contract of resources/driver.py for folders."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        found: dict[ResourceId, Observed] = {}
        for want in wanted:
            try:
                found[want.id] = self.look(want, host)
            except HostError as error:
                found[want.id] = Unknown(str(error))
        return found

    def look(self, want: Wanted, host: Host) -> Observed:
        """Only where it shall be now: one that was wanted elsewhere stays there, and is nobody's affair any more."""
        shall: Desired = want.desired if want.desired is not None else want.handles[-1]
        stat = host.files.stat(shall.path, follow=False)
        lacks = _lacks(shall, host)
        if stat is None or stat.kind != "dir":
            return Absent(Around(point="" if stat is None else stat.kind, lacks=lacks))
        user = str(stat.uid) if shall.user.isdigit() else host.files.user_of(stat.uid)
        group = str(stat.gid) if shall.group.isdigit() else host.files.group_of(stat.gid)
        return Present(State(path=shall.path, user=user, group=group, perm=f"{stat.mode:o}".zfill(3)), Around(lacks=lacks))

    def words(self, state: Any, host: Host) -> str:
        return ""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        """Looked at once more: what became a link meanwhile would lead to somebody else's folder."""
        stat = host.files.stat(action.path, follow=False)
        if stat is not None and stat.kind != "dir":
            raise Conflict(f"cannot change {action.path}: it is a {stat.kind}")
        host.commands.run(action.argv())


def _lacks(shall: Desired, host: Host) -> tuple[str, ...]:
    found: list[str] = []
    if shall.user and not shall.user.isdigit() and not host.files.has_user(shall.user):
        found.append(f"user {shall.user}")
    if shall.group and not shall.group.isdigit() and not host.files.has_group(shall.group):
        found.append(f"group {shall.group}")
    return tuple(found)


DRIVER: Final = DirectoryDriver()
