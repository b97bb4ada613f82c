"""raw: sees whether block devices are there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.host.errors import HostError, Permanent
from reconciler.host.ports import Host
from reconciler.resources.driver import Wanted
from reconciler.resources.raw.model import Around, Desired, State


class RawDriver:
    """The contract of resources/driver.py for block devices as they are."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        return {want.id: self.look(want, host) for want in wanted}

    def look(self, want: Wanted, host: Host) -> Observed:
        shall: Desired = want.desired if want.desired is not None else want.handles[-1]
        try:
            kinds = {dev: host.files.stat(dev) for dev in shall.devs}
        except HostError as error:
            return Unknown(str(error))
        missing = tuple(dev for dev, stat in kinds.items() if stat is None)
        wrong = tuple(dev for dev, stat in kinds.items() if stat is not None and stat.kind != "block")
        around = Around(missing=missing, wrong=wrong)
        return Absent(around) if missing or wrong else Present(State(devs=shall.devs), around)

    def words(self, state: Any, host: Host) -> str:
        return ""

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        raise Permanent(f"cannot do {type(action).__name__} to a block device: nothing is done to it")


DRIVER = RawDriver()
