"""The state folder: who may use it, and the key in it. 0700; nobody else may write what root acts upon."""

import os
import secrets
import threading
from typing import Final

from reconciler.engine.errors import StoreError

KEY: Final = "key"
_OTHERWISE: Final = "run as its owner, which is root as a rule, or set OSVC_STATE_DIR"


def make_folder(folder: str) -> None:
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as err:
        raise StoreError(f"cannot make the state folder {folder}: {(err.strerror or str(err)).lower()}; {_OTHERWISE}") from None


def check_reach(folder: str) -> None:
    """A folder that is there but closed to us may well hold a store: an empty one would be a lie."""
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise StoreError(f"cannot use the state folder {folder}: it is not a folder; OSVC_STATE_DIR names another")
    if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
        raise StoreError(f"cannot read the state folder {folder}: permission denied; {_OTHERWISE}")


def check_owner(folder: str, path: str) -> None:
    """Nobody else may write what root acts upon."""
    me = os.geteuid()
    for name in (folder, path):
        if not os.path.lexists(name):
            continue
        stat = os.lstat(name) if name == path else os.stat(name)
        if os.path.islink(path):
            raise StoreError(f"cannot use {path}: it is a symbolic link")
        if me == 0 and stat.st_mode & 0o022:
            raise StoreError(f"cannot use {name}: others may write it; chmod go-w it")
        if me == 0 and stat.st_uid != 0:
            raise StoreError(f"cannot use {name}: it belongs to uid {stat.st_uid}, and osvc runs as root; chown it to root")


def read_key(folder: str, *, make: bool) -> bytes:
    """The key of the marks: 32 bytes in a file of their own, 0600, made once."""
    path = f"{folder}/{KEY}"
    try:
        with open(path, "rb") as file:
            key = file.read()
        if len(key) != 32:
            raise StoreError(f"cannot use {path}: it is not a key of osvc; remove it to have a new one made")
        return key
    except FileNotFoundError:
        if not make:
            return secrets.token_bytes(32)
    part = f"{path}.{os.getpid()}.{threading.get_ident()}"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secrets.token_bytes(32))
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(part)
    return read_key(folder, make=False)
