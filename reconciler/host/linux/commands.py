"""Commands on Linux: the one file that runs subprocesses."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Collection, Mapping, Sequence

from reconciler.host.errors import Permanent, Transient
from reconciler.host.linux import faults
from reconciler.host.ports import NO_ENVIRONMENT, Completed

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LinuxCommands:
    """Programs of this machine. They get a small environment of their own, so that nothing in the caller's (a proxy's
    password, LANGUAGE, DOCKER_HOST) reaches them, and a session of their own, so that a Ctrl-C ends osvc's step and not them."""

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = 30.0,
        ok: Collection[int] = (0,),
        env: Mapping[str, str] = NO_ENVIRONMENT,
        only: Mapping[str, str] | None = None,
    ) -> Completed:
        """See Commands.run. The words of a failure decide between Busy, NotFound, Denied, Conflict, Transient and Permanent."""
        words = tuple(argv)
        if not words or any("\0" in word for word in words):
            raise Permanent("cannot run a command that is empty or holds a zero byte")
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                env={**_environment(), **env} if only is None else dict(only),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise faults.of_errno(error, f"cannot run {words[0]}") from None
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise Transient(f"{words[0]} did not end within {timeout:g} s, and was killed") from None
        except BaseException:
            _end(process)
            raise
        if process.returncode < 0:
            raise Permanent(f"{words[0]} was killed by signal {-process.returncode}", faults.plain(stderr).strip())
        if process.returncode not in ok:
            raise faults.of_output(words[0], process.returncode, stdout, stderr)
        return Completed(words, process.returncode, stdout, stderr)


def _environment() -> dict[str, str]:
    path = os.environ.get("PATH", "")
    missing = [folder for folder in _SYSTEM_PATH.split(":") if folder not in path.split(":")]
    return {"PATH": ":".join([*filter(None, [path]), *missing]), "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C"}


def _end(process: "subprocess.Popen[str]") -> None:
    """Kill the process group (its leader is not reaped yet, so that the number is still its own) and collect the leader.

    A process in uninterruptible sleep (a hung filesystem) cannot be collected: it is left behind after a moment.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1.0)
