"""ip(8), arping(8) and sysctl(8) on the fake machine."""

import ipaddress
import re
from dataclasses import replace

from tests.fakehost.machine import Machine
from tests.fakehost.network import FakeAddress, FakeLink, plain, same_network
from tests.fakehost.said import Said, Unknown

_LONGEST = 15
"""Characters in the name of a link, and of an address."""

_SCOPES = ("global", "site", "link", "host")
_PROMOTE = re.compile(r"net/ipv4/conf/([^/]+)/promote_secondaries=([01])")


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
        case ["addr" | "address" | "a", "add", address, "dev", name, *more]:
            _address_add(machine, address, name, more)
        case ["addr" | "address" | "a", "del" | "delete", address, "dev", name]:
            _address_del(_link(machine, name), address)
        case _:
            raise Unknown("ip")
    return ""


def run_sysctl(machine: Machine, words: list[str]) -> str:
    quiet = "-q" in words
    match [word for word in words if word not in ("-w", "-q")]:
        case ["net.ipv4.ip_forward=0" | "net.ipv4.ip_forward=1" as word]:
            machine.net.forwarding = word.endswith("1")
            return f"net.ipv4.ip_forward = {word[-1]}\n"
        case [word] if found := _PROMOTE.fullmatch(word):
            link = machine.net.links.get(found[1])
            if link is None:
                path = f"/proc/sys/net/ipv4/conf/{found[1]}/promote_secondaries"
                raise Said(1, f"sysctl: cannot stat {path}: No such file or directory\n")
            link.promotes = found[2] == "1"
            return "" if quiet else f"net.ipv4.conf.{found[1].replace('.', '/')}.promote_secondaries = {found[2]}\n"
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


def run_arping(machine: Machine, words: list[str]) -> str:
    match words:
        case ["-D", "-c", count, "-w", seconds, "-I", name, address]:
            source, taken = "0.0.0.0", machine.net.peers.get((name, address), "")
        case ["-U", "-c", count, "-w", seconds, "-I", name, address]:
            source, taken = address, ""
        case _:
            raise Unknown("arping")
    link = machine.net.links.get(name)
    if link is None:
        raise Said(2, f"arping: Device {name} not available.\n")
    if not link.up:
        raise Said(2, f'Interface "{name}" is down\n')
    if not link.arp:
        return f'Interface "{name}" is not ARPable\n'
    head = f"ARPING {address} from {source} {name}\n"
    if taken:
        answer = f"Unicast reply from {address} [{taken.upper()}]  0.539ms\n"
        raise Said(1, stdout=f"{head}{answer}Sent 1 probes (1 broadcast(s))\nReceived 1 response(s)\n")
    if source == address:
        if not any(held.record.address == address for held in link.assigned):
            raise Said(2, "arping: bind: Cannot assign requested address\n")
        machine.net.announced.append((name, address))
    machine.pass_time(float(seconds))
    return f"{head}Sent {count} probes ({count} broadcast(s))\nReceived 0 response(s)\n"


def _address_add(machine: Machine, address: str, name: str, more: list[str]) -> None:
    """more: label, scope, brd and metric, each with its value, and flags."""
    link = _link(machine, name)
    try:
        ipaddress.ip_interface(address)
    except ValueError:
        raise Said(1, f'Error: any valid prefix is expected rather than "{address}".\n') from None
    held = plain(address if "/" in address else f"{address}/{32 if '.' in address else 128}", name)
    words, values = list(more), {}
    flags: set[str] = set()
    while words:
        match words:
            case ["label" | "scope" | "brd" | "metric" as key, value, *rest]:
                values[{"brd": "broadcast"}.get(key, key)], words = int(value) if key == "metric" else value, rest
            case ["nodad" | "noprefixroute" | "home" | "mngtmpaddr" | "autojoin" as flag, *rest]:
                flags.add(flag)
                words = rest
            case _:
                raise Unknown(f"ip addr add … {words[0]}")
    if len(str(values.get("label", ""))) > _LONGEST:
        raise Said(2, "Error: Attribute failed policy validation.\n")
    record = replace(held.record, **values, flags=frozenset(flags))
    sixth = ":" in record.address
    for other in link.assigned:
        same = other.record.address == record.address
        if same and (sixth or other.record.prefix == record.prefix):
            raise Said(2, f"Error: {'ipv6: address' if sixth else 'ipv4: Address'} already assigned.\n")
    if not sixth and any(same_network(record, other.record) and record.scope != other.record.scope for other in link.assigned):
        raise Said(2, "Error: ipv4: Invalid scope value.\n")
    _insert(link, FakeAddress(record, machine.ticks, (name, record.address) in machine.net.peers))


def _insert(link: FakeLink, new: FakeAddress) -> None:
    """Of IPv4, the first of each network stand before those that go with them, the wider of them later."""
    if ":" in new.record.address or any(same_network(new.record, held.record) for held in link.assigned):
        link.assigned.append(new)
        return
    wide = _SCOPES.index(new.record.scope)
    firsts = [
        n
        for n, one in enumerate(link.records(0.0))
        if ":" not in one.address and "secondary" not in one.flags and _SCOPES.index(one.scope) >= wide
    ]
    link.assigned.insert(max(firsts, default=-1) + 1, new)


def _address_del(link: FakeLink, address: str) -> None:
    gone = next((held for held in link.assigned if str(held.record) == address), None)
    if gone is None:
        raise Said(2, f"Error: {'ipv6: address' if ':' in address else 'ipv4: Address'} not found.\n")
    flags = link.records(0.0)[link.assigned.index(gone)].flags
    link.assigned.remove(gone)
    if ":" in gone.record.address or "secondary" in flags:
        return
    rest = [held for held in link.assigned if ":" not in held.record.address and same_network(held.record, gone.record)]
    if not link.promotes:
        link.assigned[:] = [held for held in link.assigned if held not in rest]
    elif rest:
        for held in rest:
            link.assigned.remove(held)
        for held in rest:
            _insert(link, held)
