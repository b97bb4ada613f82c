"""Detach: the small program that starts a daemon (standard library only; a process of its own imports it, and nobody else).

It reads a dictionary from its standard input (argv, env, log, cgroups, generous), as marshal has it; or, run by its path, as JSON
from an osvc of an older version beneath which this one was installed. It writes a JSON document to its standard output:
{"pid": 12} or {"errno": 2}. It imports little, for a daemon waits for it: nothing that brings enum or re along. It has no
threads, so that it may fork; it ends at once, so that the daemon's parent is init and no zombie stays in a long-lived osvc. With
"wait" (seconds) it waits until the command has ended, and says {"code": 0}; a command that has not ended by then is killed with
its process group, and the answer is {}.
"""

import fcntl
import marshal
import os
import resource
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
    from typing import Any
else:
    import _signal as signal


def main() -> None:
    """Start the daemon, and say its pid when its program has been executed."""
    task = _task(sys.stdin.buffer.read())
    listen, report = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(task, report)
    os.close(report)
    with os.fdopen(listen, "rb") as stream:
        failure = stream.read()
    if failure:
        os.waitpid(pid, 0)
    elif "wait" in task:
        failure = _waited(pid, task["wait"]).encode()
    os.write(1, failure or b'{"pid": %d}' % pid)
    os._exit(0)  # who asked waits for the end of this


def _task(said: bytes) -> "dict[str, Any]":
    if said[:2] != b'{"':
        return marshal.loads(said)  # type: ignore[no-any-return]
    import json

    return json.loads(said)  # type: ignore[no-any-return]


def _waited(pid: int, seconds: float) -> str:
    """How the command ended, as JSON; {} when it had to be killed."""
    waiting = select.poll()
    waiting.register(os.pidfd_open(pid), select.POLLIN)
    in_time = bool(waiting.poll(seconds * 1000))
    if not in_time:
        os.killpg(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return f'{{"code": {code if code >= 0 else 128 - code}}}' if in_time else "{}"


def _become(task: "dict[str, Any]", report: int) -> None:
    """In the child: leave everything of the caller's behind, and execute the daemon. `report` closes on success."""
    try:
        if report < 3:
            report = fcntl.fcntl(report, fcntl.F_DUPFD_CLOEXEC, 3)
        os.setsid()
        for folder in task["cgroups"]:
            _enter(folder)
        os.umask(0o022)
        os.chdir("/")
        if task.get("generous"):
            _raise_limits()
        null = os.open("/dev/null", os.O_RDONLY)
        log = os.open(task["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, report)
        os.closerange(report + 1, 65536)
        _forget_signals()
        os.execvpe(task["argv"][0], task["argv"], task["env"])
    except OSError as error:
        os.write(report, f'{{"errno": {error.errno or 0}}}'.encode())
    finally:
        os._exit(127)


def _enter(folder: str) -> None:
    """Move this process into a cgroup, making it. Best effort: a machine without the hierarchy still runs daemons."""
    try:
        os.makedirs(folder, 0o755, exist_ok=True)
        if not os.path.exists(f"{folder}/cgroup.controllers"):
            for name in ("cpuset.cpus", "cpuset.mems"):
                _inherit(folder, name)
        with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as stream:
            stream.write(str(os.getpid()))
    except OSError:
        pass


def _inherit(folder: str, name: str) -> str:
    """A new cgroup v1 cpuset is empty, and takes no process before it has its parent's processors and memory. The value; "" where
    there is none, as in another hierarchy."""
    try:
        with open(f"{folder}/{name}", encoding="ascii") as stream:
            value = stream.read().strip()
        if not value and (value := _inherit(os.path.dirname(folder), name)):
            with open(f"{folder}/{name}", "w", encoding="ascii") as stream:
                stream.write(value)
    except OSError:
        return ""
    return value


def _raise_limits() -> None:
    for limit, wished in ((resource.RLIMIT_NOFILE, 1048576), (resource.RLIMIT_NPROC, resource.RLIM_INFINITY)):
        hard = resource.getrlimit(limit)[1]
        try:
            resource.setrlimit(limit, (wished, wished))
        except (OSError, ValueError):
            try:  # noqa: SIM105
                resource.setrlimit(limit, (hard, hard))
            except (OSError, ValueError):
                pass


def _forget_signals() -> None:
    """Python ignores some signals, callers may block others; neither is for the daemon."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:  # noqa: SIM105
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass


if __name__ == "__main__":
    main()
