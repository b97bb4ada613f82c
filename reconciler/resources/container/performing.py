"""performing: each action on a container, done through the engine's API. Never on what does not carry the resource's labels."""

from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.diff import shown
from reconciler.core.rules import rules_of
from reconciler.host.docker_ports import Engine
from reconciler.host.errors import Busy, Conflict, NotFound, Permanent
from reconciler.host.ports import Host
from reconciler.resources import firewall, firewall_host
from reconciler.resources.container import fetching
from reconciler.resources.container.action import ContainerAction
from reconciler.resources.container.actions import (
    Bury,
    Create,
    Pause,
    Remove,
    Rename,
    Start,
    Stop,
    Unpause,
    Update,
)
from reconciler.resources.container.entry import Entry, entry_of
from reconciler.resources.container.fetching import Say
from reconciler.resources.container.finding import found_of, guard, inspected, ours, require
from reconciler.resources.container.halfway import Prove, Resume
from reconciler.resources.container.image_actions import Load, Pull
from reconciler.resources.container.model import Container, Desired
from reconciler.resources.container.mounts import volumes_of
from reconciler.resources.container.normal import container_of, facts_of, made_as
from reconciler.resources.container.observing import binds_of
from reconciler.resources.container.option import placed
from reconciler.resources.container.published import rules_for
from reconciler.resources.container.published_actions import Publish, Republish, Unpublish
from reconciler.resources.container.request import body_of
from reconciler.resources.container.settings import Settings
from reconciler.resources.container.starting import prove, start

_LEAVING: Final = (0.02, 0.03, 0.05, 0.1, 0.2)


def perform(action: ContainerAction, host: Host, say: Say, known: Container | None = None) -> Entry | None:
    """Do one action; a container that it made, else None. Raises HostError. What is done already is left as it is.

    known: the container that it is about, as it was seen: then that very one is meant, by its id, and it is not looked for.
    """
    engine = host.docker.engine(action.socket)
    if isinstance(action, Create):
        return _create(action, engine, host)
    try:
        _perform(action, engine, host, say, known)
    except NotFound:
        if known is None:
            raise
        _perform(action, engine, host, say, None)
    return None


def _perform(action: ContainerAction, engine: Engine, host: Host, say: Say, known: Container | None) -> None:
    match action:
        case Pull():
            fetching.pull(action, engine, host.clock, say)
        case Load():
            fetching.load(action, engine, host, say)
        case Prove():
            prove(action, engine, host, say)
        case Start():
            start(action, engine, host, say, known)
        case Resume():
            ours(engine, action, action.predecessor, host)
        case Unpause():
            _unpause(action, engine, host)
        case Pause():
            _pause(action, engine, host)
        case Bury():
            _bury(action, engine, host)
        case Stop():
            _stop(action, engine, host, known)
        case Rename():
            _rename(action, engine, host)
        case Update():
            _update(action, engine, host)
        case Publish():
            _publish(action, engine, host)
        case Republish():
            firewall_host.add(firewall.in_order(action.found), action.found, host)
        case Unpublish():
            firewall_host.take(action.found, host)
        case Remove():
            _remove(action, engine, host, known)
        case _:
            raise Permanent(f"{action.op} is no action on a container")


def _create(action: Create, engine: Engine, host: Host) -> Entry:
    """Where the name is that of one which is just being removed, that is waited for a moment. Raises Busy after it."""
    for wait in _LEAVING:
        try:
            return _created(action, engine, host)
        except Busy:
            host.clock.sleep(wait)
    return _created(action, engine, host)


def _created(action: Create, engine: Engine, host: Host) -> Entry:
    want = action.desired
    for path in binds_of(want):
        require(host, path)
    try:
        labels = action.labels(host.store)
        id = engine.create(action.name, body_of(want, labels, _carried(action, engine)))
        if any(getattr(want, setting.keyword) != setting.nothing for setting in placed(Settings)):
            _hold_to(want, id, engine, action)
        return Entry(id, action.name, want.image, "", "created", labels)
    except NotFound as err:
        if "image" not in str(err).lower():
            raise
        raise Permanent(
            f"the engine has no image {want.image}; give it an image_archive, or fetch it by hand: "
            f"docker -H unix://{action.socket} pull {want.image}"
        ) from None
    except Conflict:
        there = inspected(engine, action.name)
        if there is None or entry_of(there).status in Container.DOOMED:
            raise Busy(f"{action.name}, as it was, is still being removed") from None
        guard(entry_of(there), action, host)
        if not _as_wanted(there, want, engine, action.socket):
            raise Conflict(f"{action.name} is there already, and differs; plan again") from None
        return entry_of(there)


