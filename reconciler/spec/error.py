"""SpecError: one thing that is wrong with a spec, where it stands, and what to do about it."""

from collections.abc import Iterable
from typing import NamedTuple

from reconciler.core.service import Origin


class SpecError(NamedTuple):
    """message: a clause that says what is wrong and what to do."""

    origin: Origin
    message: str

    def __str__(self) -> str:
        """`file:line:column: message`, without control characters."""
        text = f"{self.origin}: {self.message}"
        return text if text.isprintable() else "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def meant(name: str, candidates: Iterable[str]) -> str:
    """The clause "; did you mean 'mnt_opt'?" when one of the candidates is close to `name`, or ""."""
    close = nearest(name, candidates)
    return f"; did you mean '{close}'?" if close else ""


def nearest(name: str, candidates: Iterable[str], least: float = 0.7) -> str:
    """The candidate that is closest to `name`, or "". least: how much of the two is to be alike."""
    from difflib import get_close_matches

    spelled = {candidate.lower(): candidate for candidate in candidates}
    close = get_close_matches(name.lower(), list(spelled), n=1, cutoff=least)
    return spelled[close[0]] if close else ""
