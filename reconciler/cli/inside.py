"""Inside: the running container of a service that a person means, and a command in it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from reconciler.cli.client import NoEngine, become, docker_client
from reconciler.cli.display import choice
from reconciler.cli.named import the_target
from reconciler.cli.verb import Usage, did_you_mean
from reconciler.core.ids import natural
from reconciler.core.policy import Selection
from reconciler.core.tags import RID, SERVICE
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.engine.target import Target
from reconciler.host.errors import HostError
from reconciler.report.texts import listed
from reconciler.resources.container.entry import Entry, entry_in
from reconciler.resources.container.model import Desired


def run_inside(service: str, rid: str, command: Sequence[str]) -> NoReturn:
    """Become a command in the container of this rid, or in the service's only one: with a terminal where this process has one, for
    what comes in and what goes out. Raises Usage where it is not clear which, NoEngine where it cannot be reached."""
    client = docker_client()
    with Session.open(read_config(), write=False) as session:
        target = the_target(session, session.config, service)
        containers = containers_of(target, session)
        meant = _meant(target.name, containers, rid)
        entry = _running(target.name, meant, containers[meant], session)
    terminal = ["-t"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    become(client, containers[meant].socket, ["exec", "-i", *terminal, entry.id, *command])


def containers_of(target: Target, session: Session) -> dict[str, Desired]:
    """rid -> what it shall be, of the containers that a service has, or had, in natural order."""
    owned = session.store.ownership(target.name).owned
    found = {rid: one.applied or one.wanted for rid, one in owned.items() if one.type == "container"}
    if target.service is not None:
        found |= {rid: one.desired for rid, one in target.service.resources.items() if one.type == "container"}
    return {rid: one for rid in sorted(found, key=natural) if isinstance(one := found[rid], Desired)}


def _meant(name: str, containers: Mapping[str, Desired], rid: str) -> str:
    """The one rid that is meant. Raises Usage."""
    if not containers:
        raise Usage(f"{name} has no container")
    found = [one for one in containers if not rid or Selection((rid,)).takes(one, "container")]
    if not found:
        guess = did_you_mean(rid, list(containers)) or f"; it has {listed(list(containers), 12)}"
        raise Usage(f"{name} has no container {rid!r}{guess}")
    meant = found[0] if len(found) == 1 else choice(f"{name} has {len(found)} containers; which one?", found)
    if not meant:
        raise Usage(f"{name} has {len(found)} containers, and one is needed: {listed(found, 12)}")
    return meant


def _running(service: str, rid: str, desired: Desired, session: Session) -> Entry:
    """The container that is the resource, by its labels; of several (a replacement is under way) the one of its name."""
    engine = session.host.docker.engine(desired.socket)
    try:
        records = engine.containers({SERVICE: service, RID: rid})
    except HostError as err:
        raise NoEngine(f"cannot reach {rid} of {service}: {err} → osvc start {service}") from None
    store = None if desired.private else session.store.uuid
    entries = [entry for entry in map(entry_in, records) if entry.belongs(service, rid, store)]
    if not entries:
        raise NoEngine(f"{rid} of {service} is not there: no such container was made → osvc start {service}")
    entry = min(entries, key=lambda one: (one.status != "running", one.name != desired.name))
    if entry.status != "running":
        raise NoEngine(f"{rid} of {service} does not run, it is {entry.status} → osvc start {service}")
    return entry
