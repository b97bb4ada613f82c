"""times: moments as machines write them, and lengths of time as people read them. Pure."""

from datetime import UTC, datetime


def duration(seconds: float) -> str:
    """ "0.4 s", "12 s", "2 min 5 s", "3 h 20 min", "2 d 4 h"."""
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    for big, small, big_name, small_name in ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= big:
            rest = whole % big // small
            return f"{whole // big} {big_name}" + (f" {rest} {small_name}" if rest else "")
    return f"{whole} s"


def instant(text: str) -> datetime | None:
    """A moment as an engine writes it (RFC 3339, as many digits as it likes); None for none, and for one that never was."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.year <= 1 else at if at.tzinfo else at.replace(tzinfo=UTC)


def between(begin: str, end: str) -> float | None:
    """Seconds from one such moment to another; None where one of them is none."""
    first, last = instant(begin), instant(end)
    return None if first is None or last is None else (last - first).total_seconds()
