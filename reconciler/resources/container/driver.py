"""The half of the container type that talks to engines."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Observed
from reconciler.host.ports import Host
from reconciler.resources.container.image_actions import Fetch
from reconciler.resources.container.observing import Look
from reconciler.resources.container.performing import perform
from reconciler.resources.container.views import Memory
from reconciler.resources.driver import Wanted


class ContainerDriver:
    def __init__(self) -> None:
        self._memory = Memory()

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        """Two calls an engine, and an inspect for each container of ours that changed since the last time."""
        look = Look(host, self._memory)
        look.open(wanted)
        return {want.id: look.see(want) for want in wanted}

    def look(self, want: Wanted, host: Host) -> Observed:
        """One call, and an inspect when the container changed since the last time."""
        look = Look(host, self._memory, narrow=True)
        look.open([want])
        return look.see(want)

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        perform(action, host, say)
        if isinstance(action, Fetch):
            self._memory.forget_refs(action.socket)


DRIVER: Final = ContainerDriver()
