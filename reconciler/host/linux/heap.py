"""The heap of this process: where the C library takes its memory from."""

import ctypes
from typing import Final

_ARENA_MAX: Final = -8
"""M_ARENA_MAX of mallopt(3)."""


def share_heap() -> None:
    """Threads that begin from now on take from the one heap that there is.

    By itself glibc gives those that work at once a heap each, up to eight for each processor, and each keeps what was needed of it
    once. Other C libraries have no such heaps.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
