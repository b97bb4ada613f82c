"""The half of the container type that talks to engines. What performs actions is imported when there is one."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Observed
from reconciler.core.outcome import Said
from reconciler.host.errors import HostError
from reconciler.host.ports import Host
from reconciler.resources.container.memory import Memory
from reconciler.resources.container.model import Container
from reconciler.resources.container.observing import Look
from reconciler.resources.driver import Wanted

if TYPE_CHECKING:
    from reconciler.resources.container.action import ContainerAction


class ContainerDriver:
    def __init__(self) -> None:
        self._memory = Memory()

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        """Two calls an engine, and an inspect for each container of ours that changed since the last time."""
        for want in wanted:
            if want.owned is not None and want.owned.remembered is not None:
                self._memory.recall(want.owned.remembered)
        look = Look(host, self._memory)
        look.open(wanted)
        return {want.id: look.see(want) for want in wanted}

    def look(self, want: Wanted, host: Host) -> Observed:
        """One inspect where there is one container; a list by labels, and inspects of what changed, where there may be others."""
        look = Look(host, self._memory, narrow=True)
        look.open([want])
        return look.see(want)

    def words(self, state: Any, host: Host) -> str:
        try:
            return host.docker.engine(state.socket).logs(state.id)
        except HostError:
            return ""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[Said], None]) -> None:
        from reconciler.resources.container.image_actions import Fetch
        from reconciler.resources.container.performing import perform

        try:
            made = perform(action, host, say, self._known(action, host))
        except BaseException:
            self._memory.forget(action.socket, action.service, action.rid)
            raise
        finally:
            if isinstance(action, Fetch):
                self._memory.forget_refs(action.socket)
        if made is not None:
            self._memory.made(action.socket, action.service, action.rid, made)

    def _known(self, action: "ContainerAction", host: Host) -> Container | None:
        """The container that the action is about, as it was seen last in this process, if it was under that name."""
        name = getattr(action, "name", None)
        for entry in self._memory.known(action.socket, action.service, action.rid, None if action.private else host.store):
            if entry.name == name and (action.socket, entry.id) in self._memory.containers:
                return self._memory.containers[action.socket, entry.id][1]
        return None


DRIVER: Final = ContainerDriver()
