"""The clock on the wall: a timer that tells when it was set, and so when the machine goes on that was suspended."""

import ctypes
import os
import time
from typing import Final

_ABSOLUTE, _CANCEL_ON_SET = 1, 2
_FAR: Final = 1 << 40
"""Seconds since 1970."""


class _Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Timer(ctypes.Structure):
    _fields_ = (("interval", _Time), ("value", _Time))


def made_to_ring_when_set() -> int:
    """The descriptor; reading from it fails with ECANCELED then, and makes it wait for the next time. -1 where the kernel has no
    such timer: then it is noticed when something else rings, or time is over."""
    libc = ctypes.CDLL(None)
    handle = int(libc.timerfd_create(time.CLOCK_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC))
    timer = _Timer(_Time(0, 0), _Time(_FAR, 0))
    if handle < 0 or libc.timerfd_settime(handle, _ABSOLUTE | _CANCEL_ON_SET, ctypes.byref(timer), None) == 0:
        return handle
    os.close(handle)
    return -1
