"""starting: how a container is started, and how it is seen that it came up; why it did not, with its last words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reconciler.core.times import between
from reconciler.host.docker_ports import Engine
from reconciler.host.errors import Conflict, HostError, Permanent
from reconciler.host.ports import Host
from reconciler.resources.container import endpoints, shims
from reconciler.resources.container.actions import Start
from reconciler.resources.container.ends import size
from reconciler.resources.container.finding import ours, require
from reconciler.resources.container.halfway import Prove
from reconciler.resources.container.model import Container
from reconciler.resources.container.observing import binds_of, listener
from reconciler.resources.container.pids import is_gone
from reconciler.resources.container.ports import Port
from reconciler.resources.container.runs import SHORT

Say = Callable[[str], None]
_BRIEF: Final = 0.02
_STEADY: Final = 1.0
"""Seconds that a container without a health check has to live to count as started: a moment, for fifty are started one after
the other; but one whose last run was short is looked at for long, so that its end is told with its last words."""
_NOTICED: Final = 1.0
"""Seconds after its start within which an engine has noticed that a container's process is gone. Measured: it calls one whose
command is `false` running for 50 to 150 ms, in nearly all of which the process is gone."""
_SOON: Final = 0.05
_PAUSE: Final = 0.1


def start(action: Start, engine: Engine, host: Host, say: Say, known: Container | None) -> None:
    """Start it, and wait until it is up as it is to be. Raises HostError, with its last words where it ended."""
    restarts, brief = 0, False
    if known is not None and known.status == "created":
        _launch(known.id, known.name, binds_of(known), engine, host, say)
    else:
        seen = ours(engine, action, action.name, host)
        state = seen["State"]
        brief = _ran_briefly(state)
        if state.get("Paused"):
            engine.unpause(seen["Id"])
            restarts = _restarts(seen)
        elif state.get("Running"):
            restarts = _restarts(seen)
        else:
            mounts = seen["HostConfig"].get("Mounts") or ()
            binds = [mount["Source"] for mount in mounts if mount.get("Type") == "bind"]
            _launch(seen["Id"], action.name, binds, engine, host, say)
    if not action.awaited:
        return
    if action.detach:
        _watch(action, engine, host, say, restarts=restarts, steady=_STEADY if brief else _BRIEF)
    else:
        _wait(action, engine, host, say)


def prove(action: Prove, engine: Engine, host: Host, say: Say) -> None:
    """See that its present run has lasted for long enough, or does while it is looked at. How often it was restarted before says
    nothing: it may have waited for something that came later than itself. Raises HostError, with its last words."""
    seen = ours(engine, action, action.name, host)
    age = between(str(seen["State"].get("StartedAt")), host.clock.now().isoformat()) or 0.0
    _watch(action, engine, host, say, restarts=_restarts(seen), steady=max(0.0, _STEADY - max(0.0, age)))


def _launch(id: str, name: str, binds: Sequence[str], engine: Engine, host: Host, say: Say) -> None:
    """Start it, or say why the engine would not. Raises NotFound when it is not there."""
    for path in binds:
        require(host, path)
    try:
        try:
            engine.start(id)
        except HostError as err:
            if endpoints.mended(err, engine, id, name, say):
                engine.start(id)
            elif shims.ended(err, id, name, host, say):
                _start_again(id, engine, host)
            else:
                raise
    except HostError as err:
        try:
            seen = engine.inspect(id)
        except HostError:
            raise err from None
        raise _refused(err, seen, host) from err


def _start_again(id: str, engine: Engine, host: Host) -> None:
    """Start what a task was in the way of, which goes by itself now. Raises HostError."""
    for wait in shims.AGAIN:
        try:
            return engine.start(id)
        except HostError as err:
            if not shims.kept(err, id):
                raise
        host.clock.sleep(wait)
    engine.start(id)


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


def _watch(action: Start, engine: Engine, host: Host, say: Say, *, restarts: int, steady: float) -> None:
    """Until it runs steadily, or is healthy where it has a health check. Raises Permanent when it ends meanwhile.

    restarts: how often the engine had restarted it before. steady: seconds that it has to run for.
    """
    clock = host.clock
    begun = clock.monotonic()
    steady = min(steady, action.timeout)
    told, pause = False, min(_PAUSE, steady)
    while True:
        clock.sleep(pause)
        pause = max(pause, _SOON)
        seen = engine.inspect(action.name)
        state = seen["State"]
        past = clock.monotonic() - begun
        if _restarts(seen) > restarts or state.get("Restarting") or not state.get("Running"):
            raise _died(action, engine, seen)
        health = (state.get("Health") or {}).get("Status") or "none"
        gone = past < _NOTICED and is_gone(state.get("Pid") or 0, engine, host)
        if health == "healthy" or (health == "none" and past >= steady and not gone):
            return
        if health == "unhealthy":
            raise Permanent(f"{action.name} runs, but its health check fails", _last_words(engine, action.name, state))
        if health != "none" and past >= action.timeout:
            raise Permanent(
                f"{action.name} runs, but is not healthy after {action.timeout:g} s; mend its health check, or raise start_timeout",
                _last_words(engine, action.name, state),
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


def _restarts(seen: Mapping[str, Any]) -> int:
    return int(seen.get("RestartCount") or 0)


def _ran_briefly(state: Mapping[str, Any]) -> bool:
    """Whether its last run ended soon after its start."""
    lasted = between(str(state.get("StartedAt")), str(state.get("FinishedAt")))
    return lasted is not None and 0 <= lasted < SHORT


def _died(action: Start, engine: Engine, seen: Mapping[str, Any]) -> HostError:
    state, config = seen["State"], seen["Config"]
    text = f"{action.name} exited right after its start"
    if state.get("Running") and not state.get("Restarting"):
        text += ", and runs again by its restart_policy"  # the engine has forgotten by now how it ended
    else:
        text += f", exit {state.get('ExitCode') or 0}{_of_memory(seen)}"
        if not state.get("ExitCode") and not (config.get("Tty") and config.get("OpenStdin")):
            text += "; a container of a service has to keep running (a shell needs tty and interactive)"
    return Permanent(text, _logs(engine, action.name))


def _last_words(engine: Engine, name: str, state: Mapping[str, Any]) -> str:
    """The last lines of its output, and of its health check's."""
    checked = "\n".join(f"health check: {line}" for line in _last_check(state).splitlines())
    return "\n".join(filter(None, (_logs(engine, name), checked)))


def _logs(engine: Engine, name: str) -> str:
    try:
        return engine.logs(name)
    except HostError:
        return ""


def _last_check(state: Mapping[str, Any]) -> str:
    log = (state.get("Health") or {}).get("Log") or ()
    text = "".join(sign for sign in str(log[-1].get("Output") or "") if sign.isprintable() or sign == "\n") if log else ""
    return text.strip()
