"""Entry: a container as a list of an engine shows it."""

from collections.abc import Mapping
from typing import Any

from reconciler.core.lazy import dataclass
from reconciler.core.tags import RID, STORE, belongs
from reconciler.resources.container.normal import health_in


@dataclass(frozen=True, slots=True)
class Entry:
    """published: (address, port, protocol) on the host, of a running one."""

    id: str
    name: str
    image: str
    image_id: str
    status: str
    labels: Mapping[str, str]
    health: str | None = None
    published: tuple[tuple[str, int, str], ...] = ()

    def belongs(self, service: str, rid: str, store: str | None) -> bool:
        """Whether its labels are the resource's. store: None on a private engine, where the data root decides."""
        return belongs(self.labels, service, rid, store)

    def made_here(self, store: str | None) -> bool:
        """Whether osvc made it for any resource."""
        return RID in self.labels and (store is None or self.labels.get(STORE, "") == store)


def entry_of(seen: Mapping[str, Any]) -> Entry:
    """An inspect as an entry; what it publishes is left out."""
    config = seen["Config"]
    return Entry(
        seen["Id"],
        seen["Name"].removeprefix("/"),
        config.get("Image") or "",
        seen["Image"],
        seen["State"]["Status"],
        config.get("Labels") or {},
    )


def entry_in(record: Mapping[str, Any]) -> Entry:
    """A line of a list as an entry."""
    names = [name.removeprefix("/") for name in record.get("Names") or ()]
    return Entry(
        record["Id"],
        next((name for name in names if "/" not in name), ""),
        record.get("Image") or "",
        record.get("ImageID") or "",
        record.get("State") or "",
        record.get("Labels") or {},
        health_in(record.get("Status") or ""),
        tuple(
            (port.get("IP") or "0.0.0.0", int(port["PublicPort"]), port.get("Type") or "tcp")
            for port in record.get("Ports") or ()
            if port.get("PublicPort")
        ),
    )
