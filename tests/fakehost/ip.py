"""ip(8) and sysctl(8) on the fake machine."""

import ipaddress

from tests.fakehost.machine import Machine
from tests.fakehost.network import FakeLink
from tests.fakehost.said import Said, Unknown

_LONGEST = 15
"""Characters in the name of a link."""


def run_ip(machine: Machine, words: list[str]) -> str:
    match words:
        case ["link", "add", *rest, "type", kind]:
            _link_add(machine, _name(rest), kind)
        case ["link", "del" | "delete", *rest]:
            kind = rest[-1] if rest[-2:-1] == ["type"] else ""
            name = _name(rest[:-2] if kind else rest)
            if kind not in ("", _link(machine, name).kind):
                raise Said(2, "RTNETLINK answers: Operation not supported\n")
            del machine.net.links[name]
        case ["link", "set", *rest, "up" | "down" as state]:
            _link(machine, _name(rest)).up = state == "up"
        case ["link", "set", *rest, "master", master]:
            _link(machine, master)
            _link(machine, _name(rest)).master = master
        case ["addr" | "address" | "a", "add", address, "dev", name]:
            _address_add(machine, address, name)
        case ["addr" | "address" | "a", "del" | "delete", address, "dev", name]:
            link = _link(machine, name)
            if address not in link.addresses:
                raise Said(2, "Error: ipv4: Address not found.\n")
            link.addresses.remove(address)
        case _:
            raise Unknown("ip")
    return ""


def run_sysctl(machine: Machine, words: list[str]) -> str:
    match [word for word in words if word not in ("-w", "-q")]:
        case ["net.ipv4.ip_forward=0" | "net.ipv4.ip_forward=1" as word]:
            machine.net.forwarding = word.endswith("1")
            return f"net.ipv4.ip_forward = {word[-1]}\n"
        case _:
            raise Unknown("sysctl")


def _name(words: list[str]) -> str:
    words = words[1:] if words[:1] in (["dev"], ["name"]) else words
    if len(words) != 1:
        raise Unknown("a link's name")
    return words[0]


def _link(machine: Machine, name: str) -> FakeLink:
    link = machine.net.links.get(name)
    if link is None:
        raise Said(1, f'Cannot find device "{name}"\n')
    return link


def _link_add(machine: Machine, name: str, kind: str) -> None:
    if kind not in ("bridge", "veth", "tun"):
        raise Unknown(f"type {kind}")
    if len(name) > _LONGEST:
        raise Said(2, "Error: Attribute failed policy validation.\n")
    if name in machine.net.links:
        raise Said(2, "RTNETLINK answers: File exists\n")
    machine.net.links[name] = FakeLink(kind)


def _address_add(machine: Machine, address: str, name: str) -> None:
    link = _link(machine, name)
    try:
        ipaddress.ip_interface(address)
    except ValueError:
        raise Said(1, f'Error: any valid prefix is expected rather than "{address}".\n') from None
    if address in link.addresses:
        raise Said(2, "Error: ipv4: Address already assigned.\n")
    link.addresses.append(address)
