"""Sockets on Linux: who listens, on a unix socket or on a port."""

import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterator
from typing import TypeAlias

from reconciler.host.errors import Permanent, Transient
from reconciler.host.linux import faults

_LISTEN = {"tcp": "0A", "udp": "07"}
"""The state of a socket that takes what comes: TCP_LISTEN; for udp, unconnected."""

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def peer_pid(path: str, timeout: float = 2.0) -> int | None:
    """The pid that listens on a unix socket (SO_PEERCRED); 0 when it has none here; None when nobody answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(timeout)
        try:
            stream.connect(path)
            data = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        except (TimeoutError, BlockingIOError):
            raise Transient(f"{path} does not answer") from None
        except OSError as error:
            if error.errno is None:
                raise Permanent(f"cannot connect to {path}: a socket's path has less than 108 characters") from None
            raise faults.of_errno(error, f"cannot connect to {path}") from None
    return int(struct.unpack("3i", data)[0])


def listening_inode(address: str, port: int, protocol: str) -> int | None:
    """The inode of a socket that listens where `address` and `port` would; None when there is none."""
    wanted = wanted_address(address, protocol)
    for bound, bound_port, inode in _listeners(protocol):
        if bound_port == port and collides(wanted, bound):
            return inode
    return None


def wanted_address(address: str, protocol: str) -> _Address:
    """The address to look for. Raises Permanent when it is none, or the protocol is not known."""
    if protocol not in _LISTEN:
        raise Permanent(f"cannot look for a listener of protocol {protocol!r}; tcp and udp are known")
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        raise Permanent(f"cannot look for a listener on {address!r}: not an address") from None


def collides(wanted: _Address, bound: _Address) -> bool:
    """Whether a new listener on `wanted` would meet one on `bound`.

    A listener on :: counts as one that takes IPv4 too, for the kernel does not tell, and most do.
    """
    wanted, bound = _unmapped(wanted), _unmapped(bound)
    if bound.is_unspecified and bound.version == 6:
        return True
    if wanted.is_unspecified and wanted.version == 6:
        return True
    return wanted.version == bound.version and (wanted == bound or wanted.is_unspecified or bound.is_unspecified)


def owner(inode: int) -> int:
    """The first process that holds a socket, by pid; 0 when it cannot be named."""
    link = f"socket:[{inode}]"
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{descriptor}") == link:
                    return pid
        except OSError:
            continue
    return 0


def decode(text: str) -> _Address:
    """An address of /proc/net/tcp or tcp6: words of 32 bits in the machine's own byte order, in hexadecimal."""
    words = [int(text[i : i + 8], 16).to_bytes(4, sys.byteorder) for i in range(0, len(text), 8)]
    return ipaddress.ip_address(b"".join(words))


def _listeners(protocol: str) -> Iterator[tuple[_Address, int, int]]:
    for table in (protocol, f"{protocol}6"):
        try:
            with open(f"/proc/thread-self/net/{table}", encoding="ascii") as stream:
                lines = stream.read().splitlines()[1:]
        except FileNotFoundError:
            continue
        except OSError as error:
            raise faults.of_errno(error, f"cannot read the table of {table} sockets") from None
        for line in lines:
            words = line.split()
            if words[3] == _LISTEN[protocol]:
                address, port = words[1].rsplit(":", 1)
                yield decode(address), int(port, 16), int(words[9])


def _unmapped(address: _Address) -> _Address:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
