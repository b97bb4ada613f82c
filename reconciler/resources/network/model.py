"""Network: what a spec may say of one, and what is seen of one."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_interface, ip_network
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from reconciler.core.model import Model
from reconciler.core.node import Place
from reconciler.core.rules import Impact, Keyword, Rule, same_set
from reconciler.core.tags import Labels
from reconciler.core.values import PAIRS_INPUT, Flag, Pairs, Text, to_address, to_pairs, to_text, to_words
from reconciler.resources import firewall
from reconciler.resources.inside import Inside

DRIVERS: Final = ("bridge", "macvlan", "ipvlan")
NAME: Final = "com.docker.network.bridge.name"
MASQUERADE: Final = "com.docker.network.bridge.enable_ip_masquerade"
ICC: Final = "com.docker.network.bridge.enable_icc"
LATER: Final = "$net"
"""Stands for the subnet of a network for which the engine has yet to choose one."""
_ELSEWHERE: Final = {"overlay": "it needs a swarm", "host": "it is there by itself", "none": "it is there by itself"}
_REPLACE: Final = Rule(Impact.REPLACE)
_INTERNAL: Final = Keyword(internal=True)
_ANY_ORDER: Final = Rule(Impact.REPLACE, same_set)


def _to_driver(value: Any) -> str:
    text = to_text(value).strip()
    if text not in DRIVERS:
        why = _ELSEWHERE.get(text)
        raise ValueError(f"driver {text!r}: {why}" if why else f"expected {' or '.join(DRIVERS)}, not {text!r}")
    return text


def _to_subnets(value: Any) -> tuple[str, ...]:
    return tuple(sorted({_subnet(word) for word in to_words(value)}))


def _subnet(text: str) -> str:
    try:
        return str(ip_network(text, strict=True))
    except ValueError:
        try:
            meant = ip_interface(text).network if "/" in text else None
        except ValueError:
            meant = None
        hint = f"; did you mean {meant}?" if meant else ""
        raise ValueError(f"{text!r} is not a network such as 10.1.2.0/24{hint}") from None


def _to_addresses(value: Any) -> tuple[str, ...]:
    return tuple(sorted({to_address(word) for word in to_words(value)}))


def _to_names(value: Any) -> dict[str, str]:
    return {name: to_address(text) for name, text in to_pairs(value).items()}


_LIST: TypeAlias = str | list[str]
Subnets: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_to_subnets, json_schema_input_type=_LIST)]
Addresses: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_to_addresses, json_schema_input_type=_LIST)]
Named: TypeAlias = Annotated[dict[str, str], BeforeValidator(_to_names, json_schema_input_type=PAIRS_INPUT)]


class Desired(Inside):
    """What a spec says of a network. An empty value means: as the engine has it."""

    driver: Annotated[str, _REPLACE, BeforeValidator(_to_driver, json_schema_input_type=str)] = Field(
        "bridge", description="How containers are connected: bridge, macvlan or ipvlan."
    )
    subnet: Annotated[Subnets, _ANY_ORDER] = Field(
        (), description="Its addresses, such as 10.1.2.0/24; by default the engine's choice."
    )
    gateway: Annotated[Addresses, _ANY_ORDER] = Field((), description="The gateway of each subnet.")
    ip_range: Annotated[Subnets, _ANY_ORDER] = Field((), description="The part of each subnet that containers get addresses from.")
    aux_addresses: Annotated[Named, _REPLACE] = Field(
        default_factory=dict, description="Addresses that no container gets, NAME=ADDRESS."
    )
    internal: Annotated[Flag, _REPLACE] = Field(
        False,
        description="Keep its containers from reaching anything outside of it. Otherwise those on a bridge reach out over IPv4.",
    )
    ipv6: Annotated[Flag, _REPLACE] = Field(False, description="Give its containers IPv6 addresses as well.")
    parent: Annotated[Text, Rule(Impact.NONE)] = Field(
        "", description="The interface of the host that a macvlan or ipvlan network lies on; the same as options: parent=…"
    )
    options: Annotated[Pairs, Rule(Impact.REPLACE, asked=True)] = Field(
        default_factory=dict, description="Options of the driver, NAME=VALUE."
    )
    labels: Annotated[Labels, _REPLACE] = Field(default_factory=dict, description="Labels of the network.")
    bridge: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field("", description="The bridge that osvc has the engine make.")
    chain: Annotated[str, Rule(Impact.NONE), _INTERNAL] = Field("", description="Its firewall chain; none without a way out.")
    rules: Annotated[tuple[str, ...], Rule(Impact.LIVE, same_set), _INTERNAL] = Field(
        (), description="The firewall rules of the bridge: its containers' way out."
    )

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any, info: ValidationInfo) -> Any:
        """Bridge and chain have the same digits, by which their engine knows them as its own."""
        if not isinstance(data, Mapping) or not isinstance(info.context, Place):
            return data
        place, node = info.context, info.context.node
        digits = node.tag(f"{place.service}/{place.rid}")
        return {**data, "bridge": f"{firewall.BRIDGE}{digits}", "chain": firewall.chain(node.tag(place.service), digits)}

    @model_validator(mode="before")
    @classmethod
    def _folded(cls, data: Any) -> Any:
        """`parent` is one of the options."""
        if not isinstance(data, Mapping) or not data.get("parent"):
            return data
        return {**data, "options": {**to_pairs(data.get("options") or {}), "parent": to_text(data["parent"])}}

    @model_validator(mode="after")
    def _fits(self) -> "Desired":
        """What single fields cannot see."""
        if self.driver == "bridge" and "parent" in self.options:
            raise ValueError("parent is for macvlan and ipvlan; a bridge has none")
        if (self.gateway or self.ip_range) and not self.subnet:
            raise ValueError("gateway and ip_range need subnet; write it, too")
        pools(self)
        return self

    @property
    def opens(self) -> bool:
        """Whether osvc gives its containers a way out. On the system's engine Docker does; a bridge that the spec names may be the
        machine's own.
        """
        ours = self.options.get(NAME, self.bridge) == self.bridge
        return self.private and self.driver == "bridge" and not self.internal and bool(self.chain) and ours

    def all_options(self) -> dict[str, str]:
        """Its options, and the name of a bridge that has a way out: its rules are planned before it is there."""
        return {NAME: self.bridge, **self.options} if self.opens else self.options


def pools(of: "Desired | State") -> list[dict[str, Any]]:
    """The address pools, as the engine takes them. Raises ValueError for an address that is in none of the subnets."""
    found: list[dict[str, Any]] = [{"Subnet": subnet} for subnet in of.subnet]
    for key, texts in (("Gateway", of.gateway), ("IPRange", of.ip_range)):
        for text in texts:
            pool = _holding(found, text)
            if pool is None or key in pool:
                raise ValueError(
                    f"{text} is in none of the subnets" if pool is None else f"two of {text}'s kind in {pool['Subnet']}"
                )
            pool[key] = text
    for name, text in of.aux_addresses.items():
        pool = _holding(found, text)
        if pool is None:
            raise ValueError(f"{text} is in none of the subnets")
        pool.setdefault("AuxiliaryAddresses", {})[name] = text
    return found


def _holding(found: Iterable[dict[str, Any]], text: str) -> dict[str, Any] | None:
    inner = ip_network(text)
    for pool in found:
        outer = ip_network(pool["Subnet"])
        if inner.version == outer.version and inner.subnet_of(outer):  # type: ignore[arg-type]
            return pool
    return None


class State(Model):
    """A network as its engine shows it."""

    called: str
    id: str = ""
    driver: str = "bridge"
    subnet: tuple[str, ...] = ()
    gateway: tuple[str, ...] = ()
    ip_range: tuple[str, ...] = ()
    aux_addresses: dict[str, str] = Field(default_factory=dict)
    internal: bool = False
    ipv6: bool = False
    options: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    net: str = ""
    """Its IPv4 subnet, whoever chose it."""
    rules: tuple[str, ...] = ()

    @property
    def bridge(self) -> str:
        """The bridge's name; one that nobody named is called after the network's id."""
        return self.options.get(NAME) or f"br-{self.id[:12]}"


def rules_of(want: Desired, state: State | None) -> tuple[str, ...]:
    """The firewall rules of a network as it is, or as it will be made."""
    if not want.opens:
        return ()
    state = state or made(want)
    net = "" if state.options.get(MASQUERADE) == "false" else state.net
    among = state.options.get(ICC) != "false"
    return firewall.way_out(want.chain, state.bridge, net, f"{want.service}/{want.rid}", inside=True, among=among)


def made(want: Desired) -> State:
    """The network that creating this makes; what the engine chooses is left empty."""
    values = {name: getattr(want, name) for name in State.model_fields if name in Desired.model_fields}
    net = ipv4(want.subnet) if want.subnet else LATER
    return State(**{**values, "options": want.all_options(), "net": net, "rules": ()})


def ipv4(subnets: Iterable[str]) -> str:
    """The one of IPv4, a network has no more; "" for none."""
    return next((subnet for subnet in subnets if ":" not in subnet), "")
