"""Options: what `docker_daemon_args` may say, and what of a running daemon's words is the user's. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_SHORT = {"-H": "--host", "-g": "--data-root", "-p": "--pidfile", "-b": "--bridge", "-D": "--debug", "-l": "--log-level",
          "-G": "--group", "-s": "--storage-driver", "-v": "--version", "-h": "--help"}  # fmt: skip
_OLD = {"--graph": "--data-root", "--hosts": "--host"}

GROUP = "--group"
"""Of the socket: osvc's own keyword docker_socket_group says the same."""

TAKEN = {
    "--host": "the socket",
    "--data-root": "the data root (docker_data_dir)",
    "--exec-root": "the exec root",
    "--pidfile": "the pid file",
    "--config-file": "the config file",
    "--containerd": "containerd",
    "--containerd-namespace": "containerd",
    "--containerd-plugins-namespace": "containerd",
    "--bridge": "the bridge",
    "--bip": "the bridge's address",
    "--default-address-pool": "the address pools",
    "--iptables": "the firewall",
    "--ip6tables": "the firewall",
    "--ip-masq": "the firewall",
    "--ip-forward": "forwarding",
    "--userland-proxy": "how ports are published",
    "--userland-proxy-path": "how ports are published",
}
"""What osvc itself sets of a private engine, and what it is."""

_ENDS = ("--version", "--help", "--validate")

_SWITCHES = frozenset(
    {"--debug", "--live-restore", "--experimental", "--icc", "--init", "--ipv6", "--no-new-privileges", "--raw-logs",
     "--selinux-enabled", "--tls", "--tlsverify", "--iptables", "--ip6tables", "--ip-masq", "--ip-forward", "--userland-proxy",
     "--rootless", "--allow-direct-routing", *_ENDS}
)  # fmt: skip
"""Options that take no word after them."""

_RELOAD: Mapping[str, tuple[str, type]] = {
    "--debug": ("debug", bool),
    "--live-restore": ("live-restore", bool),
    "--label": ("labels", list),
    "--insecure-registry": ("insecure-registries", list),
    "--registry-mirror": ("registry-mirrors", list),
    "--max-concurrent-downloads": ("max-concurrent-downloads", int),
    "--max-concurrent-uploads": ("max-concurrent-uploads", int),
    "--shutdown-timeout": ("shutdown-timeout", int),
}
"""What a SIGHUP reloads: these options go into the config file instead of the daemon's words."""

RELOADED = frozenset(key for key, _ in _RELOAD.values())
"""The keys of the config file that a SIGHUP reloads."""


def pairs(words: Sequence[str]) -> tuple[tuple[str, str | None], ...]:
    """Long option name and value, in order; the value of a switch is None unless it was written (`--icc=false`)."""
    found: list[tuple[str, str | None]] = []
    todo = list(words)
    while todo:
        word = todo.pop(0)
        name, sign, value = word.partition("=")
        if not word.startswith("--") and word.startswith("-") and len(word) > 2 and not sign:
            name, sign, value = word[:2], "=", word[2:]
        if not name.startswith("-") or name in ("-", "--"):
            raise ValueError(f"expected an option of dockerd, not {word!r}")
        name = _SHORT.get(name, name)
        name = _OLD.get(name, name)
        if sign:
            found.append((name, value))
        elif name in _SWITCHES or not todo:
            found.append((name, None))
        else:
            found.append((name, todo.pop(0)))
    return tuple(found)


def check(words: Sequence[str]) -> None:
    """Raises ValueError for an option that osvc sets itself, or that cannot be."""
    for name, value in pairs(words):
        if name == "--host" and value and value.startswith(("tcp:", "fd:")):
            raise ValueError(f"-H {value} would open the engine beyond its socket, which is as good as root: remove it")
        if name in TAKEN:
            raise ValueError(f"{name}: osvc sets {TAKEN[name]} of a private engine itself: remove it")
        if name in _ENDS:
            raise ValueError(f"{name} keeps the daemon from running: remove it")
        if name in _RELOAD:
            _read(name, value, _RELOAD[name][1])


def split(words: Sequence[str]) -> tuple[tuple[str, ...], dict[str, Any]]:
    """What stays on the daemon's command line, in one canonical spelling, and what goes into its config file."""
    stays: list[str] = []
    settings: dict[str, Any] = {}
    for name, value in pairs(words):
        if name in _RELOAD:
            key, shape = _RELOAD[name]
            read = _read(name, value, shape)
            settings[key] = [*settings.get(key, []), read] if shape is list else read
        else:
            stays.append(name if value is None else f"{name}={value}")
    return tuple(stays), settings


def without(words: Sequence[str], name: str) -> tuple[tuple[str, ...], str | None]:
    """The words without a long option that takes a value, and its last value, or None. What cannot be read is left as it is."""
    value = value_of(words, name)
    if value is None:
        return tuple(words), None
    left = ((option, text) for option, text in pairs(words) if option != name)
    return tuple(option if text is None else f"{option}={text}" for option, text in left), value


def value_of(words: Sequence[str], name: str) -> str | None:
    """The last value of a long option among a daemon's words, or None."""
    found = None
    try:
        for option, value in pairs(words):
            if option == name:
                found = value if value is not None else ""
    except ValueError:
        return None
    return found


def users_own(argv: Sequence[str], ours: Iterable[str]) -> tuple[str, ...]:
    """The words of a running daemon without the program's name and what osvc itself gave it (`ours`). The group that a daemon
    gave its socket at its start is of no account: what counts is the one that the socket has now."""
    given = set(ours)
    try:
        words = [name if value is None else f"{name}={value}" for name, value in pairs(argv[1:]) if name != GROUP]
    except ValueError:
        return tuple(argv[1:])
    return tuple(word for word in words if word not in given)


def same_words(want: Sequence[str], have: Sequence[str]) -> bool:
    """Whether two lists of daemon arguments come to the same command line; what a SIGHUP reloads does not count."""
    try:
        return split(want)[0] == split(have)[0]
    except ValueError:
        return tuple(want) == tuple(have)


def _read(name: str, value: str | None, shape: type) -> Any:
    if shape is bool:
        if value not in (None, "true", "false"):
            raise ValueError(f"{name}: expected true or false, not {value!r}")
        return value != "false"
    if value is None:
        raise ValueError(f"{name}: a value is missing")
    if shape is int:
        if not value.isdigit():
            raise ValueError(f"{name}: expected a number, not {value!r}")
        return int(value)
    return value
