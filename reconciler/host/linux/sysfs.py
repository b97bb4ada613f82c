"""sysfs: what the kernel tells of devices in small files. What is not there, or goes meanwhile, is nothing."""

import os


def names(path: str) -> list[str]:
    """What is in a folder."""
    try:
        return os.listdir(path)
    except OSError:
        return []


def word(path: str) -> str:
    """What stands in a file; a path in it may be of any bytes."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read().strip()
    except OSError:
        return ""
