"""ports: how a container spec writes the ports that it publishes and exposes; each has one canonical text.

Parsers raise ValueError with a clause that says what is wrong and what is expected.
"""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from reconciler.core.values import to_text, to_words

_PROTOCOLS: Final = ("tcp", "udp", "sctp")


class Port(NamedTuple):
    """A published port. address: "" is every address of the host. host: 0 is any free port, another one at each start."""

    address: str
    host: int
    container: int
    protocol: str

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        outside = f"{address}:{self.host or ''}:" if address else f"{self.host}:" if self.host else ""
        return f"{outside}{self.container}/{self.protocol}"

    @property
    def key(self) -> str:
        """What the host side holds, in one canonical form: "0.0.0.0:8080/tcp"."""
        address = self.address or "0.0.0.0"
        return f"{f'[{address}]' if ':' in address else address}:{self.host}/{self.protocol}"

    @property
    def inside(self) -> str:
        """The container's side, as the engine writes it: "80/tcp"."""
        return f"{self.container}/{self.protocol}"


def parse_port(text: str) -> tuple[Port, ...]:
    """[[IP:][HOST]:]CONTAINER[/protocol]; HOST and CONTAINER may be ranges of the same length. Without HOST: any free port."""
    body, _, protocol = text.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in _PROTOCOLS:
        raise ValueError(f"expected /tcp, /udp or /sctp at the end of port {text!r}")
    address = ""
    if body.startswith("["):
        address, _, body = body[1:].partition("]")
        body = body.removeprefix(":")
    parts = body.split(":")
    if len(parts) == 3 and not address:
        address, parts = parts[0], parts[1:]
    if len(parts) == 1 and not address:
        parts = ["", *parts]
    if len(parts) != 2:
        raise ValueError(f"expected [IP:]HOST:CONTAINER[/protocol], not {text!r}")
    if address:
        try:
            address = str(ip_address(address))
        except ValueError:
            raise ValueError(f"{address!r} in port {text!r} is not an IP address") from None
    inside = _range(parts[1], text)
    outside = _range(parts[0], text) if parts[0] else [0] * len(inside)
    if len(outside) != len(inside):
        raise ValueError(f"the two ranges of port {text!r} differ in length")
    return tuple(Port("" if address == "::" else address, one, other, protocol) for one, other in zip(outside, inside, strict=True))


def _range(text: str, whole: str) -> range:
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first]
    if not all(number.isdecimal() and number.isascii() for number in numbers):
        raise ValueError(f"expected [IP:]HOST:CONTAINER[/protocol], not {whole!r}")
    for number in numbers:
        if not 1 <= int(number) <= 65535:
            raise ValueError(f"{number} in port {whole!r} is not a port: expected 1 to 65535")
    low, high = int(first), int(numbers[-1])
    if high < low:
        raise ValueError(f"the range {text!r} in port {whole!r} runs backwards")
    return range(low, high + 1)


def to_ports(value: Any) -> tuple[str, ...]:
    """Published ports in canonical text, sorted, each once."""
    ports = {port for word in texts(value) for port in parse_port(word)}
    taken: dict[str, Port] = {}
    for port in sorted(ports):
        if port.host and port.key in taken:
            raise ValueError(f"port {port.key} is published twice: {taken[port.key]} and {port}")
        taken[port.key] = port
    return tuple(str(port) for port in sorted(ports))


def to_exposed(value: Any) -> tuple[str, ...]:
    """Exposed ports, each PORT[/protocol], in canonical text, sorted, each once; ranges are spelt out."""
    found: set[tuple[int, str]] = set()
    for text in texts(value):
        number, _, protocol = text.partition("/")
        protocol = protocol.lower() or "tcp"
        if protocol not in _PROTOCOLS:
            raise ValueError(f"expected /tcp, /udp or /sctp at the end of port {text!r}")
        if ":" in number:
            raise ValueError(f"expected PORT[/protocol], not {text!r}; ports: publishes")
        found |= {(one, protocol) for one in _range(number, text)}
    return tuple(f"{number}/{protocol}" for number, protocol in sorted(found))


def texts(value: Any) -> Iterable[str]:
    """Words; a lone number is one, too."""
    return to_words(value) if not isinstance(value, int) or isinstance(value, bool) else (to_text(value),)


def ports_of(texts: Iterable[str]) -> tuple[Port, ...]:
    """Canonical texts, read back."""
    return tuple(port for text in texts for port in parse_port(text))
