"""endpoints: what an engine keeps of a container on a network, under the container's name.

An engine whose disk was full may keep the endpoint of a container that is long gone, and start no other of that name until it is
restarted (seen with 20.10). It forgets such an endpoint when it is told to disconnect a name that no container has.
"""

import re
from typing import Final

from reconciler.host.errors import HostError, NotFound
from reconciler.host.ports import Engine

AWAY: Final = ".osvc-away"
"""Ends the name of a container while its own name is nobody's. If osvc dies then, the next run finds it renamed, and names it
back."""
_TAKEN = re.compile(r"endpoint with name (\S+) already exists in network (\S+)")


def taken(err: HostError) -> tuple[str, str] | None:
    """(name, network) of the endpoint that a start was refused for, or None."""
    found = _TAKEN.search(str(err))
    return (found[1], found[2]) if found else None


def free(engine: Engine, id: str, name: str, network: str) -> None:
    """Have the engine forget an endpoint that it keeps under the name of this container, which does not run. Raises HostError."""
    engine.rename(id, name + AWAY)
    try:
        engine.disconnect(network, name)
    except NotFound:
        pass  # gone by itself: the start that follows shows it
    finally:
        engine.rename(id, name)
