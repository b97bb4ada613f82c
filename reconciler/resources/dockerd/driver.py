"""The half of Docker engines that touches the machine. What performs actions is imported when there is one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Unknown
from reconciler.host.errors import HostError
from reconciler.host.ports import Host
from reconciler.resources.dockerd.model import Desired
from reconciler.resources.dockerd.observing import Machine, look_at_machine, see, see_system
from reconciler.resources.driver import Wanted


class EngineDriver:
    """See resources.driver.Driver."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        machine: Machine | HostError | None = None
        system: Observed | None = None
        found: dict[ResourceId, Observed] = {}
        for want in wanted:
            engine = _engine(want)
            try:
                if not engine.private:
                    system = system or see_system(host)
                    found[want.id] = system
                    continue
                if machine is None:
                    machine = _look(host)
                if isinstance(machine, HostError):
                    raise machine
                found[want.id] = see(want, engine, machine, host)
                if isinstance(found[want.id], Absent) and want.desired is not None and not want.desired.private:
                    found[want.id] = see_system(host)
            except HostError as error:
                found[want.id] = Unknown(str(error))
        return found

    def look(self, want: Wanted, host: Host) -> Observed:
        return self.observe([want], host)[want.id]

    def words(self, state: Any, host: Host) -> str:
        return ""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        from reconciler.resources.dockerd.performing import perform

        perform(action, host, say)


def _look(host: Host) -> Machine | HostError:
    try:
        return look_at_machine(host)
    except HostError as error:
        return error


def _engine(want: Wanted) -> Desired:
    """The engine as it is to be looked for: a private one that was applied is found even if the spec has turned to the system's."""
    handles = [handle for handle in want.handles if isinstance(handle, Desired)]
    if isinstance(want.desired, Desired) and want.desired.private:
        return want.desired
    return next((handle for handle in handles if handle.private), handles[0])


DRIVER = EngineDriver()
