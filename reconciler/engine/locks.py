"""Locks: one run at a time on a service, and one on what services share. flock, so that no dead holder is left behind."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from reconciler.core.outcome import OnEvent, Waiting, silent
from reconciler.engine.errors import Locked, StoreError
from reconciler.host.ports import Clock

NODE: Final = "@node"
"""The lock of what services share: subnets, firewall chains, loop devices, pulls. No service can have this name."""

_POLL: Final = 0.1
_SOMEBODY: Final = "another run"


def folder_of(run_dir: str) -> str:
    """Where the lock files of a run folder are: one is written there whenever a lock is taken, or given back."""
    return f"{run_dir}/locks"


def _never() -> bool:
    return False


class Locks:
    """The lock files of one run folder (RUN_DIR/locks). verb: what this process does, for the message of who waits."""

    def __init__(self, run_dir: str, clock: Clock, *, verb: str = "", asked: Callable[[], bool] = _never) -> None:
        self._run_dir = run_dir
        self._clock = clock
        self._verb = verb
        self._asked = asked

    @contextmanager
    def hold(
        self, name: str, *, wait: float, on_event: OnEvent = silent, asked: Callable[[], bool] | None = None
    ) -> Iterator[None]:
        """Hold the lock of a service, or of the node, for the length of a with block.

        asked: whether to give up waiting, where that is not the run's own stop (undoing goes on after one).
        wait: seconds to wait for another holder. Raises Locked, which names the holder, when that was not enough or the
        run was asked to stop meanwhile; StoreError when the run folder cannot be used. The file stays: removing it
        would let two runs hold two files of one name.
        """
        handle = self._open(name)
        try:
            self._take(handle, name, wait, on_event, asked or self._asked)
            try:
                self._sign(handle)
                yield
            finally:
                _write(handle, b"")
        finally:
            os.close(handle)

    def holder(self, name: str) -> str:
        """Who holds a lock, as a clause; "" when nobody does. For status and doctor."""
        try:
            handle = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return ""
        except OSError as err:
            raise self._unusable(name, err) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(handle) or _SOMEBODY
        finally:
            os.close(handle)
        return ""

    def _take(self, handle: int, name: str, wait: float, on_event: OnEvent, asked: Callable[[], bool]) -> None:
        until = self._clock.monotonic() + wait
        told = False
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            holder = _read(handle)
            what = "what the services of this node share" if name == NODE else name
            if self._clock.monotonic() >= until or asked():
                raise Locked(
                    f"cannot work on {what}: locked by {holder or _SOMEBODY}; wait for it, or give a longer --wait",
                    holder or _SOMEBODY,
                )
            if holder and not told:  # who takes it signs it at once, and a child that is just being started may have it open
                on_event(Waiting(name, holder))
                told = True
            self._clock.sleep(_POLL)

    def _open(self, name: str) -> int:
        try:
            os.makedirs(self._run_dir, mode=0o711, exist_ok=True)
            os.makedirs(folder_of(self._run_dir), mode=0o700, exist_ok=True)
            return os.open(self._path(name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as err:
            raise self._unusable(name, err) from None

    def _unusable(self, name: str, err: OSError) -> StoreError:
        return StoreError(f"cannot lock {name} in {folder_of(self._run_dir)}: {err.strerror}")

    def _path(self, name: str) -> str:
        return f"{folder_of(self._run_dir)}/{name}.lock"

    def _sign(self, handle: int) -> None:
        """Say who holds it. Written only by who has the lock."""
        record = {"pid": os.getpid(), "verb": self._verb, "since": self._clock.now().isoformat(timespec="seconds")}
        _write(handle, json.dumps(record).encode())


def _write(handle: int, text: bytes) -> None:
    """What cannot be signed, as on a full disk, is held all the same."""
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, text, 0)


def _read(handle: int) -> str:
    """Who has signed it, as a clause; "" while nobody has."""
    try:
        record = json.loads(os.pread(handle, 4096, 0))
        verb = f", osvc {record['verb']}" if record["verb"] else ""
        return f"pid {record['pid']}{verb}, since {record['since']}"
    except (ValueError, KeyError, TypeError):
        return ""
