"""The half of the network type that talks to engines."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from reconciler.core.ids import ResourceId
from reconciler.core.tags import others, tags
from reconciler.host.docker_ports import Engine
from reconciler.host.errors import Conflict, NotFound, Permanent
from reconciler.host.ports import Host
from reconciler.resources import firewall, firewall_host
from reconciler.resources.driver import Wanted
from reconciler.resources.inside_driver import InsideDriver, Record, id_of, ours
from reconciler.resources.network.actions import AddRules, Create, NetworkAction, Remove, RemoveRules
from reconciler.resources.network.model import Desired, State, ipv4, pools, rules_of


class NetworkDriver(InsideDriver):
    """The contract of resources/driver.py for networks."""

    state = State

    def listed(self, engine: Engine) -> Sequence[Record]:
        return engine.networks()

    def state_of(self, record: Record) -> State:
        """The address pools' order means nothing."""
        config = [pool for pool in (record.get("IPAM") or {}).get("Config") or () if pool.get("Subnet")]
        helpers: dict[str, str] = {}
        for pool in config:
            helpers |= pool.get("AuxiliaryAddresses") or pool.get("AuxAddress") or {}
        subnets = _sorted(config, "Subnet")
        return State(
            called=record["Name"],
            id=record["Id"],
            driver=record.get("Driver") or "",
            subnet=subnets,
            net=ipv4(subnets),
            gateway=_sorted(config, "Gateway"),
            ip_range=_sorted(config, "IPRange"),
            aux_addresses=dict(sorted(helpers.items())),
            internal=bool(record.get("Internal")),
            ipv6=bool(record.get("EnableIPv6")),
            options=dict(sorted((record.get("Options") or {}).items())),
            labels=others(record.get("Labels") or {}),
        )

    def beside(self, state: State, want: Wanted, host: Host) -> State:
        """Its firewall rules, where it has, or ever had, a way out."""
        if not any(handle.opens for handle in want.handles):
            return state
        rules = (rule for rule in host.net.rules() if firewall.ours(rule, want.handles[-1].chain))
        return state.model_copy(update={"rules": firewall.in_order(rules)})

    def perform(self, id: ResourceId, action: Any, host: Host, say: Callable[[str], None]) -> None:
        if not isinstance(action, NetworkAction):
            raise Permanent(f"cannot do {type(action).__name__} to a network")
        if isinstance(action, RemoveRules):
            firewall_host.take(action.found, host)
            return
        want, engine = action.want, host.docker.engine(action.want.socket)
        there = self.named(engine).get(want.called, ())
        mine = ours(there, want, host)
        match action:
            case Create():
                if there and not mine:
                    raise Conflict(f"the name {want.called} is taken by network {id_of(there[0])[:12]}, not ours")
                if not mine:
                    engine.create_network(body_of(want, host.store))
            case Remove():
                for record in mine:
                    engine.remove_network(record["Id"])
            case AddRules():
                if not mine:
                    raise NotFound(f"there is no network {want.called} any more; plan again")
                rules = rules_of(want, self.state_of(mine[0]))
                firewall_host.add(rules, rules, host)


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
        "Options": want.all_options(),
        "Labels": {**tags(want.service, want.rid, store), **want.labels},
    }
    if want.subnet:
        body["IPAM"] = {"Driver": "default", "Config": pools(want)}
    return body


DRIVER: Final = NetworkDriver()
