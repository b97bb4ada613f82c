"""Commands on Linux: the one file that runs subprocesses."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from reconciler.host.errors import HostError, Permanent, Transient
from reconciler.host.linux import faults
from reconciler.host.ports import NO_ENVIRONMENT, Completed

if TYPE_CHECKING:
    import subprocess

_LONG = 30.0
"""Seconds that a program may take, where nobody says otherwise."""
_PIECE = 64 << 10
_ROOM = 1 << 20
"""Bytes: what a pipe may hold (pipe(7))."""
_NO_EXEC = 0x40
"""PF_FORKNOEXEC of the kernel: forked, and not yet a program."""
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LinuxCommands:
    """Programs of this machine. They get a small environment of their own, so that nothing in the caller's (a proxy's
    password, LANGUAGE, DOCKER_HOST) reaches them, and a session of their own, so that a Ctrl-C ends osvc's step and not them."""

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float = _LONG,
        ok: Collection[int] = (0,),
        env: Mapping[str, str] = NO_ENVIRONMENT,
        only: Mapping[str, str] | None = None,
        most: int | None = None,
    ) -> Completed:
        """See Commands.run. The words of a failure decide between Busy, NotFound, Denied, Conflict, Transient and Permanent."""
        environment = {**_environment(), **env} if only is None else dict(only)
        return _Running(tuple(argv), environment, ok).ended(timeout, most)

    def begin(self, argv: Sequence[str], *, ok: Collection[int] = (0,)) -> Callable[[], Completed]:
        """See Commands.begin. What it says has room until then: a program that waited for a reader might hold a lock."""
        try:
            running = _Running(tuple(argv), _environment(), ok)
        except HostError as error:
            return partial(_raised, error)
        running.make_room()
        return running.ended


def _raised(error: HostError) -> Completed:
    raise error


class _Running:
    """A program that runs; unless it was heard, it is killed when nobody knows of it any more. Raises HostError where none is."""

    def __init__(self, words: tuple[str, ...], env: Mapping[str, str], ok: Collection[int]) -> None:
        self._words, self._ok = words, ok
        self._process: subprocess.Popen[bytes] | None = None
        if not words or any("\0" in word for word in words):
            raise Permanent("cannot run a command that is empty or holds a zero byte")
        try:
            self._process = _begun(words, env)
        except OSError as error:
            raise faults.of_errno(error, f"cannot run {words[0]}") from None

    def __del__(self) -> None:
        if self._process is not None:
            with contextlib.suppress(Exception):  # the interpreter may be at its end
                _end(self._process)

    def make_room(self) -> None:
        """For what it says before somebody listens, as far as the machine lets us."""
        assert self._process is not None
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, _ROOM)

    def ended(self, timeout: float = _LONG, most: int | None = None) -> Completed:
        """What it came to. Once."""
        import subprocess

        process, self._process = self._process, None
        assert process is not None, "who has heard it asks no more"
        try:
            stdout, stderr = _heard(process, timeout, most)
        except subprocess.TimeoutExpired:
            _end(process)
            raise Transient(f"{self._words[0]} did not end within {timeout:g} s, and was killed") from None
        except BaseException:
            _end(process)
            raise
        code = process.returncode
        if code < 0:
            raise Permanent(f"{self._words[0]} was killed by signal {-code}", faults.plain(stderr).strip())
        if code not in self._ok:
            raise faults.of_output(self._words[0], code, stdout, stderr)
        return Completed(self._words, code, stdout, stderr)


def _begun(words: tuple[str, ...], env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """The program, in a session of its own. Raises OSError.

    A child that a Ctrl-C ends in the moment before it has its session was no program yet: it is begun again, and only then.
    """
    import subprocess

    while True:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd="/",
            start_new_session=True,
        )
        if _is_program(process.pid) or process.wait() != -signal.SIGINT:
            return process
        with process:
            pass  # its pipes are closed


def _is_program(pid: int) -> bool:
    """Whether a child that is not collected yet, dead or alive, came as far as `exec`. See proc_pid_stat(5), flags."""
    with open(f"/proc/{pid}/stat", "rb") as stat:
        return not int(stat.read().rpartition(b")")[2].split()[6]) & _NO_EXEC


class _Ends:
    """What comes out of a pipe: all of it, or the beginning and the end."""

    def __init__(self, most: int | None) -> None:
        self._half = most // 2 if most is not None else None
        self._head, self._tail, self._lost = bytearray(), bytearray(), 0

    def add(self, piece: bytes) -> None:
        room = len(piece) if self._half is None else self._half - len(self._head)
        self._head += piece[:room]
        self._tail += piece[room:]
        if self._half is not None and len(self._tail) > 2 * self._half + _PIECE:
            self._cut(self._half)

    def text(self) -> str:
        if self._half is not None and len(self._tail) > self._half:
            self._cut(self._half)
        between = f"\n… {self._lost} bytes are left out here …\n".encode() if self._lost else b""
        text = bytes(self._head + between + self._tail).decode(errors="replace")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _cut(self, keep: int) -> None:
        self._lost += len(self._tail) - keep
        del self._tail[: len(self._tail) - keep]


def _heard(process: "subprocess.Popen[bytes]", timeout: float, most: int | None) -> tuple[str, str]:
    """What a command says on both its outputs, until it has ended and nobody has them open any more. Raises TimeoutExpired."""
    import selectors
    import subprocess

    until = time.monotonic() + timeout
    heard = {stream: _Ends(most) for stream in (process.stdout, process.stderr) if stream is not None}
    with selectors.DefaultSelector() as waiting:
        for stream in heard:
            waiting.register(stream, selectors.EVENT_READ)
        while waiting.get_map():
            left = until - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(process.args, timeout)
            for key, _ in waiting.select(left):
                piece = os.read(key.fd, _PIECE)
                if piece:
                    heard[key.fileobj].add(piece)  # type: ignore[index]
                else:
                    waiting.unregister(key.fileobj)
    process.wait(max(0.0, until - time.monotonic()))
    for stream in heard:
        stream.close()
    stdout, stderr = (ends.text() for ends in heard.values())
    return stdout, stderr


def _environment() -> dict[str, str]:
    path = os.environ.get("PATH", "")
    missing = [folder for folder in _SYSTEM_PATH.split(":") if folder not in path.split(":")]
    return {"PATH": ":".join([*filter(None, [path]), *missing]), "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C"}


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill the process group (its leader is not reaped yet, so that the number is still its own) and collect the leader.

    A process in uninterruptible sleep (a hung filesystem) cannot be collected: it is left behind after a moment.
    """
    import subprocess

    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1.0)
