"""InsideDriver: how the networks and the volumes of an engine are seen: one list an engine, and ours by their labels."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from reconciler.core.ids import ResourceId
from reconciler.core.model import Model
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.core.tags import belongs
from reconciler.host.docker_ports import Engine
from reconciler.host.errors import HostError
from reconciler.host.ports import Host
from reconciler.resources.driver import Wanted
from reconciler.resources.inside import Around, Inside

Record: TypeAlias = Mapping[str, Any]
Named: TypeAlias = Mapping[str, Sequence[Record]]
"""Name -> the records of that name; an engine may have several networks of one."""


class InsideDriver(ABC):
    """observe and look of the contract of resources/driver.py. state: the type's State."""

    state: type[Model]

    @abstractmethod
    def listed(self, engine: Engine) -> Sequence[Record]:
        """The records of all of the type that the engine has. Raises HostError."""

    @abstractmethod
    def state_of(self, record: Record) -> Model:
        """What a record of that list shows."""

    def beside(self, state: Any, want: Wanted, host: Host) -> Any:
        """The state, with what shows of it outside of its engine. Raises HostError."""
        return state

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        """One call an engine."""
        sockets = {handle.socket for want in wanted for handle in want.handles}
        found = {socket: self._found(host.docker.engine(socket)) for socket in sockets}
        return {want.id: self._see(want, found, host) for want in wanted}

    def look(self, want: Wanted, host: Host) -> Observed:
        return self.observe([want], host)[want.id]

    def words(self, state: Any, host: Host) -> str:
        return ""

    def named(self, engine: Engine) -> Named:
        """What the engine has of the type. Raises HostError."""
        found: dict[str, list[Record]] = {}
        for record in self.listed(engine):
            found.setdefault(record["Name"], []).append(record)
        return found

    def _found(self, engine: Engine) -> Named | HostError:
        try:
            return self.named(engine)
        except HostError as err:
            return err

    def _see(self, want: Wanted, found: Mapping[str, Named | HostError], host: Host) -> Observed:
        if not want.handles:
            return Unknown("nothing is known of it")
        try:
            return self._seen(want, found, host)
        except HostError as err:
            return Unknown(str(err))

    def _seen(self, want: Wanted, found: Mapping[str, Named | HostError], host: Host) -> Observed:
        desired: Inside = want.handles[-1]
        there, around = found[desired.socket], Around(store=host.store)
        if isinstance(there, HostError):
            remembered = want.owned.remembered if want.owned else None
            if isinstance(remembered, Present) and isinstance(remembered.state, self.state):
                assume = Present(self.beside(remembered.state, want, host), around)
                return Unknown(str(there), "dockerd", assume, "as last seen of the same engine")
            return Unknown(str(there), "dockerd", Absent(around), "never seen here")
        named = there.get(desired.called, ())
        mine = ours(named, desired, host)
        if mine:
            return Present(self.beside(self.state_of(mine[0]), want, host), around)
        return Absent(Around(holder=id_of(named[0]) if named else "", store=host.store))


def ours(named: Sequence[Record], want: Inside, host: Host) -> list[Record]:
    """Those of the records that are this resource's."""
    store = None if want.private else host.store
    return [record for record in named if belongs(record.get("Labels") or {}, want.service, want.rid, store)]


def id_of(record: Record) -> str:
    """The id, or the name of what has none."""
    return str(record.get("Id") or record["Name"])
