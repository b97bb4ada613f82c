"""Windows: the times of the week at which watch may interrupt something, by the clock on the wall: `sat,sun 02:00-05:00`."""

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any, Final, Self

from reconciler.core.lazy import dataclass

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM: Final = re.compile(r"(?:(?P<days>[a-z,-]+) +)?(?P<start>\d\d?:\d\d)-(?P<end>\d\d?:\d\d)", re.IGNORECASE)
_FAR: Final = 15
"""Days within which every window comes, although a change of the clocks may leave one out."""


@dataclass(frozen=True, slots=True)
class Window:
    """days: on which it begins, 0 is Monday. end: at or before its start it is one of the next day."""

    days: frozenset[int]
    start: time
    end: time

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises ValueError."""
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"expected days and times such as 'sat,sun 02:00-05:00' or '22:00-04:00', not {text!r}")
        start, end = (_clock(found[part], text) for part in ("start", "end"))
        if start == end:
            raise ValueError(f"{text!r} begins when it ends; for always, say true")
        return cls(frozenset(_days(found["days"] or "mon-sun", text)), start, end)

    def opens(self, day: datetime) -> datetime | None:
        """When it begins on this day of the wall's calendar; None where it does not."""
        return datetime.combine(day, self.start) if day.weekday() in self.days else None

    def holds(self, wall: datetime) -> bool:
        if self.start < self.end:
            return wall.weekday() in self.days and self.start <= wall.time() < self.end
        before = (wall - timedelta(days=1)).weekday()
        return (wall.weekday() in self.days and wall.time() >= self.start) or (before in self.days and wall.time() < self.end)


@dataclass(frozen=True, slots=True)
class Windows:
    """Some windows. A change of the clocks shifts what is asked of it as it shifts the clock on the wall: an hour that is left out
    opens nothing, one that comes twice is open twice."""

    windows: tuple[Window, ...]

    @classmethod
    def of(cls, value: Any) -> Self:
        """One, or a list of them, as they are written. Raises ValueError."""
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise ValueError(f'expected true, false, or windows such as ["sat,sun 02:00-05:00"], not {value!r}')
        return cls(tuple(map(Window.of, texts)))

    def open(self, now: datetime) -> bool:
        wall = now.astimezone().replace(tzinfo=None)
        return any(window.holds(wall) for window in self.windows)

    def next(self, now: datetime) -> datetime | None:
        """When the next one begins after now; None where none does within two weeks."""
        return min((at for at in self._begins(now.astimezone()) if at > now and self.open(at)), default=None)

    def _begins(self, local: datetime) -> Iterator[datetime]:
        today = local.replace(tzinfo=None)
        for number in range(_FAR):
            for window in self.windows:
                opens = window.opens(today + timedelta(days=number))
                if opens is not None:
                    yield opens.astimezone()


def _clock(text: str, whole: str) -> time:
    hour, minute = map(int, text.split(":"))
    if (hour, minute) == (24, 0):
        return time(0)
    if hour > 23 or minute > 59:
        raise ValueError(f"{whole!r}: there is no time {text}")
    return time(hour, minute)


def _days(text: str, whole: str) -> Iterator[int]:
    for part in text.lower().split(","):
        first, _, last = part.partition("-")
        for word in (first, last or first):
            if word not in _DAYS:
                raise ValueError(f"{whole!r}: expected days such as mon or sat-sun, not {word!r}")
        day, end = _DAYS.index(first), _DAYS.index(last or first)
        yield day
        while day != end:
            day = (day + 1) % 7
            yield day
