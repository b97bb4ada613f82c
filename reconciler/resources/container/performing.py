"""performing: each action on a container, done through the engine's API. Never on what does not carry the resource's labels."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from reconciler.core.rules import Impact, rules_of
from reconciler.host.errors import Conflict, HostError, NotFound, Permanent
from reconciler.host.ports import Engine, Host, Pulled
from reconciler.resources.container.action import ContainerAction
from reconciler.resources.container.actions import (
    Create,
    Pause,
    Remove,
    Rename,
    Start,
    Stop,
    Unpause,
    Update,
)
from reconciler.resources.container.forms import Port
from reconciler.resources.container.image_actions import Load, Pull
from reconciler.resources.container.model import Desired
from reconciler.resources.container.normal import RID, SERVICE, STORE, body_of, container_of, expected, facts_of, size
from reconciler.resources.container.observing import binds_of, listener

Say = Callable[[str], None]
_BRIEF: Final = 0.05
_STEADY: Final = 1.0
"""Seconds that a container without a health check has to live to count as started: a moment, for fifty are started one after
the other; but one whose last run was short is looked at for long, so that its end is told with its last words."""
_SHORT_RUN: Final = 10.0
_PAUSE: Final = 0.1


def perform(action: ContainerAction, host: Host, say: Say) -> None:
    """Do one action. Raises HostError. What is done already is left as it is."""
    engine = host.docker.engine(action.socket)
    match action:
        case Pull():
            _pull(action, engine, say)
        case Load():
            _load(action, engine, host, say)
        case Create():
            _create(action, engine, host)
        case Start():
            _start(action, engine, host, say)
        case Unpause():
            _unpause(action, engine, host)
        case Pause():
            _pause(action, engine, host)
        case Stop():
            _stop(action, engine, host)
        case Rename():
            _rename(action, engine, host)
        case Update():
            _update(action, engine, host)
        case Remove():
            _remove(action, engine, host)
        case _:
            raise Permanent(f"{action.op} is no action on a container")


def _pull(action: Pull, engine: Engine, say: Say) -> None:
    if not action.blind and _has(engine, action.ref):
        return
    layers: dict[str, bool] = {}

    def progress(line: Pulled) -> None:
        if not line.layer:
            return
        done = line.status.startswith(("Pull complete", "Already exists"))
        if layers.get(line.layer) != done:
            layers[line.layer] = done
            say(f"pulling {action.ref}: {sum(layers.values())} of {len(layers)} layers")

    try:
        engine.pull(action.ref, action.timeout, progress)
    except HostError as err:
        remedy = "give it an image_archive"
        if action.private:
            remedy += f", or fetch it by hand: osvc docker {action.service} pull {action.ref}"
        kept = "; the engine has an older one: image_pull_policy: once would use it" if _has(engine, action.ref) else ""
        raise type(err)(f"cannot pull {action.ref}: {err}{kept or f'; {remedy}'}", err.output) from None


def _load(action: Load, engine: Engine, host: Host, say: Say) -> None:
    if _has(engine, action.ref):
        return
    if host.files.stat(action.archive) is None:
        raise NotFound(f"cannot load {action.ref}: there is no file {action.archive}; put it there, or correct image_archive")
    say(f"loading {action.ref} from {action.archive}")
    try:
        engine.load(action.archive, action.ref, action.timeout)
    except HostError as err:
        raise type(err)(f"cannot load {action.ref} from {action.archive}: {err}", err.output) from None


def _has(engine: Engine, ref: str) -> bool:
    try:
        engine.image(ref)
    except NotFound:
        return False
    return True


def _create(action: Create, engine: Engine, host: Host) -> None:
    want = action.desired
    for path in binds_of(want):
        _require(host, path)
    try:
        engine.create(action.name, body_of(want, action.labels(host.store)))
    except NotFound as err:
        if "image" not in str(err).lower():
            raise
        raise Permanent(
            f"the engine has no image {want.image}; give it an image_archive, or fetch it by hand: "
            f"docker -H unix://{action.socket} pull {want.image}"
        ) from None
    except Conflict:
        there = _inspect(engine, action.name)
        if there is None:
            raise
        _guard(there, action, host)
        if not _as_wanted(there, want, engine, action.socket):
            raise Conflict(f"{action.name} is there already, and differs; plan again") from None


def _require(host: Host, path: str) -> None:
    if host.files.stat(path) is None:
        raise Permanent(f"volume source {path} does not exist; make it, or correct volume_mounts")


def _as_wanted(seen: Mapping[str, Any], want: Desired, engine: Engine, socket: str) -> bool:
    """Whether a container is what creating `want` makes."""
    try:
        facts = facts_of(engine.image(seen["Image"]))
    except NotFound:
        return False
    found, made = container_of(seen, socket, facts), expected(want, "", None)
    skipped = {"name", "image", "health", "leftovers"}
    return found.fresh and all(
        rule.compare(getattr(made, name), getattr(found, name))
        for name, rule in rules_of(Desired).items()
        if rule.impact is not Impact.NONE and name not in skipped
    )


def _start(action: Start, engine: Engine, host: Host, say: Say) -> None:
    seen = _ours(engine, action, action.name, host)
    state = seen["State"]
    if state.get("Paused"):
        engine.unpause(action.name)
    elif not state.get("Running"):
        for mount in seen["HostConfig"].get("Mounts") or ():
            if mount.get("Type") == "bind":
                _require(host, mount["Source"])
        try:
            engine.start(action.name)
        except HostError as err:
            raise _refused(err, seen, host) from err
    _watch(action, engine, host, say, seen)


def _refused(err: HostError, seen: Mapping[str, Any], host: Host) -> HostError:
    """Why the engine would not start it; of a port that is taken, by whom."""
    text = str(err)
    if "already allocated" not in text and "already in use" not in text:
        cause = text.rpartition("unable to start container process: ")[2].removesuffix(": unknown")
        return type(err)(f"cannot start {str(seen['Name']).removeprefix('/')}: {cause}", err.output)
    for inside, bindings in (seen["HostConfig"].get("PortBindings") or {}).items():
        for binding in bindings or ():
            port = Port(binding.get("HostIp") or "", int(binding.get("HostPort") or 0), 0, inside.partition("/")[2] or "tcp")
            who = listener(host, port) if f":{port.host}" in text or f" {port.host}" in text else ""
            if who:
                return Conflict(f"port {port.host} is held by {who}, not ours; free it, or publish another one")
    return Conflict(text, err.output)


def _watch(action: Start, engine: Engine, host: Host, say: Say, before: Mapping[str, Any]) -> None:
    """Until it runs steadily, or is healthy where it has a health check. Raises Permanent when it ends meanwhile.

    before: its inspect before it was started.
    """
    clock = host.clock
    begun = clock.monotonic()
    steady = min(_STEADY if _ran_briefly(before["State"]) else _BRIEF, action.timeout)
    restarts = int(before.get("RestartCount") or 0)
    told = False
    while True:
        clock.sleep(min(_PAUSE, steady))
        seen = engine.inspect(action.name)
        state = seen["State"]
        left = action.timeout - (clock.monotonic() - begun)
        if int(seen.get("RestartCount") or 0) > restarts or state.get("Restarting") or not state.get("Running"):
            raise _died(action, engine, seen)
        health = (state.get("Health") or {}).get("Status") or "none"
        if health == "healthy" or (health == "none" and action.timeout - left >= steady):
            return
        if health == "unhealthy":
            raise Permanent(f"{action.name} runs, but its health check fails", _last_check(state) or _logs(engine, action.name))
        if health != "none" and left <= 0:
            raise Permanent(
                f"{action.name} runs, but is not healthy after {action.timeout:g} s; mend its health check, or raise start_timeout",
                _last_check(state) or _logs(engine, action.name),
            )
        if health != "none" and not told:
            told = True
            say(f"waiting until {action.name} is healthy")


def _ran_briefly(state: Mapping[str, Any]) -> bool:
    """Whether its last run ended soon after its start."""
    try:
        times = [datetime.fromisoformat(str(state[name])[:19]) for name in ("StartedAt", "FinishedAt")]
    except (KeyError, ValueError):
        return False
    lasted = (times[1] - times[0]).total_seconds()
    return times[0].year > 1 and 0 <= lasted < _SHORT_RUN


def _died(action: Start, engine: Engine, seen: Mapping[str, Any]) -> HostError:
    state = seen["State"]
    text = f"{action.name} exited right after its start, exit {state.get('ExitCode') or 0}"
    if state.get("OOMKilled"):
        limit = seen["HostConfig"].get("Memory") or 0
        text += f", out of memory{f' at {size(limit)}' if limit else ''}"
    if state.get("Error"):
        text += f", {state['Error']}"
    config = seen["Config"]
    if not state.get("ExitCode") and not (config.get("Tty") and config.get("OpenStdin")):
        text += "; a container of a service has to keep running (a shell needs tty and interactive)"
    return Permanent(text, _logs(engine, action.name))


def _logs(engine: Engine, name: str) -> str:
    try:
        return engine.logs(name)
    except HostError:
        return ""


def _last_check(state: Mapping[str, Any]) -> str:
    log = (state.get("Health") or {}).get("Log") or ()
    text = "".join(sign for sign in str(log[-1].get("Output") or "") if sign.isprintable() or sign == "\n") if log else ""
    return text.strip()


def _unpause(action: Unpause, engine: Engine, host: Host) -> None:
    if _ours(engine, action, action.name, host)["State"].get("Paused"):
        engine.unpause(action.name)


def _pause(action: Pause, engine: Engine, host: Host) -> None:
    if not _ours(engine, action, action.name, host)["State"].get("Paused"):
        engine.pause(action.name)


def _stop(action: Stop, engine: Engine, host: Host) -> None:
    try:
        seen = _inspect(engine, action.name)
    except Permanent:
        seen = _listed(engine, action.name)
    if seen is None:
        return
    _guard(seen, action, host)
    if seen["State"].get("Paused"):
        engine.unpause(action.name)
    if seen["State"].get("Running") or seen["State"].get("Restarting"):
        engine.stop(action.name, round(action.timeout))


def _rename(action: Rename, engine: Engine, host: Host) -> None:
    seen = _inspect(engine, action.name)
    target = _inspect(engine, action.to)
    if seen is None:
        if target is None:
            raise NotFound(f"there is no container {action.name} any more; plan again")
        _guard(target, action, host)
        return
    _guard(seen, action, host)
    if target is not None:
        raise Conflict(f"the name {action.to} is taken by container {str(target['Id'])[:12]}; rename or remove that one")
    engine.rename(action.name, action.to)


def _update(action: Update, engine: Engine, host: Host) -> None:
    _ours(engine, action, action.name, host)
    cpus = action.all_cpus
    if action.cpus == 0 and not cpus:
        cpus = int(engine.info().get("NCPU") or 1)
    engine.update(action.name, action.body(cpus))


def _remove(action: Remove, engine: Engine, host: Host) -> None:
    seen = _inspect(engine, action.name)
    if seen is None:
        return
    _guard(seen, action, host)
    if seen["State"].get("Running"):
        raise Conflict(f"{action.name} runs, and is not removed by force; plan again")
    try:
        engine.remove(action.name)
    except NotFound:
        return


def _inspect(engine: Engine, name: str) -> dict[str, Any] | None:
    try:
        seen = engine.inspect(name)
    except NotFound:
        return None
    # An engine also answers to the beginning of an id: only the whole name counts.
    return seen if seen["Name"].removeprefix("/") == name else None


def _listed(engine: Engine, name: str) -> dict[str, Any] | None:
    """What the list tells of a container, in the shape of an inspect: for an engine whose data root is gone from under it."""
    for record in engine.containers():
        if f"/{name}" in (record.get("Names") or ()):
            state = {"Running": record.get("State") in ("running", "paused"), "Paused": record.get("State") == "paused"}
            return {"Id": record["Id"], "Name": f"/{name}", "Config": {"Labels": record.get("Labels")}, "State": state}
    return None


def _ours(engine: Engine, action: ContainerAction, name: str, host: Host) -> dict[str, Any]:
    seen = _inspect(engine, name)
    if seen is None:
        raise NotFound(f"there is no container {name} any more; plan again")
    _guard(seen, action, host)
    return seen


def _guard(seen: Mapping[str, Any], action: ContainerAction, host: Host) -> None:
    """Raises Conflict for a container that does not carry the resource's labels."""
    labels = seen["Config"].get("Labels") or {}
    ours = labels.get(SERVICE) == action.service and labels.get(RID) == action.rid
    if not ours or not (action.private or labels.get(STORE, "") == host.store):
        name = str(seen["Name"]).removeprefix("/")
        raise Conflict(f"container {name} ({str(seen['Id'])[:12]}) is not ours; rename it, or give this one another name")
