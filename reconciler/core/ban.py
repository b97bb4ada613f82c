"""Ban: a person's word that something is to be left alone. It stands in the store, beside what the specs say."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final

from reconciler.core.lazy import dataclass


class Sort(Enum):
    """FROZEN: a service is left alone by whatever goes on by itself (apply, watch, boot). DISABLED: nothing at all is done to a
    resource, as if its spec said `disable: true`. The value is the word that people read."""

    FROZEN = "frozen"
    DISABLED = "disabled"


VERBS: Final = {Sort.FROZEN: ("freeze", "thaw"), Sort.DISABLED: ("disable", "enable")}
"""By which verb it is said, and taken back."""


@dataclass(frozen=True, slots=True)
class Ban:
    """Who said so, when and why. whole: it holds for a resource because its service as a whole is disabled. until: when it ends by
    itself; None: when somebody takes it back."""

    by: str
    at: datetime
    reason: str = ""
    whole: bool = False
    until: datetime | None = None

    def over(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.until is not None and now >= self.until

    def record(self) -> dict[str, str | bool | None]:
        """As plain data."""
        until = self.until.isoformat() if self.until is not None else None
        return {"by": self.by, "at": self.at.isoformat(), "reason": self.reason, "whole": self.whole, "until": until}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Ban":
        """The ban of such data. Raises KeyError, ValueError, TypeError."""
        until = datetime.fromisoformat(record["until"]) if record.get("until") else None
        return cls(record["by"], datetime.fromisoformat(record["at"]), record["reason"], record["whole"], until)


WHOLE = ""
"""In place of a rid: the service with all its resources, those that come later as well."""
