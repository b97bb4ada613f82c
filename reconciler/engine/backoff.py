"""backoff: for how long what failed, or drifts again and again, is left alone. The one place for how watch waits."""

from datetime import timedelta
from secrets import randbelow
from typing import Final

_FIRST_WAIT, _LONGEST_WAIT = 10, 300
LONGEST: Final = timedelta(seconds=_LONGEST_WAIT * 1.1)
"""No wait is longer, with its jitter."""

SLOWLY: Final = timedelta(hours=1)
"""After so long watch tries once more what nobody expects to go any better: what has used up its restarts, and errors that last."""


def backoff(failures: int) -> timedelta:
    """How long watch leaves a service alone after so many failures in a row: doubling, capped, with a tenth of jitter."""
    return timedelta(seconds=_doubled(failures, _LONGEST_WAIT) * (1 + randbelow(100) / 1000))


def longer(failures: int) -> timedelta:
    """How much longer than that where the errors last."""
    return timedelta(seconds=_doubled(failures, SLOWLY.total_seconds()) - _doubled(failures, _LONGEST_WAIT))


def _doubled(failures: int, longest: float) -> float:
    return min(_FIRST_WAIT << min(failures - 1, 10), longest)
