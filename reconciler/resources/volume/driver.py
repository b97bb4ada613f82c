"""The half of the volume type that talks to engines."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.core.tags import belongs, others, tags
from reconciler.host.errors import Conflict, HostError, Permanent
from reconciler.host.ports import Engine, Host
from reconciler.resources.driver import Wanted
from reconciler.resources.volume.actions import Create
from reconciler.resources.volume.model import Around, Desired, State

Record = Mapping[str, Any]


class VolumeDriver:
    """The contract of resources/driver.py for volumes."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        """One call an engine."""
        listed: dict[str, Mapping[str, Record] | HostError] = {}
        for want in wanted:
            for handle in want.handles:
                if handle.socket not in listed:
                    listed[handle.socket] = _list(host.docker.engine(handle.socket))
        return {want.id: _see(want, listed, host) for want in wanted}

    def look(self, want: Wanted, host: Host) -> Observed:
        return self.observe([want], host)[want.id]

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        if not isinstance(action, Create):
            raise Permanent(f"cannot do {type(action).__name__} to a volume")
        want, engine = action.want, host.docker.engine(action.want.socket)
        there = {record["Name"]: record for record in engine.volumes()}.get(want.called)
        if there is None:
            engine.create_volume(
                {
                    "Name": want.called,
                    "Driver": want.driver,
                    "DriverOpts": want.options,
                    "Labels": {**tags(want.service, want.rid, host.store), **want.labels},
                }
            )
        elif not _ours(there, want, host):
            raise Conflict(f"there is a volume {want.called} already, not made by osvc")


def _list(engine: Engine) -> Mapping[str, Record] | HostError:
    try:
        return {record["Name"]: record for record in engine.volumes()}
    except HostError as err:
        return err


def _see(want: Wanted, listed: Mapping[str, Mapping[str, Record] | HostError], host: Host) -> Observed:
    if not want.handles:
        return Unknown("nothing is known of it")
    desired: Desired = want.handles[-1]
    records = listed[desired.socket]
    around = Around(store=host.store)
    if isinstance(records, HostError):
        remembered = want.owned.remembered if want.owned else None
        if isinstance(remembered, Present) and isinstance(remembered.state, State):
            return Unknown(str(records), "dockerd", Present(remembered.state, around), "as last seen of the same engine")
        return Unknown(str(records), "dockerd", Absent(around), "never seen here")
    record = records.get(desired.called)
    if record is None or not _ours(record, desired, host):
        return Absent(around.model_copy(update={"held": record is not None}))
    state = State(
        called=record["Name"],
        driver=record.get("Driver") or "",
        options=dict(sorted((record.get("Options") or {}).items())),
        labels=others(record.get("Labels") or {}),
    )
    return Present(state, around)


def _ours(record: Record, want: Desired, host: Host) -> bool:
    return belongs(record.get("Labels") or {}, want.service, want.rid, None if want.private else host.store)


DRIVER: Final = VolumeDriver()
