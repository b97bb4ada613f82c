"""Forms: how a container spec writes ports, volume mounts, restart policies; each has one canonical text.

Parsers raise ValueError with a clause that says what is wrong and what is expected.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Annotated, Any, Final, NamedTuple, TypeAlias

from pydantic import BeforeValidator

from reconciler.core.values import to_pairs, to_path, to_size, to_text, to_words

_VOLUME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]+")
_PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_PROTOCOLS = ("tcp", "udp", "sctp")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,127}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:@-]{0,511}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
_RETRIES = re.compile(r"on-failure(?::(\d{1,6}))?")
_VARIABLE = re.compile(r"[^=\s\0]+")

SUCCESSOR: Final = ".osvc-new"
PREDECESSOR: Final = ".osvc-old"
LEAST_MEMORY: Final = 6 << 20
"""The engine refuses less."""
MOST_MEMORY: Final = (1 << 62) - 1
"""Twice as much, for memory and swap together, is the most that the engine can be told."""


class Port(NamedTuple):
    """A published port. address: "" is every address of the host."""

    address: str
    host: int
    container: int
    protocol: str

    def __str__(self) -> str:
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}{':' if address else ''}{self.host}:{self.container}/{self.protocol}"

    @property
    def key(self) -> str:
        """What the host side holds, in one canonical form: "0.0.0.0:8080/tcp"."""
        address = self.address or "0.0.0.0"
        return f"{f'[{address}]' if ':' in address else address}:{self.host}/{self.protocol}"

    @property
    def inside(self) -> str:
        """The container's side, as the engine writes it: "80/tcp"."""
        return f"{self.container}/{self.protocol}"


class Volume(NamedTuple):
    """A mount into a container. source: an absolute path (bind) or the name of a volume of the engine."""

    source: str
    target: str
    read_only: bool = False
    propagation: str = ""

    def __str__(self) -> str:
        options = ",".join(word for word in ("ro" if self.read_only else "", self.propagation) if word)
        return f"{self.source}:{self.target}{':' if options else ''}{options}"

    @property
    def binds(self) -> bool:
        return self.source.startswith("/")


def parse_port(text: str) -> tuple[Port, ...]:
    """[IP:]HOST:CONTAINER[/protocol]; HOST and CONTAINER may be ranges of the same length."""
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
    if len(parts) != 2:
        raise ValueError(f"expected [IP:]HOST:CONTAINER[/protocol], not {text!r}")
    if address:
        try:
            address = str(ip_address(address))
        except ValueError:
            raise ValueError(f"{address!r} in port {text!r} is not an IP address") from None
    outside, inside = (_range(part, text) for part in parts)
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


def parse_volume(text: str) -> Volume:
    """SOURCE:TARGET[:options]; the source is an absolute path or a volume's name, the options ro, rw and a propagation."""
    parts = text.split(":")
    if len(parts) not in (2, 3) or not parts[0] or not parts[1]:
        raise ValueError(f"expected SOURCE:TARGET[:ro], not {text!r}")
    source, target = parts[0], parts[1]
    if source.startswith("/"):
        source = to_path(source)
    elif not _VOLUME.fullmatch(source):
        raise ValueError(f"the source of volume {text!r} is neither an absolute path nor a volume's name")
    target = to_path(target)
    if target == "/":
        raise ValueError(f"volume {text!r} would cover the container's root")
    read_only, propagation = False, ""
    for option in parts[2].split(",") if len(parts) == 3 else ():
        if option in ("ro", "rw"):
            read_only = option == "ro"
        elif option in _PROPAGATION and source.startswith("/"):
            propagation = "" if option == "rprivate" else option
        else:
            raise ValueError(f"option {option!r} of volume {text!r} is not supported; ro, rw and, for paths, a propagation are")
    return Volume(source, target, read_only, propagation)


def to_ports(value: Any) -> tuple[str, ...]:
    """Published ports in canonical text, sorted, each once."""
    ports = {port for word in _list(value) for port in parse_port(word)}
    taken: dict[str, Port] = {}
    for port in sorted(ports):
        if port.key in taken:
            raise ValueError(f"port {port.key} is published twice: {taken[port.key]} and {port}")
        taken[port.key] = port
    return tuple(str(port) for port in sorted(ports))


def to_volumes(value: Any) -> tuple[str, ...]:
    """Volume mounts in canonical text, sorted by target, each once."""
    volumes = {parse_volume(word) for word in _list(value)}
    taken: dict[str, Volume] = {}
    for volume in sorted(volumes, key=lambda item: (item.target, item)):
        if volume.target in taken:
            raise ValueError(f"two volumes on {volume.target}: {taken[volume.target].source} and {volume.source}")
        taken[volume.target] = volume
    return tuple(str(volume) for volume in taken.values())


def _list(value: Any) -> Iterable[str]:
    return to_words(value) if not isinstance(value, int) or isinstance(value, bool) else (str(value),)


def ports_of(texts: Iterable[str]) -> tuple[Port, ...]:
    """Canonical texts, read back."""
    return tuple(port for text in texts for port in parse_port(text))


def volumes_of(texts: Iterable[str]) -> tuple[Volume, ...]:
    """Canonical texts, read back."""
    return tuple(parse_volume(text) for text in texts)


def to_restart(value: Any) -> str:
    """no, always, unless-stopped, on-failure or on-failure:N."""
    text = "no" if value is False else to_text(value).strip().lower()
    if text in ("no", "false", "off", ""):
        return "no"
    if text in ("always", "unless-stopped"):
        return text
    found = _RETRIES.fullmatch(text)
    if found is None:
        raise ValueError(f"expected no, always, unless-stopped or on-failure[:N], not {text!r}")
    return f"on-failure:{int(found[1])}" if found[1] and int(found[1]) else "on-failure"


