"""Node and Place: which machine a spec is read for, and where in a service a resource stands."""

from collections.abc import Callable
from hashlib import sha256

from reconciler.core.lazy import dataclass

SYSTEM_SOCKET = "/var/run/docker.sock"
"""Of the machine's own engine."""


@dataclass(frozen=True, slots=True)
class Node:
    """The machine that a spec is read for. Paths are absolute, without a trailing slash. systemd: whether it runs the machine."""

    name: str = "localhost"
    env: str = ""
    state_dir: str = "/var/lib/osvc"
    run_dir: str = "/run/osvc"
    subnet_pool: str = "10.208.0.0/12"
    systemd: bool = False

    def service_dir(self, service: str) -> str:
        """The runtime folder of a service (socket, pid files, exec-root)."""
        return f"{self.run_dir}/{service}"

    def socket(self, service: str, *, own: bool) -> str:
        """The socket of the engine that a service uses: its own, or the machine's."""
        return f"{self.service_dir(service)}/docker.sock" if own else SYSTEM_SOCKET

    def tag(self, service: str) -> str:
        """8 hex digits that name a service's bridge and chains: different for another run folder on the same machine."""
        return sha256(f"{self.run_dir}\0{service}".encode()).hexdigest()[:8]


def _unread(path: str) -> str:
    raise ValueError(f"{path} cannot be read here")


@dataclass(frozen=True, slots=True)
class Place:
    """The validation context of a desired model: pydantic hands it to validators as `info.context`.

    A model fills its internal fields from it. When a model is read back from the store or a snapshot there is no
    context, and the internal fields are in the data.

    read: the text of a file that the spec names; raises ValueError, with what is wrong with it. Whoever loads the spec reads.
    """

    service: str
    rid: str
    node: Node
    read: Callable[[str], str] = _unread

    def inside(self, rid: str) -> str:
        """What a resource of the service is called inside its engine."""
        return f"{self.service}.{rid.replace('#', '.')}"