def _carried(action: Create, engine: Engine) -> tuple[str, ...]:
    """The volumes without a name that the container takes over, as far as it has such a place: its image is there by now."""
    if not action.carried:
        return ()
    places = {volume.target for volume in volumes_of(action.desired.volume_mounts) if not volume.source}
    places |= set(facts_of(engine.image(action.desired.image)).volumes)
    return tuple(text for text in action.carried if text.partition(":")[2] in places)


def _hold_to(want: Desired, id: str, engine: Engine, action: Create) -> None:
    """See that the engine took every setting: an older one, or one whose kernel lacks something, leaves out what it cannot do.
    Then the container, which never ran, is removed again. Raises Permanent."""
    found = container_of(engine.inspect(id), action.socket, None)
    for setting in placed(Settings):
        rule, asked = rules_of(Desired)[setting.keyword], getattr(want, setting.keyword)
        has = rule.relevant(asked, getattr(found, setting.keyword), None)
        if asked not in (setting.nothing, has) and not rule.compare(asked, has):
            engine.remove(id)
            raise Permanent(
                f"the engine did not take {setting.keyword} = {shown(asked)} (it made that {shown(has)}): "
                "it is too old, or its kernel cannot do it; leave it out"
            )


def _made(seen: Mapping[str, Any], engine: Engine, socket: str) -> Container | None:
    """An inspect as a Container; None when its image cannot be asked for any more."""
    try:
        return container_of(seen, socket, facts_of(engine.image(seen["Image"])))
    except NotFound:
        return None


def _as_wanted(seen: Mapping[str, Any], want: Desired, engine: Engine, socket: str) -> bool:
    """Whether a container is what creating `want` makes."""
    found = _made(seen, engine, socket)
    return found is not None and found.fresh and made_as(want, found)


def _unpause(action: Unpause, engine: Engine, host: Host) -> None:
    if ours(engine, action, action.name, host)["State"].get("Paused"):
        engine.unpause(action.name)


def _pause(action: Pause, engine: Engine, host: Host) -> None:
    if not ours(engine, action, action.name, host)["State"].get("Paused"):
        engine.pause(action.name)


def _stop(action: Stop, engine: Engine, host: Host, known: Container | None) -> None:
    found = known or found_of(engine, action, host)
    if found is None:
        return
    if found.status == "paused":
        engine.unpause(found.id)
    if found.status in ("running", "paused", "restarting"):
        engine.stop(found.id, round(action.timeout))


def _bury(action: Bury, engine: Engine, host: Host) -> None:
    seen = ours(engine, action, action.name, host)
    pid = seen["State"].get("Pid")
    if pid and host.processes.lives(pid):
        raise Conflict(f"{action.name} runs again; plan again")
    if pid:
        engine.stop(seen["Id"], round(action.timeout))


def _rename(action: Rename, engine: Engine, host: Host) -> None:
    seen = inspected(engine, action.name)
    target = inspected(engine, action.to)
    if seen is None:
        if target is None:
            raise NotFound(f"there is no container {action.name} any more; plan again")
        guard(entry_of(target), action, host)
        return
    guard(entry_of(seen), action, host)
    if target is not None:
        raise Conflict(f"the name {action.to} is taken by container {str(target['Id'])[:12]}; rename or remove that one")
    engine.rename(action.name, action.to)


def _update(action: Update, engine: Engine, host: Host) -> None:
    ours(engine, action, action.name, host)
    cpus = action.all_cpus
    if action.values.get("cpus") == 0 and not cpus:
        cpus = int(engine.info().get("NCPU") or 1)
    engine.update(action.name, action.body(cpus))


def _publish(action: Publish, engine: Engine, host: Host) -> None:
    found = container_of(ours(engine, action, action.name, host), action.socket, None)
    if found.bound is None:
        raise Busy(f"{action.name} does not run just now: where its ports are published is not known")
    rules = rules_for(action.desired, found)
    firewall_host.add(rules, rules, host)


def _remove(action: Remove, engine: Engine, host: Host, known: Container | None) -> None:
    found = known or found_of(engine, action, host)
    if found is None:
        return
    if found.status in ("running", "paused", "restarting"):
        raise Conflict(f"{action.name} runs, and is not removed by force; plan again")
    try:
        engine.remove(found.id)
    except NotFound:
        return
