"""The half of apps that touches the machine. What performs actions is imported when there is one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Observed, Unknown
from reconciler.host.errors import HostError
from reconciler.host.ports import Host
from reconciler.resources.app.observing import see
from reconciler.resources.driver import Wanted


class AppDriver:
    """See resources.driver.Driver. A check is a command of the app's own: there is one for each, and no way to ask them at once."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        return {want.id: self.look(want, host) for want in wanted}

    def look(self, want: Wanted, host: Host) -> Observed:
        try:
            return see(want, host)
        except HostError as error:
            return Unknown(str(error))

    def words(self, state: Any, host: Host) -> str:
        return ""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        from reconciler.resources.app.performing import perform

        perform(action, host, say)


DRIVER = AppDriver()
