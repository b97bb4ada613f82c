"""ip: an address on a device. Desired, State, Around."""

import re
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from reconciler.core.model import Model
from reconciler.core.rules import Impact, Keyword, Rule
from reconciler.core.values import to_text
from reconciler.resources.ip import addresses

_LONGEST: Final = 15
"""Characters in the name of a device, and of an address."""
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_LABEL: Final = re.compile(r"[^\s/%\0]+")


def _to_name(value: Any) -> str:
    """A host name, or an address as the ipaddress module writes it."""
    text = to_text(value).strip()
    if addresses.is_address(text):
        one = ip_address(text)
        if one.is_unspecified or one.is_multicast:
            raise ValueError(f"{text} is no address that a machine can have")
        return str(one)
    address, sign, _ = text.partition("/")
    if sign and addresses.is_address(address):
        raise ValueError(f"expected {address} alone, not {text!r}; the rest is written as netmask")
    parts = text.removesuffix(".").split(".")
    if len(text) > 253 or not all(_HOST.fullmatch(part) for part in parts) or parts[-1].isdecimal():
        raise ValueError(f"expected a host name or an IP address, not {text!r}")
    return text


def _to_device(value: Any) -> str:
    text = to_text(value).strip()
    device, sign, _ = text.partition(":")
    if sign and device:
        raise ValueError(f"{text!r} is an address on {device}: write {device}, and label: {text} for the name of the address")
    if not _LABEL.fullmatch(text) or len(text) > _LONGEST or text in (".", "..") or text.startswith("-"):
        raise ValueError(f"expected the name of a network device such as eth0, not {text!r}")
    return text


def _to_label(value: Any) -> str:
    text = to_text(value).strip()
    if text and (not _LABEL.fullmatch(text) or len(text) > _LONGEST or text.startswith("-")):
        raise ValueError(f"expected a name such as eth0:web, of {_LONGEST} characters at most, not {text!r}")
    return text


def _to_prefix(value: Any) -> int | None:
    """The length of a prefix: 24, /24, 255.255.255.0, ffff:ffff::."""
    if value is None:
        return None
    text = to_text(value).strip()
    number = text.removeprefix("/")
    if number.isdecimal() and number.isascii() and 1 <= int(number) <= 128:
        return int(number)
    try:
        bits, width = int(ip_address(text)), ip_address(text).max_prefixlen
    except ValueError:
        raise ValueError(f"expected a netmask such as 24 or 255.255.255.0, not {text!r}") from None
    length = bits.bit_count()
    if not length or bits != (1 << width) - (1 << (width - length)):
        raise ValueError(f"{text} is no netmask: its ones do not stand together at the front")
    return length


Name: TypeAlias = Annotated[str, BeforeValidator(_to_name, json_schema_input_type=str)]
Device: TypeAlias = Annotated[str, BeforeValidator(_to_device, json_schema_input_type=str)]
Label: TypeAlias = Annotated[str, BeforeValidator(_to_label, json_schema_input_type=str)]
Prefix: TypeAlias = Annotated[int | None, BeforeValidator(_to_prefix, json_schema_input_type=int | str)]


class Desired(Model):
    """An address that shall be on a device."""

    name: Annotated[Name, Rule(Impact.REPLACE), Keyword(aliases=("ipname",))] = Field(
        description="The address, or a host name that this machine knows one address of; IPv4 comes before IPv6."
    )
    dev: Annotated[Device, Rule(Impact.REPLACE), Keyword(aliases=("ipdev",))] = Field(
        description="The network device, such as eth0; it has to be there, and up."
    )
    netmask: Annotated[Prefix, Rule(Impact.REPLACE)] = Field(
        None, description="24, /24 or 255.255.255.0; without it that of the device's own network in which the address lies."
    )
    label: Annotated[Label, Rule(Impact.REPLACE, asked=True)] = Field(
        "", description="What an IPv4 address is called on its device, such as eth0:web."
    )
    address: Annotated[str, Rule(Impact.NONE), Keyword(internal=True)] = Field("", description="What the name was resolved to.")

    @property
    def known(self) -> str:
        """The address, as far as it is known without asking: it was written, or resolved before; or ""."""
        return self.address or (self.name if addresses.is_address(self.name) else "")

    @model_validator(mode="after")
    def _fits(self) -> "Desired":
        if not addresses.is_address(self.name):
            return self
        one = ip_address(self.name)
        if one.is_loopback and self.dev != "lo":
            raise ValueError(f"name: {self.name} is a loopback address: it goes on lo, not on {self.dev}")
        length = self.netmask or 0
        if length > one.max_prefixlen:
            raise ValueError(f"netmask: an IPv4 address has {one.max_prefixlen} bits, not {length}")
        if self.label and one.version == 6:
            raise ValueError("label: an IPv6 address has none")
        if one.version == 4 and 0 < length < 31:
            network = ip_network((self.name, length), strict=False)
            if one in (network.network_address, network.broadcast_address):
                what = "the first, which names it" if one == network.network_address else "the last, its broadcast address"
                raise ValueError(f"name: of the addresses of {network} {self.name} is {what}; correct name, or netmask")
        return self


class State(Model):
    """An address as it is on its device.

    name: as in the spec, where it is the address that the spec means (filled in by settle). label: "" for the device's own name.
    scope, broadcast, options: what else it was added with. hangs: the addresses of others that the kernel would take along with it.
    up: its device is. doubt: "tentative" or "duplicate": the kernel has not found out yet, or has found, that another host has it.
    arp: others are found on the device by ARP. foreign: why it can be nobody's but its maker's, as a clause, or "".
    unresolved: that its host name is not known any more, as a clause, or "".
    """

    address: str
    dev: str
    netmask: int
    name: str = ""
    label: str = ""
    scope: str = ""
    broadcast: str = ""
    options: tuple[str, ...] = ()
    hangs: tuple[str, ...] = ()
    up: bool = True
    doubt: str = ""
    arp: bool = True
    foreign: str = ""
    unresolved: str = ""


class Around(Model):
    """What is around the place where it shall be.

    address: what the name resolves to, "" where it does not. unresolved: why not, as a clause.
    device: "up", "down", or "" where there is none. carrier: it is connected, so far as is known. arp: others are found on it by
    ARP. arping: the program is there.
    prefix: that of the device's own network in which the address lies, 0 for none.
    elsewhere: another device that has the address. rival: another resource that stands for the same address.
    """

    address: str = ""
    unresolved: str = ""
    device: str = "up"
    carrier: bool = True
    arp: bool = True
    arping: bool = True
    prefix: int = 0
    elsewhere: str = ""
    rival: str = ""
