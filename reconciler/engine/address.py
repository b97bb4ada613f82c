"""Address: where something listens, as the configuration says it: unix:PATH, IP:PORT, [IP]:PORT, or off."""

from ipaddress import ip_address
from typing import Final, NamedTuple

from reconciler.core import values

_FORMS: Final = "expected unix:/PATH, IP:PORT or off"
_LONGEST: Final = 107
"""Bytes of a socket's path (unix(7))."""


class Address(NamedTuple):
    """path: of a unix socket; or else host, which is an IP address, and port."""

    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(text: str) -> Address | None:
    """None for off. Raises ValueError, with what was expected."""
    if text == "off":
        return None
    if text.startswith("unix:"):
        path = values.to_path(text.removeprefix("unix:"))
        if len(path.encode()) > _LONGEST:
            raise ValueError(
                f"expected a path of at most {_LONGEST} bytes, not of {len(path.encode())}: a socket's may not be longer"
            )
        return Address(path=path)
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not (port.isascii() and port.isdecimal()) or not 1 <= int(port) <= 65535:
        raise ValueError(f"{_FORMS}, not '{text}'")
    if bare == "localhost":
        raise ValueError(f"expected an IP address before the port; did you mean '127.0.0.1:{port}'?")
    try:
        found = ip_address(bare)
    except ValueError:
        raise ValueError(f"{_FORMS}, not '{text}': '{bare}' is no IP address") from None
    if found.version == 6 and bare == host:
        raise ValueError(f"{_FORMS}: an IPv6 address stands in brackets: [{host}]:{port}")
    return Address(host=str(found), port=int(port))
