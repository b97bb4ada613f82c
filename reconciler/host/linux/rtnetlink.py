"""Rtnetlink: links, addresses and routes from the kernel itself (rtnetlink(7)), in the words of ip(8). No process is started."""

import errno
import os
import socket
import struct
import time
from collections.abc import Iterator
from typing import Final

from reconciler.host.ports import Address, Link, Route

_LINKS, _ADDRESSES, _ROUTES = 18, 22, 26
"""RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE"""
_ANSWERS: Final = {_LINKS: 16, _ADDRESSES: 20, _ROUTES: 24}
"""What each is answered by: RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE."""
_ERROR, _DONE = 2, 3
_REQUEST, _DUMP, _INTERRUPTED = 0x1, 0x300, 0x10
_HEAD: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_LINK: Final = struct.Struct("=BxHiII")
_IFADDR: Final = struct.Struct("=BBBBI")
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
_HOP: Final = struct.Struct("=HBBi")
_NESTED: Final = 0x3FFF
"""What of an attribute's type is its number: the rest says that it has others in it, or which way its bytes go."""
_NAME, _INFO, _INFO_KIND, _MASK = 3, 18, 1, 29
_SKIP_STATS: Final = struct.pack("=HHI", 8, _MASK, 0x8)
_UP, _LOOPBACK, _NOARP, _LOWER_UP = 0x1, 0x8, 0x80, 0x10000
_PEER, _LOCAL, _LABEL, _BROADCAST, _FLAGS, _METRIC = 1, 2, 3, 4, 8, 9
_SCOPES: Final = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
_SECONDARY, _PERMANENT = 0x1, 0x80
_WORDS: Final = (
    *((0x2, "nodad"), (0x4, "optimistic"), (0x8, "dadfailed"), (0x10, "home"), (0x20, "deprecated"), (0x40, "tentative")),
    *((0x100, "mngtmpaddr"), (0x200, "noprefixroute"), (0x400, "autojoin")),
)
_TO, _DEVICE, _SEVERAL, _TABLE = 1, 4, 9, 15
_MAIN, _CLONED = 254, 0x200
_BITS: Final = {int(socket.AF_INET): 32, int(socket.AF_INET6): 128}
_BUFFER: Final = 1 << 16
"""Bytes: the kernel puts at most half as many into one answer."""
_PATIENCE: Final = 30.0
_PAUSE: Final = 0.005
_TURNS: Final = 8
"""How often is asked again where something changed in the middle of an answer, which may be of two minds then."""

Attributes = dict[int, bytes]


def links() -> tuple[Link, ...]:
    """See Net.links. Raises OSError."""
    held: dict[int, list[Address]] = {}
    found = _asked(_LINKS, bytes(16) + _SKIP_STATS)
    for body in _asked(_ADDRESSES, bytes(8)):
        index, address = _address(body)
        if address is not None:
            held.setdefault(index, []).append(address)
    return tuple(_link(body, held) for body in found)


def routes() -> tuple[Route, ...]:
    """See Net.routes. A route over several devices is given once for each; one without a device has "". Raises OSError."""
    names: dict[int, str] = {}
    found: list[Route] = []
    for family, version in ((socket.AF_INET, 4), (socket.AF_INET6, 6)):
        for body in _asked(_ROUTES, bytes([family]) + bytes(11)):
            if body[0] != family:  # a kernel without this one answers with the others
                continue
            network, devices = _route(body)
            for index in devices:
                found.append(Route(network, _name(index, names), version))
    return tuple(found)


def _link(body: bytes, held: dict[int, list[Address]]) -> Link:
    _, _, index, flags, _ = _LINK.unpack_from(body)
    told = _attributes(body, _LINK.size, _NAME, _INFO)
    return Link(
        name=_text(told.get(_NAME, b"")),
        kind=_text(_attributes(told.get(_INFO, b""), 0).get(_INFO_KIND, b"")),
        up=bool(flags & _UP),
        assigned=tuple(held.get(index, ())),
        arp=not flags & (_LOOPBACK | _NOARP),
        carrier=bool(flags & _LOWER_UP),
    )


def _address(body: bytes) -> tuple[int, Address | None]:
    """The number of its link, and an address; None of a family that ip(8) shows no address of."""
    family, prefix, flags, scope, index = _IFADDR.unpack_from(body)
    told = _attributes(body, _IFADDR.size)
    local, peer = (told.get(kind, told.get(other, b"")) for kind, other in ((_LOCAL, _PEER), (_PEER, _LOCAL)))
    if family not in _BITS or not local:
        return index, None
    if _FLAGS in told:
        (flags,) = struct.unpack("=I", told[_FLAGS])
    return index, Address(
        socket.inet_ntop(family, local),
        prefix,
        _text(told.get(_LABEL, b"")),
        _SCOPES.get(scope, str(scope)),
        socket.inet_ntop(family, told[_BROADCAST]) if _BROADCAST in told else "",
        socket.inet_ntop(family, peer) if peer != local else "",
        struct.unpack("=I", told[_METRIC])[0] if _METRIC in told else 0,
        frozenset(_words(family, flags)),
    )


