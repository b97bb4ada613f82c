"""Driver: the contract between a resource type's impure half and the engine. A type's driver.py holds one, named DRIVER."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from reconciler.core.ids import ResourceId
from reconciler.core.lazy import dataclass
from reconciler.core.observed import Observed
from reconciler.core.outcome import Said
from reconciler.core.ownership import Owned
from reconciler.host.ports import Host


@dataclass(frozen=True, slots=True)
class Wanted:
    """A resource to be observed. desired: None for an orphan. owned: None when this store does not own it.

    type: the resource type; "" for the one that has the name which the rid begins with.
    remembered: whether `owned.remembered` may be used follows from the driver's own evidence.
    """

    id: ResourceId
    desired: Any | None
    owned: Owned | None
    type: str = ""

    @property
    def handles(self) -> tuple[Any, ...]:
        """The desired states under which the thing may be found on the machine: as last applied, as claimed since, as wanted now.
        Each stands once, where it comes last: the last of all is what it shall be."""
        known = [self.owned.applied, *self.owned.earlier, self.owned.wanted] if self.owned else []
        found = [one for one in (*known, self.desired) if one is not None]
        return tuple(one for n, one in enumerate(found) if one not in found[n + 1 :])


class Driver(Protocol):
    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        """See many resources of this type, of all services, in a number of calls that does not grow with them.

        Never raises for one resource: what cannot be seen is Unknown, with the reason. Answers every wanted id.
        """

    def look(self, want: Wanted, host: Host) -> Observed:
        """See one resource again, after a step: the same as `observe` says of it, but for what only planning needs (who else
        holds what it wants), and at a cost that does not grow with what lies beside it. A watch finds by it that nothing is left to
        do, and never what there is. Raises HostError."""

    def words(self, state: Any, host: Host) -> str:
        """The last that a resource in this state said itself (a container's log), for one that fails again and again, or ""."""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[Said], None]) -> None:
        """Do one action, and return when it is done. Raises HostError. An action whose effect is already there is done.

        say: takes a line for people ("loading busybox:latest from /srv/busybox.tar"), or how far it is; of the latter it raises
        Cancelled when that need not be ended.
        """
