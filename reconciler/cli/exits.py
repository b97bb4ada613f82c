"""Exit: the codes that osvc ends with, and which of several counts. Standard library only."""

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """What a verb came to. The numbers are a promise: scripts test them."""

    OK = 0
    """Converged, or nothing to do."""
    ERROR = 1
    """An error: the machine refused something, or osvc has a bug."""
    PENDING = 2
    """`plan` found changes to make."""
    ROLLED_BACK = 3
    """A step failed, and what the run had done to its lane was undone."""
    REFUSED = 4
    """Something needs a permission that was not given. Nothing was done to it."""
    LOCKED = 5
    """Another run holds the lock."""
    INVALID = 6
    """A spec is not valid."""
    UNKNOWN = 7
    """Cannot tell: something that is needed could not be seen."""
    UNSETTLED = 8
    """Not converged: stuck, deferred, or an undo that is not complete."""
    USAGE = 64
    """The command line is wrong."""
    INTERRUPTED = 130
    TERMINATED = 143


UNDEFINED = 5
"""What the reference's `status`, whose codes are none of these, ends with where there is no status."""

WORST_FIRST = (
    Exit.TERMINATED,
    Exit.INTERRUPTED,
    Exit.USAGE,
    Exit.ERROR,
    Exit.UNSETTLED,
    Exit.ROLLED_BACK,
    Exit.INVALID,
    Exit.LOCKED,
    Exit.REFUSED,
    Exit.UNKNOWN,
    Exit.PENDING,
    Exit.OK,
)
"""Of several services, the first of these that occurs is the exit code.

The order goes from what leaves the machine least certain to what leaves it as asked: a run cut short, an error, a service left
half-way, one that was put back, then what was never begun (invalid, locked, refused), what could not be seen, what is
only to be done.
"""


def worst(codes: Iterable[Exit]) -> Exit:
    """The exit code of a verb that worked several services; OK for none."""
    found = set(codes)
    return next((code for code in WORST_FIRST if code in found), Exit.OK)
