"""Claim: one agent a node: a lock in its run folder. flock, so that no dead agent keeps the next one out."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from reconciler.engine.errors import Locked, StoreError


@contextmanager
def claim(run_dir: str, *, by: str, at: datetime) -> Iterator[None]:
    """Be the agent of this run folder for the length of a with block. by, at: who began it, and when, for whoever is refused.

    Raises Locked, which names the holder; StoreError when the run folder cannot be used. The file stays: removing it would let two
    agents hold two files of one name.
    """
    path = f"{run_dir}/agent.lock"
    try:
        os.makedirs(run_dir, mode=0o711, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as err:
        raise StoreError(f"cannot lock {path}: {(err.strerror or str(err)).lower()}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read(handle)
            raise Locked(f"cannot begin an agent: this node has one: {holder}; end that one first", holder) from None
        os.ftruncate(handle, 0)
        record = {"pid": os.getpid(), "by": by, "since": at.isoformat(timespec="seconds")}
        os.pwrite(handle, json.dumps(record).encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _read(handle: int) -> str:
    try:
        record = json.loads(os.pread(handle, 4096, 0))
        return f"pid {record['pid']}, of {record['by']}, since {record['since']}"
    except (ValueError, KeyError, TypeError):
        return "another one, which has just begun"
