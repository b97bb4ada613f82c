"""runs: how the runs of a container followed one another under its restart policy, and what is to be said of that. Pure.

An engine that restarts a container waits before: 0.1 s at first, twice as long after each run that was shorter than 10 s, and
from the beginning after a longer one. So the wait before a run tells of the runs before that one.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from reconciler.core.kind import Remark
from reconciler.core.times import between, duration, instant
from reconciler.resources.container.ends import clauses_of_end
from reconciler.resources.container.model import Container, Desired

OFTEN: Final = 3
"""Restarts below which nobody speaks of again and again."""
SHORT: Final = 10.0
"""Seconds below which the engine takes a run for a failed one."""
_LONG_WAIT: Final = 1.0
"""Seconds that an engine waits after four short runs in a row, and never after a long one."""


def looping(one: Container, now: datetime | None) -> bool:
    """Whether it is in a crash loop: its policy has restarted it three times or more, and either it waits for its next run after
    one shorter than 10 s, or its present run is younger than 10 s and was waited for so long that those before were short.

    now: None where there is no clock; then a present run says nothing.
    """
    if one.restarts < OFTEN:
        return False
    if one.status == "restarting":
        lasted = between(one.started_at, one.ended_at)
        return lasted is not None and lasted < SHORT
    age = _age(one, now)
    if one.status != "running" or age is None or age >= SHORT:
        return False
    waited = between(one.ended_at, one.started_at)
    return waited is not None and waited >= _LONG_WAIT


def remark_on(desired: Desired, one: Container, now: datetime | None) -> Remark | None:
    """What its restarts come to, and where there is a clock since when it runs, or has ended well. None: nothing is to be told."""
    told = _restarted(desired, one, now)
    if now is None:
        return told
    since = {"running": one.started_at, "exited": one.ended_at}.get(one.status, "")
    return replace(told or Remark(), since=instant(since), health=one.check, restarts=one.restarts)


def _restarted(desired: Desired, one: Container, now: datetime | None) -> Remark | None:
    """None for a container that nothing restarted."""
    if not one.restarts or one.status not in ("running", "restarting"):
        return None
    if looping(one, now):
        within = between(one.counted_from, one.ended_at if one.status == "restarting" else one.started_at)
        words = [f"crash loop: {_times(one.restarts, 'restart')}{f' in {duration(within)}' if within else ''}", *_end(one)]
        text = f"{', '.join(words)}; left to restart_policy: {desired.restart_policy}"
        return Remark(text, f"osvc docker {desired.service} logs --tail 20 {one.name}", failing=True)
    if one.status == "restarting":
        return Remark(", ".join((f"restarted {_times(one.restarts - 1, 'time')}, and about to be again", *_end(one))))
    age = _age(one, now)
    return Remark(f"restarted {_times(one.restarts, 'time')}{'' if age is None else f', last {duration(age)} ago'}")


def counted(found: Container, known: Container | None) -> Container:
    """The container, with when the run began from which on its restarts are counted. known: as it was seen before."""
    if not found.restarts:
        return found.model_copy(update={"counted_from": found.started_at})
    if known is None or known.id != found.id or known.restarts > found.restarts:
        return found
    return found.model_copy(update={"counted_from": known.counted_from})


def _age(one: Container, now: datetime | None) -> float | None:
    """How long its present run has lasted; None where that cannot be told. A clock that was set back makes none of it negative."""
    began = instant(one.started_at)
    return None if now is None or began is None else max(0.0, (now - began).total_seconds())


def _end(one: Container) -> list[str]:
    """How its last run ended; an engine has forgotten that when the next one has begun."""
    return clauses_of_end(one) if one.status == "restarting" else []


def _times(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
