"""flag: sees, sets and clears marker files."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.host.errors import HostError
from reconciler.host.ports import Host
from reconciler.resources.driver import Wanted
from reconciler.resources.flag.model import Around, State


class FlagDriver:
    """The contract of resources/driver.py for marker files."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        found: dict[ResourceId, Observed] = {}
        for want in wanted:
            try:
                found[want.id] = self.look(want, host)
            except HostError as error:
                found[want.id] = Unknown(str(error))
        return found

    def look(self, want: Wanted, host: Host) -> Observed:
        for handle in want.handles:
            if host.files.stat(handle.path, follow=False) is not None:
                return Present(State(path=handle.path), Around())
        return Absent(Around())

    def words(self, state: Any, host: Host) -> str:
        return ""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        host.commands.run(action.argv())


DRIVER: Final = FlagDriver()
