"""endpoints: what an engine keeps of a container on a network.

A container that does not run is on its network by the network's id: when the network was made again, it has to be joined again.
An engine whose disk was full may keep the endpoint of a container that is long gone, and start no other of that name until it is
restarted (seen with 20.10). It forgets such an endpoint when it is told to disconnect a name that no container has.
"""

import re
from collections.abc import Callable
from typing import Final

from reconciler.host.docker_ports import Engine
from reconciler.host.errors import HostError, NotFound

AWAY: Final = ".osvc-away"
"""Ends the name of a container while its own name is nobody's. If osvc dies then, the next run finds it renamed, and names it
back."""
_GONE = re.compile(r"network \S+ not found")
_TAKEN = re.compile(r"endpoint with name (\S+) already exists in network (\S+)")


def mended(err: HostError, engine: Engine, id: str, name: str, say: Callable[[str], None]) -> bool:
    """Whether a start was refused because of the network, and what refused it is out of the way now. Raises HostError."""
    text = str(err)
    kept = _TAKEN.search(text)
    if kept is not None and kept[1] == name:
        say(f"the engine keeps an endpoint of a container that is gone under the name {name}: having it forgotten")
        free(engine, id, name, kept[2])
        return True
    if _GONE.search(text):
        return _joined_again(engine, id, name, say)
    return False


def _joined_again(engine: Engine, id: str, name: str, say: Callable[[str], None]) -> bool:
    """Whether a container's network, which was made again, could be joined again: it looks for the one of old by its id."""
    seen = engine.inspect(id)
    network = seen["HostConfig"].get("NetworkMode") or ""
    there = (seen.get("NetworkSettings") or {}).get("Networks") or {}
    now = next((one["Id"] for one in engine.networks() if one.get("Name") == network), "")
    endpoint = there.get(network) or {}
    if not now or endpoint.get("NetworkID") == now:
        return False
    say(f"the network {network} was made again: joining {name} to it")
    settings = {key: endpoint[key] for key in ("Aliases", "IPAMConfig", "Links", "DriverOpts") if endpoint.get(key)}
    settings["Aliases"] = [alias for alias in settings.get("Aliases") or () if alias != id[:12]]
    if network in there:
        engine.disconnect(network, id)
    engine.connect(network, id, settings)
    return True


def free(engine: Engine, id: str, name: str, network: str) -> None:
    """Have the engine forget an endpoint that it keeps under the name of this container, which does not run. Raises HostError."""
    engine.rename(id, name + AWAY)
    try:
        engine.disconnect(network, name)
    except NotFound:
        pass  # gone by itself: the start that follows shows it
    finally:
        engine.rename(id, name)
