"""performing: each action on a container, done through the engine's API. Never on what does not carry the resource's labels."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Any, Final

from reconciler.core.diff import shown
from reconciler.core.rules import rules_of
from reconciler.host.errors import Conflict, HostError, NotFound, Permanent
from reconciler.host.ports import Engine, Host, Pulled
from reconciler.resources.container import endpoints
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
from reconciler.resources.container.entry import Entry, entry_in, entry_of
from reconciler.resources.container.image_actions import Load, Pull
from reconciler.resources.container.model import Container, Desired
from reconciler.resources.container.mounts import volumes_of
from reconciler.resources.container.normal import body_of, container_of, facts_of, made_as, size
from reconciler.resources.container.observing import binds_of, listener
from reconciler.resources.container.option import placed
from reconciler.resources.container.ports import Port
from reconciler.resources.container.settings import Settings

Say = Callable[[str], None]
_BRIEF: Final = 0.05
_STEADY: Final = 1.0
"""Seconds that a container without a health check has to live to count as started: a moment, for fifty are started one after
the other; but one whose last run was short is looked at for long, so that its end is told with its last words."""
_SHORT_RUN: Final = 10.0
_PAUSE: Final = 0.1


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
            _pull(action, engine, say)
        case Load():
            _load(action, engine, host, say)
        case Start():
            _start(action, engine, host, say, known)
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
        case Remove():
            _remove(action, engine, host, known)
        case _:
            raise Permanent(f"{action.op} is no action on a container")


def _pull(action: Pull, engine: Engine, say: Say) -> None:
    layers: dict[str, bool] = {}

    def progress(line: Pulled) -> None:
        if not line.layer:
            return
        done = line.status.startswith(("Pull complete", "Already exists"))
        if layers.get(line.layer) != done:
            layers[line.layer] = done
            say(f"pulling {action.ref}: {sum(layers.values())} of {len(layers)} layers")

    try:
        with _one_pull(engine.socket, action.ref):
            if action.blind or not _has(engine, action.ref):
                engine.pull(action.ref, action.timeout, progress, credentials=action.credentials, platform=action.platform)
    except HostError as err:
        remedy = "give it an image_archive"
        if action.private:
            remedy += f", or fetch it by hand: osvc docker {action.service} pull {action.ref}"
        kept = "; the engine has an older one: image_pull_policy: once would use it" if _has(engine, action.ref) else ""
        raise type(err)(f"cannot pull {action.ref}: {err}{kept or f'; {remedy}'}", err.output) from None


_PULLS: Final[dict[tuple[str, str], Lock]] = {}


def _one_pull(socket: str, ref: str) -> Lock:
    """Held while an engine pulls a reference: of two containers that want it at once, the second finds it there."""
    return _PULLS.setdefault((socket, ref), Lock())


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


def _create(action: Create, engine: Engine, host: Host) -> Entry:
    want = action.desired
    for path in binds_of(want):
        _require(host, path)
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
        there = _inspect(engine, action.name)
        if there is None:
            raise
        _guard(entry_of(there), action, host)
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


def _require(host: Host, path: str) -> None:
    if host.files.stat(path) is None:
        raise Permanent(f"volume source {path} does not exist; make it, or correct volume_mounts")


def _as_wanted(seen: Mapping[str, Any], want: Desired, engine: Engine, socket: str) -> bool:
    """Whether a container is what creating `want` makes."""
    found = _made(seen, engine, socket)
    return found is not None and found.fresh and made_as(want, found)


def _start(action: Start, engine: Engine, host: Host, say: Say, known: Container | None) -> None:
    if known is not None and known.status == "created":
        restarts, brief = 0, False
        _launch(known.id, known.name, binds_of(known), engine, host, say)
    else:
        seen = _ours(engine, action, action.name, host)
        state = seen["State"]
        restarts, brief = int(seen.get("RestartCount") or 0), _ran_briefly(state)
        if state.get("Paused"):
            engine.unpause(seen["Id"])
        elif not state.get("Running"):
            mounts = seen["HostConfig"].get("Mounts") or ()
            binds = [mount["Source"] for mount in mounts if mount.get("Type") == "bind"]
            _launch(seen["Id"], action.name, binds, engine, host, say)
    if action.detach:
        _watch(action, engine, host, say, restarts=restarts, brief=brief)
    else:
        _wait(action, engine, host, say)


def _launch(id: str, name: str, binds: Sequence[str], engine: Engine, host: Host, say: Say) -> None:
    """Start it, or say why the engine would not. Raises NotFound when it is not there."""
    for path in binds:
        _require(host, path)
    try:
        try:
            engine.start(id)
        except HostError as err:
            if not endpoints.mended(err, engine, id, name, say):
                raise
            engine.start(id)
    except HostError as err:
        try:
            seen = engine.inspect(id)
        except HostError:
            raise err from None
        raise _refused(err, seen, host) from err


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


def _watch(action: Start, engine: Engine, host: Host, say: Say, *, restarts: int, brief: bool) -> None:
    """Until it runs steadily, or is healthy where it has a health check. Raises Permanent when it ends meanwhile.

    restarts: how often the engine had restarted it before. brief: its last run was short.
    """
    clock = host.clock
    begun = clock.monotonic()
    steady = min(_STEADY if brief else _BRIEF, action.timeout)
    told = False
    while True:
        clock.sleep(min(_PAUSE, steady))
        seen = engine.inspect(action.name)
        state = seen["State"]
        past = clock.monotonic() - begun
        if int(seen.get("RestartCount") or 0) > restarts or state.get("Restarting") or not state.get("Running"):
            raise _died(action, engine, seen)
        health = (state.get("Health") or {}).get("Status") or "none"
        if health == "healthy" or (health == "none" and past >= steady):
            return
        if health == "unhealthy":
            raise Permanent(f"{action.name} runs, but its health check fails", _last_check(state) or _logs(engine, action.name))
        if health != "none" and past >= action.timeout:
            raise Permanent(
                f"{action.name} runs, but is not healthy after {action.timeout:g} s; mend its health check, or raise start_timeout",
                _last_check(state) or _logs(engine, action.name),
            )
        if health != "none" and not told:
            told = True
            say(f"waiting until {action.name} is healthy")


def _wait(action: Start, engine: Engine, host: Host, say: Say) -> None:
    """Until its command has ended well. Raises Permanent when it ends otherwise, or not in time."""
    clock = host.clock
    begun = clock.monotonic()
    say(f"waiting until {action.name} has ended")
    while True:
        seen = engine.inspect(action.name)
        state = seen["State"]
        if not state.get("Running"):
            break
        if clock.monotonic() - begun >= action.timeout:
            raise Permanent(
                f"{action.name} still runs after {action.timeout:g} s, and is to end (detach: false); raise start_timeout",
                _logs(engine, action.name),
            )
        clock.sleep(_PAUSE)
    if state.get("ExitCode") or state.get("Error"):
        raise Permanent(f"{action.name} ended with exit {state.get('ExitCode') or 0}{_of_memory(seen)}", _logs(engine, action.name))


def _of_memory(seen: Mapping[str, Any]) -> str:
    """How its limit of memory had to do with its end, as a clause; or its last error."""
    state = seen["State"]
    limit = seen["HostConfig"].get("Memory") or 0
    killed = f", out of memory{f' at {size(limit)}' if limit else ''}" if state.get("OOMKilled") else ""
    return f"{killed}, {state['Error']}" if state.get("Error") else killed


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
    text = f"{action.name} exited right after its start, exit {state.get('ExitCode') or 0}{_of_memory(seen)}"
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


def _stop(action: Stop, engine: Engine, host: Host, known: Container | None) -> None:
    found = known or _found(engine, action, host)
    if found is None:
        return
    if found.status == "paused":
        engine.unpause(found.id)
    if found.status in ("running", "paused", "restarting"):
        engine.stop(found.id, round(action.timeout))


def _bury(action: Bury, engine: Engine, host: Host) -> None:
    seen = _ours(engine, action, action.name, host)
    pid = seen["State"].get("Pid")
    if pid and host.processes.lives(pid):
        raise Conflict(f"{action.name} runs again; plan again")
    if pid:
        engine.stop(seen["Id"], round(action.timeout))


def _rename(action: Rename, engine: Engine, host: Host) -> None:
    seen = _inspect(engine, action.name)
    target = _inspect(engine, action.to)
    if seen is None:
        if target is None:
            raise NotFound(f"there is no container {action.name} any more; plan again")
        _guard(entry_of(target), action, host)
        return
    _guard(entry_of(seen), action, host)
    if target is not None:
        raise Conflict(f"the name {action.to} is taken by container {str(target['Id'])[:12]}; rename or remove that one")
    engine.rename(action.name, action.to)


def _update(action: Update, engine: Engine, host: Host) -> None:
    _ours(engine, action, action.name, host)
    cpus = action.all_cpus
    if action.values.get("cpus") == 0 and not cpus:
        cpus = int(engine.info().get("NCPU") or 1)
    engine.update(action.name, action.body(cpus))


def _remove(action: Remove, engine: Engine, host: Host, known: Container | None) -> None:
    found = known or _found(engine, action, host)
    if found is None:
        return
    if found.status in ("running", "paused", "restarting"):
        raise Conflict(f"{action.name} runs, and is not removed by force; plan again")
    try:
        engine.remove(found.id)
    except NotFound:
        return


def _inspect(engine: Engine, name: str) -> dict[str, Any] | None:
    try:
        seen = engine.inspect(name)
    except NotFound:
        return None
    # An engine also answers to the beginning of an id: only the whole name counts.
    return seen if seen["Name"].removeprefix("/") == name else None


def _found(engine: Engine, action: Stop | Remove, host: Host) -> Entry | None:
    """The container by its name; from the list, where the engine cannot look into it any more (its data root is gone from under
    it). Raises Conflict when it is not ours."""
    try:
        seen = _inspect(engine, action.name)
        found = None if seen is None else entry_of(seen)
    except Permanent:
        entries = [entry_in(record) for record in engine.containers()]
        found = next((entry for entry in entries if entry.name == action.name), None)
    if found is not None:
        _guard(found, action, host)
    return found


def _ours(engine: Engine, action: ContainerAction, name: str, host: Host) -> dict[str, Any]:
    seen = _inspect(engine, name)
    if seen is None:
        raise NotFound(f"there is no container {name} any more; plan again")
    _guard(entry_of(seen), action, host)
    return seen


def _guard(found: Entry, action: ContainerAction, host: Host) -> None:
    """Raises Conflict for a container that does not carry the resource's labels."""
    if not found.belongs(action.service, action.rid, None if action.private else host.store):
        raise Conflict(f"container {found.name} ({found.id[:12]}) is not ours; rename it, or give this one another name")
