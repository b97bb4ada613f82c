"""How each action on an app is done. An action whose effect is there already is done."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from posixpath import basename
from signal import SIGKILL, SIGTERM
from typing import Any
from uuid import uuid4

from reconciler.host.errors import Busy, HostError, Permanent
from reconciler.host.ports import Host, Process
from reconciler.resources import daemon_host
from reconciler.resources.app import record
from reconciler.resources.app.actions import Forget, Start, Stop
from reconciler.resources.app.model import Around, Desired
from reconciler.resources.app.observing import can_check, check, find

Say = Callable[[str], None]
_STEADY = 0.5
"""Seconds that a simple app has to live to count as started."""
_LAST = 5.0
"""Seconds that a process has to be gone after KILL."""
_PAUSE = 0.1
_ROUNDS = 10
"""How often what is ended is looked for again: what ends may have started something meanwhile."""


def start(action: Start, host: Host, say: Say) -> None:
    want = action.want
    host.files.make_dir(want.folder, mode=0o710)
    daemon_host.rotate(want.log, host)
    if want.type == "simple":
        _start_simple(action, host)
    else:
        _start_forking(action, host, say)


def _start_simple(action: Start, host: Host) -> None:
    want, salt = action.want, uuid4().hex
    if find(record.read(host.files.read(want.record)), host.processes.members(want.cgroup), host) is not None:
        return
    host.files.write(want.record, record.write(want, salt, pid=0, started=0, stopped=False))
    process = host.processes.spawn(action.argv(), log=want.log, env=action.environment, cgroup=want.cgroup)
    host.files.write(want.record, record.write(want, salt, pid=process.pid, started=process.started, stopped=False))
    if host.processes.wait_gone(process, _STEADY):
        tail = daemon_host.tail(want.log, host)
        said = tail.rpartition("\n")[2] or "it said nothing"
        raise Permanent(f"{want.start[0]} ended right after its start: {said}", tail)


def _start_forking(action: Start, host: Host, say: Say) -> None:
    want, salt = action.want, uuid4().hex
    around = Around(primary=want.group, home=action.home)
    if can_check(want, around, host) and check(want, around, host)[0] in ("up", "warn"):
        return
    end = host.clock.monotonic() + want.seconds("start")
    host.files.write(want.record, record.write(want, salt, pid=0, started=0, stopped=False))
    code = _call(action.argv(), action, want.seconds("start"), host)
    if code:
        raise Permanent(f"its start command ended with {code}", daemon_host.tail(want.log, host))
    if want.check:
        say("waiting until its check says that it is up")
        _until(want, around, ("up", "warn"), end, host)
    left = bool(host.processes.members(want.cgroup))
    host.files.write(want.record, record.write(want, salt, pid=0, started=0, stopped=False, left=left))
    _leave_group(want, host)


def stop(action: Stop, host: Host, say: Say) -> None:
    """A stop command that fails is told, and what is left is ended all the same, as far as the app is told to end it."""
    want = action.want
    end = host.clock.monotonic() + want.seconds("stop")
    around = Around(primary=want.group, home=action.home)
    trouble = ""
    if want.stop:
        try:
            code = _call(action.argv(), action, want.seconds("stop"), host)
            trouble = f"its stop command ended with {code}" if code else ""
        except HostError as error:
            trouble = f"its stop command failed: {error}"
        if trouble:
            say(trouble)
    if want.type == "forking" and want.stop and not trouble and can_check(want, around, host):
        with suppress(Permanent):
            _until(want, around, ("down",), end, host)
    _end(want, host)
    if want.type == "forking" and can_check(want, around, host):
        meaning, said = check(want, around, host)
        if meaning != "down":
            text = "its check still says that it is up" if meaning else said
            raise Permanent(f"{trouble}, and {text}" if trouble else text, daemon_host.tail(want.log, host))
    found = record.read(host.files.read(want.record))
    if found is not None:
        host.files.write(want.record, record.write(want, uuid4().hex, pid=0, started=0, stopped=True))
    _leave_group(want, host)


def forget(action: Forget, host: Host, say: Say) -> None:
    """The record goes last, and with it the folder that holds nothing else: as long as it is there, something is left to do."""
    want = action.want
    for path in action.files():
        if path != want.record:
            host.files.remove(path)
    if host.files.names(want.folder) == (basename(want.record),):
        host.commands.run(("rm", "-rf", "--one-file-system", "--", want.folder))
    else:
        host.files.remove(want.record)


def _end(want: Desired, host: Host) -> None:
    """End its processes: TERM, and KILL for those that are not gone in time. Raises Busy when something lives on."""
    for _ in range(_ROUNDS):
        alive = _targets(want, host)
        if not alive:
            return
        _signal(alive, SIGTERM, host)
        if not _gone(alive, want.seconds("stop"), host):
            _signal(alive, SIGKILL, host)
            _gone(alive, _LAST, host)
    left = _targets(want, host)
    if left:
        names = (f"pid {one.pid} {one.argv[0] if one.argv else ''}".strip() for one in left)
        raise Busy(f"still alive after KILL: {', '.join(names)}")


def _targets(want: Desired, host: Host) -> tuple[Process, ...]:
    """What is to be ended of it."""
    members = host.processes.members(want.cgroup)
    main = find(record.read(host.files.read(want.record)), members, host) if want.type == "simple" else None
    own = (main,) if main is not None else ()
    return (*own, *(one for one in members if one != main)) if want.tree else own


def _signal(alive: Iterable[Process], number: int, host: Host) -> None:
    for process in alive:
        host.processes.signal(process, number)


def _gone(alive: Iterable[Process], seconds: float, host: Host) -> bool:
    """Whether all of them ended in time."""
    end = host.clock.monotonic() + seconds
    return all(host.processes.wait_gone(process, max(0.0, end - host.clock.monotonic())) for process in alive)


def _call(argv: Sequence[str], action: Start | Stop, timeout: float, host: Host) -> int:
    want = action.want
    return host.processes.call(argv, log=want.log, env=action.environment, cgroup=want.cgroup, timeout=timeout)


def _until(want: Desired, around: Around, meanings: tuple[str, ...], end: float, host: Host) -> None:
    """Wait until its check means one of these. Raises Permanent when it does not in time."""
    while True:
        meaning, said = check(want, around, host)
        if meaning in meanings:
            return
        if host.clock.monotonic() >= end:
            text = f"its check says that it is {meaning}" if meaning else said
            raise Permanent(f"{text} after {want.seconds('start'):g} s", daemon_host.tail(want.log, host))
        host.clock.sleep(_PAUSE)


def _leave_group(want: Desired, host: Host) -> None:
    """Remove its control group, where nothing is in it."""
    if host.processes.has_cgroup(want.cgroup) and not host.processes.members(want.cgroup):
        with suppress(HostError):
            host.processes.drop_cgroup(want.cgroup)


def perform(action: Any, host: Host, say: Say) -> None:
    """Do one action on an app. Raises HostError."""
    match action:
        case Start():
            start(action, host, say)
        case Stop():
            stop(action, host, say)
        case Forget():
            forget(action, host, say)
        case _:
            raise Permanent(f"cannot do {type(action).__name__} to an app")
