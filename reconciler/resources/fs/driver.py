"""fs: sees mounts through one reading of the mount table. What mounts and unmounts is imported when there is something to do."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Observed, Unknown
from reconciler.host import ports
from reconciler.host.errors import HostError
from reconciler.host.ports import Host
from reconciler.resources.driver import Wanted
from reconciler.resources.fs.identity import remembering
from reconciler.resources.fs.observing import Look
from reconciler.resources.fs.table import Table


class FsDriver:
    """The contract of resources/driver.py for filesystems."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        try:
            table = Table(host.mounts.table())
        except HostError as error:
            return {want.id: Unknown(f"the mount table cannot be read: {error}") for want in wanted}
        host = remembering(host)
        points: dict[str, ResourceId] = {}
        asked: dict[str, tuple[ports.Mount, float]] = {}
        for want in wanted:
            for handle in want.handles:
                points.setdefault(handle.mnt, want.id)
                mount = table.at(handle.mnt)
                if mount is not None:
                    asked[handle.mnt] = (mount, handle.stat_timeout)
        silent = host.mounts.silent(asked) if asked else frozenset()
        found: dict[ResourceId, Observed] = {}
        for want in wanted:
            try:
                found[want.id] = Look(table, points, wanted, silent, host).observe(want)
            except HostError as error:
                found[want.id] = Unknown(str(error))
        return found

    def look(self, want: Wanted, host: Host) -> Observed:
        return self.observe([want], host)[want.id]

    def words(self, state: Any, host: Host) -> str:
        return ""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        from reconciler.resources.fs.performing import perform

        perform(action, host, say)


DRIVER = FsDriver()
