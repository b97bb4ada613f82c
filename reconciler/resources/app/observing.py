"""What is seen of an app: its record, what runs in its control group, and what its check says."""

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.core.observed import Absent, Observed, Present, Unknown
from reconciler.host.errors import HostError, Transient
from reconciler.host.ports import Host, Process
from reconciler.resources.app import record, words
from reconciler.resources.app.model import Around, Desired, State
from reconciler.resources.driver import Wanted


def see(wanted: Wanted, host: Host) -> Observed:
    """One app. Raises HostError."""
    handles: Sequence[Desired] = wanted.handles
    shall = wanted.desired if wanted.desired is not None else handles[-1]
    around = _around(shall, host)
    found = record.read(host.files.read(shall.record))
    members = host.processes.members(shall.cgroup)
    how = judge(found, handles, shall)
    main = find(found, members, host) if how.type == "simple" else None
    checked = ""
    if how.type == "simple":
        running = main is not None
    elif can_check(how, around, host):
        meaning, checked = check(how, around, host)
        if not meaning:
            return Unknown(checked)
        running, checked = meaning != "down", checked if meaning == "warn" else ""
    else:
        running = _left(found, members)
    if found is None and not running and not members:
        return Absent(around)
    others = tuple(one.pid for one in members if one != main) if how.tree else ()
    try:
        state = State(
            **(record.opened(found, handles) if found is not None else {"type": how.type}),
            recorded=found is not None,
            running=running,
            stopped=found is not None and found.get("stopped") is True,
            pid=main.pid if main is not None else (found or {}).get("pid", 0),
            started=main.started if main is not None else 0,
            checked=checked,
            others=others,
            idle=not members and host.processes.has_cgroup(shall.cgroup),
        )
    except (TypeError, ValueError):
        return Unknown(f"{shall.record} cannot be read; remove it while the app is down")
    return Present(state, around)


def judge(found: Mapping[str, Any] | None, handles: Sequence[Desired], shall: Desired) -> Desired:
    """The desired state by which it is told whether it is up: as wanted now, unless it was started as another type."""
    kind = found.get("type") if found is not None else shall.type
    return next((one for one in (shall, *handles) if one.type == kind), shall)


def find(found: Mapping[str, Any] | None, members: Sequence[Process], host: Host) -> Process | None:
    """The process of a simple app: the very one of the record; the oldest in its group where that was not written down any more."""
    if found is None or not found.get("pid"):
        return members[0] if members else None
    process = host.processes.get(int(found["pid"]))
    return process if process is not None and process.started == found.get("started") else None


def can_check(how: Desired, around: Around, host: Host) -> bool:
    """Whether its check is there to be asked: it may lie in a filesystem that is not mounted."""
    if not how.check or (how.user and not around.primary):
        return False
    paths = [path for path in (how.check[0], how.cwd or "") if path.startswith("/")]
    return all(host.files.stat(path) is not None for path in paths)


def check(how: Desired, around: Around, host: Host) -> tuple[str, str]:
    """What its check means (up, down, warn), and its exit code; or "", and why it says nothing."""
    want = how if how.group or not how.user else how.model_copy(update={"group": around.primary})
    timeout = how.seconds("check")
    argv = words.run(want, how.check, limits=False)
    try:
        code = host.commands.run(argv, timeout=timeout, ok=range(256), only=words.environment(want, around.home)).code
    except Transient:
        return "", f"its check did not end within {timeout:g} s"
    except HostError as error:
        return "", f"its check cannot be run: {error}"
    meaning = how.means(code)
    return (meaning, str(code)) if meaning else ("", f"its check ended with {code}, which retcodes does not name")


def _left(found: Mapping[str, Any] | None, members: Sequence[Process]) -> bool:
    """Whether an app without a check is up: something lives of it; or its start ended well and left nothing that could."""
    if members:
        return True
    return found is not None and found.get("left") is False and not found.get("stopped")


def _around(shall: Desired, host: Host) -> Around:
    account = host.files.account(shall.user) if shall.user else None
    lacks = shall.group if shall.group and not (shall.group.isdecimal() or host.files.has_group(shall.group)) else ""
    return Around(primary=account.group if account else "", home=account.home if account else "", no_group=lacks)