def to_network(value: Any) -> str:
    """bridge, host or none."""
    text = "none" if value is None else to_text(value).strip()
    if text in ("bridge", "host", "none"):
        return text
    if text == "default":
        return "bridge"
    if text.startswith("container"):
        raise ValueError(f"network {text!r} is not supported yet; expected bridge, host or none")
    raise ValueError(f"expected bridge, host or none, not {text!r}")


def to_cpus(value: Any) -> float:
    """How many processors, 0.01 at least; 0 is no limit."""
    try:
        number = round(float(to_text(value)), 9)
    except ValueError:
        raise ValueError(f"expected a number of processors such as 0.5, not {value!r}") from None
    if not (number == 0 or 0.01 <= number < 1e5):
        raise ValueError(f"expected a number of processors from 0.01, or 0 for no limit, not {to_text(value)}")
    return number


def to_memory(value: Any) -> int:
    """Bytes; 0 is no limit."""
    size = to_size(value)
    if size < 0 or 0 < size < LEAST_MEMORY:
        raise ValueError(f"expected 6m or more, or 0 for no limit, not {value!r}")
    if size > MOST_MEMORY:
        raise ValueError(f"expected a limit below 4096 pebibytes, or 0 for no limit, not {value!r}")
    return size


def to_environment(value: Any) -> dict[str, str]:
    """Variables sorted by name. Values are never shown in a message: they may be secret."""
    pairs = to_pairs(_named(value))
    for name in pairs:
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"{name!r} cannot name a variable")
    return dict(sorted(pairs.items()))


def _named(value: Any) -> Any:
    """Refuse words without a name before a general message could show their text."""
    if not isinstance(value, dict):
        for n, word in enumerate(to_words(value), 1):
            if not word.partition("=")[1]:
                raise ValueError(f"expected NAME=VALUE, not {word!r}" if word.isidentifier() else f"word {n} is not NAME=VALUE")
            if word.startswith("="):
                raise ValueError(f"word {n} has no name before '='")
    return value


def to_labels(value: Any) -> dict[str, str]:
    """Labels sorted by name. Those that begin with osvc. are osvc's own."""
    pairs = to_pairs(value)
    for name in pairs:
        if name.startswith("osvc."):
            raise ValueError(f"label {name!r} is osvc's own; choose another name")
    return dict(sorted(pairs.items()))


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        text = to_text(value).strip()
        if text and not pattern.fullmatch(text):
            raise ValueError(f"{text!r} is not {what}")
        return text

    return check


def to_image(value: Any) -> str:
    """An image's name with tag or digest, or its id."""
    text = _matching(_IMAGE, "the name or id of an image")(value)
    if not text:
        raise ValueError("expected the name or id of an image")
    return text


def to_name(value: Any) -> str:
    """A container's name."""
    text = _matching(_NAME, "a container's name (letters, digits, _ . - and two characters at least)")(value)
    if not text:
        raise ValueError("expected a container's name; leave it out to have it made of service and rid")
    if text.rpartition(".")[2].startswith("osvc-"):
        raise ValueError(f"{text!r} ends like the names that osvc gives while it replaces a container")
    return text


def to_choice(*choices: str) -> Callable[[Any], str]:
    """One of these words."""

    def check(value: Any) -> str:
        text = to_text(value).strip()
        if text not in choices:
            raise ValueError(f"expected {' or '.join(choices)}, not {text!r}")
        return text

    return check


def to_archive(value: Any) -> str:
    """An absolute path, or "" for none."""
    return to_path(value) if value not in (None, "") else ""


_WORDS: TypeAlias = str | list[str]
Ports: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(to_ports, json_schema_input_type=_WORDS)]
Volumes: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(to_volumes, json_schema_input_type=_WORDS)]
Environment: TypeAlias = Annotated[
    dict[str, str], BeforeValidator(to_environment, json_schema_input_type=str | list[str] | dict[str, str | int | float | bool])
]
Labels: TypeAlias = Annotated[
    dict[str, str], BeforeValidator(to_labels, json_schema_input_type=str | list[str] | dict[str, str | int | float | bool])
]
Restart: TypeAlias = Annotated[str, BeforeValidator(to_restart, json_schema_input_type=str)]
Network: TypeAlias = Annotated[str, BeforeValidator(to_network, json_schema_input_type=str)]
Cpus: TypeAlias = Annotated[float, BeforeValidator(to_cpus, json_schema_input_type=float | str)]
Memory: TypeAlias = Annotated[int, BeforeValidator(to_memory, json_schema_input_type=int | str)]
Image: TypeAlias = Annotated[str, BeforeValidator(to_image, json_schema_input_type=str)]
Name: TypeAlias = Annotated[str, BeforeValidator(to_name, json_schema_input_type=str)]
User: TypeAlias = Annotated[
    str, BeforeValidator(_matching(_USER, "a user (name or number, and :group)"), json_schema_input_type=str | int)
]
Hostname: TypeAlias = Annotated[str, BeforeValidator(_matching(_HOST, "a host name"), json_schema_input_type=str)]
PullPolicy: TypeAlias = Annotated[str, BeforeValidator(to_choice("once", "always"), json_schema_input_type=str)]
Folder: TypeAlias = Annotated[str, BeforeValidator(to_archive, json_schema_input_type=str)]
