"""Fact, Need, Claim: what resources provide, require, and hold for themselves alone.

Resource types do not know each other. A type says "I provide the mount /srv", another "I need the path /srv/data";
core/order.py matches the two.
"""

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a fact is about; the value is how messages name it."""

    __hash__ = object.__hash__  # by identity, as members are compared

    MOUNT = "mount point"
    """Provided by a filesystem. Key: an absolute path."""
    PATH = "path"
    """Needed by whatever uses a file or folder. Key: an absolute path; the deepest mount that holds it provides it."""
    FOLDER = "folder"
    """Of an owner and a mode of its own. Key: an absolute path. Whoever needs a path comes after the folders that it lies in."""
    DEVICE = "device"
    """Key: an absolute path as core/devices.py spells it (of a loop device, the path of its backing file); who provides a folder
    of devices provides those in it."""
    ENGINE = "engine"
    """Key: the engine's socket path."""
    NETWORK = "network"
    """Of an engine. Key: within."""
    VOLUME = "volume"
    """Of an engine. Key: within."""
    ADDRESS = "address"
    """Key: an IPv4 or IPv6 address of the machine, without its prefix, as the ipaddress module writes it."""
    NETNS = "network namespace"


class Fact(NamedTuple):
    """Something that holds while a resource is up."""

    kind: Kind
    key: str


class Bond(Enum):
    """ORDER: sequence only. HOLD: if the needed thing goes down, its holder goes down first and comes back after."""

    ORDER = "order"
    HOLD = "hold"


class Need(NamedTuple):
    """A fact that a resource cannot be up without."""

    fact: Fact
    bond: Bond = Bond.HOLD


class Claim(NamedTuple):
    """Something that one resource on the machine holds exclusively.

    scope: what the claim is exclusive within: "" for the machine, or the key of an engine for a name inside it.
    key: compared literally, so that a type must write it in one canonical form.
    label: how a message names it ("port 8080/tcp on 0.0.0.0", "data root /srv/docker").
    by: the key of the claim that it follows from, once somebody looked (what a host name stands for): it is held as long as that.
    of: the key of the whole that it is a part of (a subvolume, of a device); "" where it is the whole.
    shared: with the resources of its own service that use it: it is only looked after (a device as it is).
    """

    kind: str
    key: str
    label: str
    scope: str = ""
    by: str = ""
    of: str = ""
    shared: bool = False


def within(socket: str, name: str) -> str:
    """The key of a fact about what has its name in one engine only. socket: the engine's."""
    return f"{name} of {socket}"


def holds_path(mount: str, path: str) -> bool:
    """Whether `path` lies at or below the mount point `mount`, by path components: /opt/a does not hold /opt/ab."""
    return mount == "/" or path == mount or path.startswith(mount + "/")
