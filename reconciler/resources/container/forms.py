"""Forms: what a spec may write for each keyword of a container, and its one canonical text.

Parsers raise ValueError with a clause that says what is wrong and what is expected.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator

from reconciler.core.values import PAIRS_INPUT, Unit, to_address, to_pairs, to_path, to_size, to_text, to_words
from reconciler.resources.container.devices import gpus_text, parse_cgroup_rule, parse_device, parse_gpus
from reconciler.resources.container.health import to_check
from reconciler.resources.container.limits import parse_rate, parse_weight, to_ulimits
from reconciler.resources.container.mounts import mount_text, parse_mount, parse_tmpfs, to_volumes
from reconciler.resources.container.ports import texts, to_exposed, to_ports
from reconciler.resources.container.rights import to_capability, to_security

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,127}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:@-]{0,511}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?|:[A-Za-z0-9_][A-Za-z0-9_.-]*")
_RETRIES = re.compile(r"on-failure(?::(\d{1,6}))?")
_NETWORK_RID = re.compile(r"network#[A-Za-z0-9][A-Za-z0-9_.-]*")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?")
_CPU_SET = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")
_SIGNAL = re.compile(r"(SIG)?(RTMIN|RTMAX)?[A-Z0-9+-]*[A-Z0-9]")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:-]*")
_GROUP = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_CGROUP = re.compile(r"[A-Za-z0-9_./@:-]+")
_VARIABLE = re.compile(r"[^=\s\0]+")

SUCCESSOR: Final = ".osvc-new"
PREDECESSOR: Final = ".osvc-old"
LEAST_MEMORY: Final = 6 << 20
"""The engine refuses less."""
MOST_MEMORY: Final = (1 << 62) - 1
"""Twice as much, for memory and swap together, is the most that the engine can be told."""


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
    """bridge, host, none, the rid of a network of the service, or the name of a network of the engine."""
    text = "none" if value is None else to_text(value).strip()
    if text == "default":
        return "bridge"
    if text.startswith("container:") or text.startswith("container#"):
        raise ValueError(f"network {text!r} is not supported yet; expected bridge, host, none, network#… or a network's name")
    if "=" in text:
        raise ValueError(f"network {text!r}: write the name alone; addresses and aliases have keywords of their own")
    if not (_NAME.fullmatch(text) or _NETWORK_RID.fullmatch(text)):
        raise ValueError(f"expected bridge, host, none, network#… or a network's name, not {text!r}")
    return text


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
    return pairs


def _named(value: Any) -> Any:
    """Refuse words without a name before a general message could show their text."""
    if not isinstance(value, dict):
        for n, word in enumerate(to_words(value), 1):
            if not word.partition("=")[1]:
                raise ValueError(f"expected NAME=VALUE, not {word!r}" if word.isidentifier() else f"word {n} is not NAME=VALUE")
            if word.startswith("="):
                raise ValueError(f"word {n} has no name before '='")
    return value


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


def each(canonical: Callable[[str], object], *, ordered: bool = False) -> Callable[[Any], tuple[str, ...]]:
    """A list of words in canonical text, each once; sorted where their order means nothing. A map stands for NAME=VALUE."""

    def check(value: Any) -> tuple[str, ...]:
        words = [f"{name}={text}" for name, text in to_pairs(value).items()] if isinstance(value, dict) else texts(value)
        found = dict.fromkeys(str(canonical(word)) for word in words)
        return tuple(found) if ordered else tuple(sorted(found))

    return check


def to_number(low: int, high: int, *also: int) -> Callable[[Any], int]:
    """A whole number from low to high, or one of the others."""

    def check(value: Any) -> int:
        text = to_text(value).strip()
        try:
            number = int(text)
        except ValueError:
            raise ValueError(f"expected a whole number, not {text!r}") from None
        if not (low <= number <= high or number in also):
            others = "".join(f" or {one}" for one in also)
            raise ValueError(f"expected {low} to {high}{others}, not {text}")
        return number

    return check


def to_shares(value: Any) -> int:
    """A weight of processors; the usual one, 1024, is 0."""
    number = to_number(2, 262144, 0)(value)
    return 0 if number == 1024 else number


def to_pids(value: Any) -> int:
    """How many processes; 0, or -1 as engines have it, is no limit."""
    return max(0, to_number(1, 1 << 62, 0, -1)(value))


def to_bytes(value: Any) -> int:
    """Bytes; 0 is as the engine has it."""
    size = to_size(value)
    if not 0 <= size <= MOST_MEMORY:
        raise ValueError(f"expected a size such as 64m, not {value!r}")
    return size


def to_swap(value: Any) -> int:
    """Bytes of memory and swap together; -1 is no limit, 0 follows from that of memory."""
    return -1 if to_text(value).strip() == "-1" else to_memory(value)


def same_swap(want: int, have: int) -> bool:
    """The same limit. A kernel that cannot limit swap shows -1 whatever was asked for."""
    return want == have or (want == 0 and have == -1)


def to_mac(value: Any) -> str:
    """An address of a network interface, in small letters."""
    return _matching(_MAC, "an address such as 02:42:ac:11:00:63")(to_text(value).lower())


def to_host(text: str) -> str:
    """NAME:ADDRESS of a line in /etc/hosts; NAME=ADDRESS is understood."""
    name, _, address = text.partition("=") if "=" in text else text.partition(":")
    address = address.removeprefix("[").removesuffix("]")
    if not name or not address:
        raise ValueError(f"expected NAME:ADDRESS, not {text!r}")
    return f"{name}:{address if address == 'host-gateway' else to_address(address)}"


def to_signal(value: Any) -> str:
    """A signal by its name, SIGTERM, or by its number."""
    text = to_text(value).strip().upper()
    if text.isdecimal():
        if not 1 <= int(text) <= 64:
            raise ValueError(f"{text} is not a signal's number")
        return text
    if text and not _SIGNAL.fullmatch(text):
        raise ValueError(f"{to_text(value)!r} is not a signal such as SIGTERM")
    return text if not text or text.startswith("SIG") else f"SIG{text}"


def to_namespace(*words: str) -> Callable[[Any], str]:
    """One of these words, or "" for as the engine has it."""

    def check(value: Any) -> str:
        text = to_text(value).strip()
        if text.startswith("container"):
            raise ValueError(f"{text!r}: the namespace of another container is not supported yet; expected {' or '.join(words)}")
        if text and text not in words:
            raise ValueError(f"expected {' or '.join(words)}, not {text!r}")
        return text

    return check


def to_mounts(value: Any) -> tuple[str, ...]:
    """Mounts in canonical text, sorted, each once."""
    return tuple(sorted({mount_text(parse_mount(word)) for word in to_words(value)}))


def to_tmpfs(text: str) -> str:
    """PATH[:OPTIONS]."""
    path, options = parse_tmpfs(text)
    return f"{path}:{options}" if options else path


def to_paths(value: Any) -> tuple[str, ...]:
    """Absolute paths, in their order."""
    return tuple(to_path(word) for word in to_words(value))


def to_credentials(value: Any) -> str:
    """The path of a docker client's config.json, or "" for none. The client takes the folder of such a file, and no other name."""
    path = to_archive(value)
    if path and not path.endswith("/config.json"):
        raise ValueError(f"expected the path of a docker client's config.json, not {path!r}: the client knows no other name")
    return path


