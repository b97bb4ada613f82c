"""finding: the container that an action is about, in its engine, if it carries the resource's labels."""

from typing import Any

from reconciler.host.docker_ports import Engine
from reconciler.host.errors import Conflict, NotFound, Permanent
from reconciler.host.ports import Host
from reconciler.resources.container.action import ContainerAction
from reconciler.resources.container.actions import Remove, Stop
from reconciler.resources.container.entry import Entry, entry_in, entry_of


def inspected(engine: Engine, name: str) -> dict[str, Any] | None:
    try:
        seen = engine.inspect(name)
    except NotFound:
        return None
    # An engine also answers to the beginning of an id: only the whole name counts.
    return seen if seen["Name"].removeprefix("/") == name else None


def found_of(engine: Engine, action: Stop | Remove, host: Host) -> Entry | None:
    """The container by its name; from the list, where the engine cannot look into it any more (its data root is gone from under
    it). Raises Conflict when it is not ours."""
    try:
        seen = inspected(engine, action.name)
        found = None if seen is None else entry_of(seen)
    except Permanent:
        entries = [entry_in(record) for record in engine.containers()]
        found = next((entry for entry in entries if entry.name == action.name), None)
    if found is not None:
        guard(found, action, host)
    return found


def ours(engine: Engine, action: ContainerAction, name: str, host: Host) -> dict[str, Any]:
    seen = inspected(engine, name)
    if seen is None:
        raise NotFound(f"there is no container {name} any more; plan again")
    guard(entry_of(seen), action, host)
    return seen


def guard(found: Entry, action: ContainerAction, host: Host) -> None:
    """Raises Conflict for a container that does not carry the resource's labels."""
    if not found.belongs(action.service, action.rid, None if action.private else host.store):
        raise Conflict(f"container {found.name} ({found.id[:12]}) is not ours; rename it, or give this one another name")


def require(host: Host, path: str) -> None:
    if host.files.stat(path) is None:
        raise Permanent(f"volume source {path} does not exist; make it, or correct volume_mounts")
