"""backoff: for how long what failed, or drifts again and again, is left alone. The one place for how watch waits."""

from datetime import timedelta
from secrets import randbelow

_FIRST_WAIT, _LONGEST_WAIT = 10, 300


def backoff(failures: int) -> timedelta:
    """How long watch leaves a service alone after so many failures in a row: doubling, capped, with a tenth of jitter."""
    seconds = min(_FIRST_WAIT << min(failures - 1, 10), _LONGEST_WAIT)
    return timedelta(seconds=seconds * (1 + randbelow(100) / 1000))
