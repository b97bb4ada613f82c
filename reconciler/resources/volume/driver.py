"""The half of the volume type that talks to engines."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from reconciler.core.ids import ResourceId
from reconciler.core.tags import others, tags
from reconciler.host.docker_ports import Engine
from reconciler.host.errors import Conflict, Permanent
from reconciler.host.ports import Host
from reconciler.resources.inside_driver import InsideDriver, Record, ours
from reconciler.resources.volume.actions import Create
from reconciler.resources.volume.model import State


class VolumeDriver(InsideDriver):
    """The contract of resources/driver.py for volumes."""

    state = State

    def listed(self, engine: Engine) -> Sequence[Record]:
        return engine.volumes()

    def state_of(self, record: Record) -> State:
        return State(
            called=record["Name"],
            driver=record.get("Driver") or "",
            options=dict(sorted((record.get("Options") or {}).items())),
            labels=others(record.get("Labels") or {}),
        )

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        if not isinstance(action, Create):
            raise Permanent(f"cannot do {type(action).__name__} to a volume")
        want, engine = action.want, host.docker.engine(action.want.socket)
        there = self.named(engine).get(want.called, ())
        if there and not ours(there, want, host):
            raise Conflict(f"there is a volume {want.called} already, not made by osvc")
        if not there:
            engine.create_volume(
                {
                    "Name": want.called,
                    "Driver": want.driver,
                    "DriverOpts": want.options,
                    "Labels": {**tags(want.service, want.rid, host.store), **want.labels},
                }
            )


DRIVER: Final = VolumeDriver()