def to_gpus(value: Any) -> str:
    """A request for GPUs, or "" for none."""
    text = to_text(value).strip()
    return gpus_text(parse_gpus(text)) if text else ""


_WORDS: TypeAlias = str | list[str]
Ports: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(to_ports, json_schema_input_type=_WORDS)]
Volumes: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(to_volumes, json_schema_input_type=_WORDS)]
Environment: TypeAlias = Annotated[dict[str, str], BeforeValidator(to_environment, json_schema_input_type=PAIRS_INPUT)]
Restart: TypeAlias = Annotated[str, BeforeValidator(to_restart, json_schema_input_type=str)]
Network: TypeAlias = Annotated[str, BeforeValidator(to_network, json_schema_input_type=str)]
Cpus: TypeAlias = Annotated[float, BeforeValidator(to_cpus, json_schema_input_type=float | str)]
Image: TypeAlias = Annotated[str, BeforeValidator(to_image, json_schema_input_type=str)]
Name: TypeAlias = Annotated[str, BeforeValidator(to_name, json_schema_input_type=str)]
User: TypeAlias = Annotated[
    str, BeforeValidator(_matching(_USER, "a user (name or number, and :group)"), json_schema_input_type=str | int)
]
Hostname: TypeAlias = Annotated[str, BeforeValidator(_matching(_HOST, "a host name"), json_schema_input_type=str)]
Replacing: TypeAlias = Annotated[str, BeforeValidator(to_choice("stop-first", "start-first"), json_schema_input_type=str)]
PullPolicy: TypeAlias = Annotated[str, BeforeValidator(to_choice("once", "always", "never"), json_schema_input_type=str)]
Folder: TypeAlias = Annotated[str, BeforeValidator(to_archive, json_schema_input_type=str)]


