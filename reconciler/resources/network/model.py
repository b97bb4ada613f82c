"""Network: what a spec may say of one, and what is seen of one."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_interface, ip_network
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from reconciler.core.model import Model
from reconciler.core.rules import Impact, Rule, same_set
from reconciler.core.tags import Labels
from reconciler.core.values import PAIRS_INPUT, Flag, Pairs, Text, to_address, to_pairs, to_text, to_words
from reconciler.resources.inside import Inside

DRIVERS: Final = ("bridge", "macvlan", "ipvlan")
_ELSEWHERE: Final = {"overlay": "it needs a swarm", "host": "it is there by itself", "none": "it is there by itself"}
_REPLACE: Final = Rule(Impact.REPLACE)
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
    internal: Annotated[Flag, _REPLACE] = Field(False, description="Keep its containers from reaching anything outside of it.")
    ipv6: Annotated[Flag, _REPLACE] = Field(False, description="Give its containers IPv6 addresses as well.")
    parent: Annotated[Text, Rule(Impact.NONE)] = Field(
        "", description="The interface of the host that a macvlan or ipvlan network lies on; the same as options: parent=…"
    )
    options: Annotated[Pairs, Rule(Impact.REPLACE, asked=True)] = Field(
        default_factory=dict, description="Options of the driver, NAME=VALUE."
    )
    labels: Annotated[Labels, _REPLACE] = Field(default_factory=dict, description="Labels of the network.")

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
