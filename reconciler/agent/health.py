"""Health: whether an agent is alive, and whether it is ready, with the reasons, as its health endpoint says it."""

from typing import Final

from reconciler.core.lazy import dataclass

LATEST: Final = 180.0
"""Seconds without a turn of its loop after which an agent is not taken for alive. It turns every 30 s, but for the time that a look
takes; whatever is worked on is worked on beside it."""


@dataclass(frozen=True, slots=True)
class Health:
    """turned: seconds since the loop turned. working: "web container#1", for each step at work. begun: the first look is done, with
    what it made for. bug: what kind of internal error keeps it from looking at everything, or ""."""

    turned: float
    working: tuple[str, ...] = ()
    begun: bool = False
    bug: str = ""

    @property
    def dead(self) -> str:
        """Why it is not taken for alive; "" when it is."""
        return "" if self.turned <= LATEST else f"the loop has not turned for {self.turned:.0f} s"

    @property
    def unready(self) -> str:
        """Why it is not ready; "" when it is."""
        if self.bug:
            return self.dead or f"an internal error ({self.bug}), and no look at everything went well since"
        return self.dead or ("" if self.begun else "the first look is not done, or what it made for")

    def record(self, reason: str) -> dict[str, object]:
        """As it is told. reason: `dead` or `unready`."""
        return {
            "ok": not reason,
            "reasons": [reason] if reason else [],
            "turned_seconds_ago": round(self.turned, 1),
            "working": list(self.working),
            "begun": self.begun,
        }
