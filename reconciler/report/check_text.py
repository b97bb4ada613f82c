"""check_text: what a machine has and lacks, one line each. Pure."""

from collections.abc import Iterable
from enum import Enum
from typing import Any

from reconciler.core.lazy import dataclass
from reconciler.report.paint import PLAIN, Paint


class Health(Enum):
    """ok: all is well. warn: some services will not work, or not as well. bad: osvc itself cannot work."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. text: what was found. remedy: what to do; "" when all is well."""

    name: str
    health: Health
    text: str
    remedy: str = ""


_COLOUR = {Health.OK: "good", Health.WARN: "warn", Health.BAD: "bad"}


def checks_text(checks: Iterable[Check], *, paint: Paint = PLAIN) -> str:
    """One line a check; those that are not well end with what to do."""
    all_of_them = list(checks)
    width = max((len(check.name) for check in all_of_them), default=0)
    return "".join(
        f"{paint(_COLOUR[check.health], f'{check.health.value:<4}')}  {check.name:<{width}}  {check.text}"
        f"{f' → {check.remedy}' if check.remedy else ''}\n"
        for check in all_of_them
    )


def checks_document(checks: Iterable[Check], code: int) -> dict[str, Any]:
    """The document of `osvc doctor --json`."""
    return {
        "document": "doctor",
        "version": 1,
        "checks": [
            {"name": check.name, "health": check.health.value, "text": check.text, "remedy": check.remedy} for check in checks
        ],
        "exit": code,
    }