def _listed(check: Callable[[Any], tuple[str, ...]]) -> BeforeValidator:
    return BeforeValidator(check, json_schema_input_type=_WORDS)


def _word(check: Callable[[Any], str]) -> BeforeValidator:
    return BeforeValidator(check, json_schema_input_type=str)


def _counted(check: Callable[[Any], int]) -> BeforeValidator:
    return BeforeValidator(check, json_schema_input_type=int | str)


Texts: TypeAlias = Annotated[tuple[str, ...], _listed(each(str, ordered=True))]
Addresses: TypeAlias = Annotated[tuple[str, ...], _listed(each(to_address, ordered=True))]
Exposed: TypeAlias = Annotated[tuple[str, ...], _listed(to_exposed)]
Hosts: TypeAlias = Annotated[tuple[str, ...], _listed(each(to_host))]
Groups: TypeAlias = Annotated[tuple[str, ...], _listed(each(_matching(_GROUP, "a group (name or number)")))]
Capabilities: TypeAlias = Annotated[tuple[str, ...], _listed(each(to_capability))]
Security: TypeAlias = Annotated[tuple[str, ...], _listed(each(to_security))]
Devices: TypeAlias = Annotated[tuple[str, ...], _listed(each(parse_device))]
CgroupRules: TypeAlias = Annotated[tuple[str, ...], _listed(each(parse_cgroup_rule))]
Ulimits: TypeAlias = Annotated[
    dict[str, str], BeforeValidator(to_ulimits, json_schema_input_type=str | list[str] | dict[str, str | int])
]
Weights: TypeAlias = Annotated[tuple[str, ...], _listed(each(parse_weight))]
ByteRates: TypeAlias = Annotated[tuple[str, ...], _listed(each(partial(parse_rate, bytes=True)))]
Rates: TypeAlias = Annotated[tuple[str, ...], _listed(each(partial(parse_rate, bytes=False)))]
Paths: TypeAlias = Annotated[tuple[str, ...], _listed(to_paths)]
Mounts: TypeAlias = Annotated[tuple[str, ...], _listed(to_mounts)]
Tmpfs: TypeAlias = Annotated[tuple[str, ...], _listed(each(to_tmpfs))]
Credentials: TypeAlias = Annotated[str, _word(to_credentials)]
Gpus: TypeAlias = Annotated[str, BeforeValidator(to_gpus, json_schema_input_type=str | int)]
Signal: TypeAlias = Annotated[str, BeforeValidator(to_signal, json_schema_input_type=str | int)]
HealthCheck: TypeAlias = Annotated[str, BeforeValidator(to_check, json_schema_input_type=_WORDS)]
Mac: TypeAlias = Annotated[str, _word(to_mac)]
Platform: TypeAlias = Annotated[str, _word(_matching(_PLATFORM, "a platform such as linux/arm64"))]
Word: TypeAlias = Annotated[str, _word(_matching(_WORD, "a name"))]
CgroupParent: TypeAlias = Annotated[str, _word(_matching(_CGROUP, "a control group"))]
CpuSet: TypeAlias = Annotated[
    str, BeforeValidator(_matching(_CPU_SET, "a set of numbers such as 0-1,3"), json_schema_input_type=str | int)
]
Namespace: TypeAlias = Annotated[str, _word(to_namespace("host"))]
Ipc: TypeAlias = Annotated[str, _word(to_namespace("private", "shareable", "none", "host"))]
Cgroupns: TypeAlias = Annotated[str, _word(to_namespace("private", "host"))]
Address: TypeAlias = Annotated[str, _word(lambda value: to_address(to_text(value)) if value not in (None, "") else "")]
Memory: TypeAlias = Annotated[int, _counted(to_memory), Unit.BYTES]
Bytes: TypeAlias = Annotated[int, _counted(to_bytes), Unit.BYTES]
Swap: TypeAlias = Annotated[int, _counted(to_swap), Unit.BYTES]
Swappiness: TypeAlias = Annotated[int, _counted(to_number(0, 100, -1))]
Shares: TypeAlias = Annotated[int, _counted(to_shares)]
Microseconds: TypeAlias = Annotated[int, _counted(to_number(0, 1 << 62))]
Pids: TypeAlias = Annotated[int, _counted(to_pids)]
OomScore: TypeAlias = Annotated[int, _counted(to_number(-1000, 1000))]
BlkioWeight: TypeAlias = Annotated[int, _counted(to_number(10, 1000, 0))]
Count: TypeAlias = Annotated[int, _counted(to_number(0, 1 << 31))]
