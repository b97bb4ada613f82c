"""Changes of network devices and their addresses, by rtnetlink. Of a message only the device's name is read."""

import errno
import select
import socket
import struct
from collections.abc import Collection, Iterator
from typing import Final

from reconciler.host.linux.bells.wire import ALL, Heard

_GROUPS: Final = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR"""
_LINK: Final = frozenset({16, 17})
"""RTM_NEWLINK, RTM_DELLINK"""
_ADDRESS: Final = frozenset({20, 21})
"""RTM_NEWADDR, RTM_DELADDR"""
_IFLA_IFNAME: Final = 3
_HEAD: Final = struct.Struct("=IHHII")
_LINK_HEAD: Final = 16
_BUFFER: Final = 1 << 20


class LinksWire:
    events = select.EPOLLIN
    lasting = True
    begun = True

    def __init__(self, key: str) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._socket.bind((0, _GROUPS))
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def heard(self) -> Heard:
        """The names of the devices; ALL when the kernel dropped messages."""
        found: dict[str, str] = {}
        while True:
            try:
                found.update(dict.fromkeys(_devices(self._socket.recv(1 << 16)), ""))
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                found.update(ALL)

    def close(self) -> None:
        self._socket.close()


def _devices(data: bytes) -> Iterator[str]:
    at = 0
    while at + _HEAD.size <= len(data):
        length, kind, *_ = _HEAD.unpack_from(data, at)
        body = data[at + _HEAD.size : at + length]
        if kind in _LINK:
            yield _name_in(body)
        elif kind in _ADDRESS:
            yield from _name_of(struct.unpack_from("=I", body, 4)[0])
        at += max((length + 3) & ~3, _HEAD.size)


def _name_in(body: bytes) -> str:
    """The device's name among the attributes of a link message."""
    at = _LINK_HEAD
    while at + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, at)
        if kind == _IFLA_IFNAME:
            return body[at + 4 : at + length].rstrip(b"\0").decode(errors="surrogateescape")
        at += max((length + 3) & ~3, 4)
    return ""


def _name_of(index: int) -> Collection[str]:
    """Of a device that is gone by now, and with it its addresses, another message has the name."""
    try:
        return (socket.if_indextoname(index),)
    except OSError:
        return ()
