"""Past: what is kept of a run, and of its steps; and Word: what a person said beside the specs."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from reconciler.core.ban import VERBS, Sort
from reconciler.core.lazy import dataclass


@dataclass(frozen=True, slots=True)
class Past:
    """A run. ended: None while it works, or when it died. result: a word of core.outcome.End, "" without an end.
    message: what went wrong or, where nothing did, why there was something to do.

    undoes: the run that it undoes, if that is what it is for. For who has looked: works: whether it goes on just now; undone: the
    run that has undone it.
    """

    id: str
    service: str
    verb: str
    by: str
    began: datetime
    ended: datetime | None
    result: str
    message: str
    undoes: str = ""
    works: bool = False
    undone: str = ""

    @property
    def does(self) -> str:
        """Its verb, and of an undo what it undoes."""
        return f"{self.verb} of {self.undoes}" if self.undoes else self.verb

    @property
    def seconds(self) -> float | None:
        """How long it took; None where it has no end."""
        return None if self.ended is None else round((self.ended - self.began).total_seconds(), 3)

    @property
    def became(self) -> str:
        """What it came to, in a word or two."""
        return "at work" if self.works else self.result or "died"


@dataclass(frozen=True, slots=True)
class Word:
    """A freeze, thaw, disable or enable: no run, for nothing was done by it. rid: "" for the service as a whole. message: why.
    until: when it was to end by itself, if at all."""

    service: str
    verb: str
    rid: str
    by: str
    began: datetime
    message: str
    until: datetime | None = None

    id = "-"
    result = became = "said"
    undone = ""
    seconds = None

    @property
    def does(self) -> str:
        """Its verb, and about what."""
        return f"{self.verb} {self.rid}".rstrip()

    def record(self) -> dict[str, str | None]:
        """As plain data."""
        about = {"service": self.service, "rid": self.rid, "verb": self.verb}
        until = self.until.isoformat() if self.until is not None else None
        return {**about, "by": self.by, "at": self.began.isoformat(), "reason": self.message, "until": until}


def ends(words: Sequence[Word], now: datetime) -> Iterator[Word]:
    """The ends of what was said until a moment that is past, unless somebody took it back before. words: newest first."""
    thaws = VERBS[Sort.FROZEN][1]
    for place, word in enumerate(words):
        if word.until is None or word.until > now:
            continue
        later = (one for one in words[:place] if (one.service, one.rid, one.verb) == (word.service, word.rid, thaws))
        if not any(one.began < word.until for one in later):
            yield Word(word.service, thaws, word.rid, "", word.until, f"its time was over: {word.verb} by {word.by}")


@dataclass(frozen=True, slots=True)
class Did:
    """A step of a run. became: done, already, failed, undone; "" when nobody knows. commands: that it was done with.

    back: the commands that led it back.
    """

    n: int
    rid: str
    at: str
    seconds: float | None
    became: str
    commands: tuple[str, ...]
    message: str = ""
    back: tuple[str, ...] = ()
