"""Regular: opens only what can be read to its end: nothing is waited for that nobody may ever write (a FIFO, a device)."""

import errno
import os
import stat


def opener(path: str, flags: int) -> int:
    """As the opener of `open`. /dev/null is taken for an empty file. Raises OSError."""
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    info = os.fstat(handle)
    if stat.S_ISREG(info.st_mode) or (stat.S_ISCHR(info.st_mode) and info.st_rdev == os.makedev(1, 3)):
        return handle
    os.close(handle)
    if stat.S_ISDIR(info.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, "it is not a regular file", path)