def _words(family: int, flags: int) -> Iterator[str]:
    """What ip(8) calls the flags of an address."""
    if flags & _SECONDARY:
        yield "temporary" if family == socket.AF_INET6 else "secondary"
    if not flags & _PERMANENT:
        yield "dynamic"
    for flag, word in _WORDS:
        if flags & flag:
            yield word


def _route(body: bytes) -> tuple[str, list[int]]:
    """Where a route leads to, and over which devices, by their numbers: 0 where over none; nothing of another table, or of one that
    the kernel made up for a moment."""
    family, length, _, _, table, _, _, _, flags = _ROUTE.unpack_from(body)
    told = _attributes(body, _ROUTE.size)
    if _TABLE in told:
        (table,) = struct.unpack("=I", told[_TABLE])
    if table != _MAIN or flags & _CLONED or family not in _BITS:
        return "", []
    to = told.get(_TO, bytes(_BITS[family] // 8))
    network = f"{socket.inet_ntop(family, to)}/{length}" if length else "default"
    if _DEVICE in told:
        return network, list(struct.unpack("=i", told[_DEVICE]))
    return network, [*_hops(told.get(_SEVERAL, b""))] or [0]


def _hops(told: bytes) -> Iterator[int]:
    at = 0
    while at + _HOP.size <= len(told):
        length, _, _, index = _HOP.unpack_from(told, at)
        yield index
        at += max((length + 3) & ~3, _HOP.size)


def _name(index: int, known: dict[int, str]) -> str:
    """The name of a device; "" of none, and of one that is gone by now."""
    if index and index not in known:
        try:
            known[index] = socket.if_indextoname(index)
        except OSError:
            known[index] = ""
    return known.get(index, "")


def _asked(kind: int, question: bytes) -> list[bytes]:
    """Everything that the kernel has of a kind, without the heads. Raises OSError; EAGAIN where it changes all the time: something
    that is there may be missing then, and is not to be taken for gone."""
    for turn in range(_TURNS):
        time.sleep(_PAUSE * turn)
        found, whole = _dumped(kind, question)
        if whole:
            return found
    raise OSError(errno.EAGAIN, "it changes faster than it can be read")


def _dumped(kind: int, question: bytes) -> tuple[list[bytes], bool]:
    """The same, and whether nothing changed meanwhile."""
    found: list[bytes] = []
    whole = True
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as line:
        line.settimeout(_PATIENCE)
        line.bind((0, 0))
        line.send(_HEAD.pack(_HEAD.size + len(question), kind, _REQUEST | _DUMP, 1, 0) + question)
        while True:
            for what, flags, body in messages(line.recv(_BUFFER)):
                whole = whole and not flags & _INTERRUPTED
                if what in (_DONE, _ERROR):
                    number = struct.unpack_from("=i", body)[0] if len(body) >= 4 else 0
                    if number:
                        raise OSError(-number, os.strerror(-number))
                    return found, whole
                if what == _ANSWERS[kind]:
                    found.append(body)


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, flags and body of each message in what was received at once."""
    at = 0
    while at + _HEAD.size <= len(data):
        length, kind, flags, _, _ = _HEAD.unpack_from(data, at)
        yield kind, flags, data[at + _HEAD.size : at + length]
        at += max((length + 3) & ~3, _HEAD.size)


def link_name(body: bytes) -> str:
    """What a message about a link is about; "" where it does not say."""
    return _text(_attributes(body, _LINK.size, _NAME).get(_NAME, b""))


def _attributes(data: bytes, at: int, *wanted: int) -> Attributes:
    """By their numbers; no more than these are looked for, where there are any: a link has some sixty."""
    found: Attributes = {}
    unpack, size = _ATTRIBUTE.unpack_from, _ATTRIBUTE.size
    last = len(data) - size
    while at <= last:
        length, kind = unpack(data, at)
        kind &= _NESTED
        if not wanted or kind in wanted:
            found[kind] = data[at + size : at + length]
            if len(found) == len(wanted):
                break
        at += (length + 3) & ~3 or size
    return found


def _text(told: bytes) -> str:
    return told.rstrip(b"\0").decode(errors="surrogateescape")
