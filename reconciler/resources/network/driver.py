"""The half of the network type that talks to engines."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.core.tags import belongs, others, tags
from reconciler.host.errors import Conflict, HostError, Permanent
from reconciler.host.ports import Engine, Host
from reconciler.resources.driver import Wanted
from reconciler.resources.network.actions import Create, NetworkAction, Remove
from reconciler.resources.network.model import Around, Desired, State, pools

Record = Mapping[str, Any]


class NetworkDriver:
    """The contract of resources/driver.py for networks."""

    def observe(self, wanted: Sequence[Wanted], host: Host) -> Mapping[ResourceId, Observed]:
        """One call an engine."""
        listed: dict[str, Sequence[Record] | HostError] = {}
        for want in wanted:
            for handle in want.handles:
                if handle.socket not in listed:
                    listed[handle.socket] = _list(host.docker.engine(handle.socket))
        return {want.id: _see(want, listed, host) for want in wanted}

    def look(self, want: Wanted, host: Host) -> Observed:
        return self.observe([want], host)[want.id]

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        if not isinstance(action, NetworkAction):
            raise Permanent(f"cannot do {type(action).__name__} to a network")
        engine = host.docker.engine(action.want.socket)
        there = _named(engine.networks(), action.want.called)
        mine = [record for record in there if _ours(record, action.want, host)]
        match action:
            case Create():
                if there and not mine:
                    raise Conflict(f"the name {action.want.called} is taken by network {str(there[0]['Id'])[:12]}, not ours")
                if not mine:
                    engine.create_network(body_of(action.want, host.store))
            case Remove():
                for record in mine:
                    engine.remove_network(record["Id"])


def _list(engine: Engine) -> Sequence[Record] | HostError:
    try:
        return engine.networks()
    except HostError as err:
        return err


def _see(want: Wanted, listed: Mapping[str, Sequence[Record] | HostError], host: Host) -> Observed:
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
    named = _named(records, desired.called)
    mine = [record for record in named if _ours(record, desired, host)]
    if not mine:
        return Absent(around.model_copy(update={"holder": str(named[0]["Id"]) if named else ""}))
    return Present(state_of(mine[0]), around)


def _named(records: Sequence[Record], name: str) -> list[Record]:
    return [record for record in records if record.get("Name") == name]


def _ours(record: Record, want: Desired, host: Host) -> bool:
    return belongs(record.get("Labels") or {}, want.service, want.rid, None if want.private else host.store)


def state_of(record: Record) -> State:
    """A network of an engine's list. The address pools' order means nothing."""
    config = [pool for pool in (record.get("IPAM") or {}).get("Config") or () if pool.get("Subnet")]
    helpers: dict[str, str] = {}
    for pool in config:
        helpers |= pool.get("AuxiliaryAddresses") or pool.get("AuxAddress") or {}
    return State(
        called=record["Name"],
        id=record["Id"],
        driver=record.get("Driver") or "",
        subnet=_sorted(config, "Subnet"),
        gateway=_sorted(config, "Gateway"),
        ip_range=_sorted(config, "IPRange"),
        aux_addresses=dict(sorted(helpers.items())),
        internal=bool(record.get("Internal")),
        ipv6=bool(record.get("EnableIPv6")),
        options=dict(sorted((record.get("Options") or {}).items())),
        labels=others(record.get("Labels") or {}),
    )


def _sorted(config: Sequence[Record], key: str) -> tuple[str, ...]:
    return tuple(sorted(pool[key].partition("/")[0] if key == "Gateway" else pool[key] for pool in config if pool.get(key)))


def body_of(want: Desired, store: str) -> dict[str, Any]:
    """The body of POST /networks/create: what `docker network create` sends for `Create.words`."""
    body: dict[str, Any] = {
        "Name": want.called,
        "CheckDuplicate": True,
        "Driver": want.driver,
        "Internal": want.internal,
        "EnableIPv6": want.ipv6,
        "Options": want.options,
        "Labels": {**tags(want.service, want.rid, store), **want.labels},
    }
    if want.subnet:
        body["IPAM"] = {"Driver": "default", "Config": pools(want)}
    return body


DRIVER: Final = NetworkDriver()
