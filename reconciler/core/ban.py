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
    """Who said so, when and why. whole: it holds for a resource because its service as a whole is disabled."""

    by: str
    at: datetime
    reason: str = ""
    whole: bool = False

    def record(self) -> dict[str, str | bool]:
        """As plain data."""
        return {"by": self.by, "at": self.at.isoformat(), "reason": self.reason, "whole": self.whole}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Ban":
        """The ban of such data. Raises KeyError, ValueError, TypeError."""
        return cls(record["by"], datetime.fromisoformat(record["at"]), record["reason"], record["whole"])


WHOLE = ""
"""In place of a rid: the service with all its resources, those that come later as well."""
