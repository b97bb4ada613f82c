"""Windows: the times of the week at which watch may interrupt something, by the clock on the wall: `sat,sun 02:00-05:00`."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, Self

from reconciler.core.lazy import dataclass

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM: Final = re.compile(r"(?:(?P<days>[a-z]+(?: *[,-] *[a-z]+)*) +)?(?P<start>\d\d?:\d\d)-(?P<end>\d\d?:\d\d)", re.IGNORECASE)
_MIDNIGHT: Final = "24:00"
"""At the end of a day; a time only as an end."""
_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)
_FAR: Final = 15
"""Days within which every window comes, although a change of the clocks may leave one out."""


@dataclass(frozen=True, slots=True)
class Window:
    """days: on which it begins, 0 is Monday. end: at or before its start it is one of the next day (so of a whole day)."""

    days: frozenset[int]
    start: time
    end: time

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises ValueError."""
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"expected days and times such as 'sat,sun 02:00-05:00' or '22:00-04:00', not {text!r}")
        start, end = (_clock(found[part], text, last=part == "end") for part in ("start", "end"))
        if start == end and found["end"] != _MIDNIGHT:
            raise ValueError(f"{text!r} begins when it ends; for a whole day, say 00:00-{_MIDNIGHT}; for always, true")
        return cls(frozenset(_days(found["days"] or "mon-sun", text)), start, end)

    def opens(self, day: datetime) -> datetime | None:
        """When it begins on this day of the wall's calendar; None where it does not."""
        return datetime.combine(day, self.start) if day.weekday() in self.days else None

    def holds(self, wall: datetime) -> bool:
        if self.start < self.end:
            return wall.weekday() in self.days and self.start <= wall.time() < self.end
        before = (wall - _DAY).weekday()
        return (wall.weekday() in self.days and wall.time() >= self.start) or (before in self.days and wall.time() < self.end)


@dataclass(frozen=True, slots=True)
class Windows:
    """Some windows. A change of the clocks shifts what is asked of it as it shifts the clock on the wall: an hour that is left out
    opens nothing before its end, one that comes twice is open twice."""

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
        """When the next one begins after now, or goes on where the clocks are changed; None where none does within two weeks."""
        return min((at for at in (*self._begins(now), *_changes(now)) if at > now and self.open(at)), default=None)

    def _begins(self, now: datetime) -> Iterator[datetime]:
        """What comes twice is two moments (fold)."""
        today = now.astimezone().replace(tzinfo=None)
        for number in range(_FAR):
            for window in self.windows:
                opens = window.opens(today + number * _DAY)
                if opens is not None:
                    yield from (opens.replace(fold=fold).astimezone() for fold in (0, 1))


def _changes(now: datetime) -> Iterator[datetime]:
    """The moments at which the clocks are changed, to the minute."""
    today = now.astimezone(UTC).replace(second=0, microsecond=0)
    for number in range(_FAR):
        day = today + number * _DAY
        before = _offset(day)
        if _offset(day + _DAY) != before:
            minute = bisect_left(range(_DAY // _MINUTE), True, key=lambda minute: _offset(day + minute * _MINUTE) != before)
            yield (day + minute * _MINUTE).astimezone()


def _offset(moment: datetime) -> timedelta | None:
    return moment.astimezone().utcoffset()


def _clock(text: str, whole: str, *, last: bool) -> time:
    hour, minute = map(int, text.split(":"))
    if last and text == _MIDNIGHT:
        return time(0)
    if hour > 23 or minute > 59:
        raise ValueError(f"{whole!r}: there is no time {text}")
    return time(hour, minute)


def _days(text: str, whole: str) -> Iterator[int]:
    for part in text.lower().replace(" ", "").split(","):
        first, _, last = part.partition("-")
        for word in (first, last or first):
            if word not in _DAYS:
                raise ValueError(f"{whole!r}: expected days such as mon or sat-sun, not {word!r}")
        day, end = _DAYS.index(first), _DAYS.index(last or first)
        yield day
        while day != end:
            day = (day + 1) % 7
            yield day
