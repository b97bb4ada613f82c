"""Changes of network devices and their addresses, by rtnetlink. Of a message only the device's name is read."""

import errno
import select
import socket
import struct
from collections.abc import Collection, Iterator
from typing import Final

from reconciler.host.linux.bells.wire import ALL, Heard
from reconciler.host.linux.rtnetlink import link_name, messages

_GROUPS: Final = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR"""
_LINK: Final = frozenset({16, 17})
"""RTM_NEWLINK, RTM_DELLINK"""
_ADDRESS: Final = frozenset({20, 21})
"""RTM_NEWADDR, RTM_DELADDR"""
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
    for kind, _, body in messages(data):
        if kind in _LINK:
            yield link_name(body)
        elif kind in _ADDRESS:
            yield from _name_of(struct.unpack_from("=I", body, 4)[0])


def _name_of(index: int) -> Collection[str]:
    """Of a device that is gone by now, and with it its addresses, another message has the name."""
    try:
        return (socket.if_indextoname(index),)
    except OSError:
        return ()
