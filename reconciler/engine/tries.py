"""Tries: what a watch has tried, resource by resource, and what of it it does not try again for now."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from reconciler.core.action import Slot
from reconciler.core.change import Cause, Change, Verdict
from reconciler.core.lazy import dataclass
from reconciler.core.outcome import Outcome, Result, Status
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim
from reconciler.engine.backoff import SLOWLY, backoff

CALM: Final = timedelta(minutes=5)
"""After so long without anything to mend, a service or a resource counts as calm again."""

_AND_THEN: Final = ": degraded; tried once more each hour"

Key: TypeAlias = tuple[str, str]
"""(service, rid)"""

_TRIED: Final = frozenset({Status.DONE, Status.FAILED, Status.UNDONE})


def is_lost(change: Change) -> bool:
    """Whether a resource was up and is not any more, or not well, by itself: neither by an edit, nor because of another one."""
    died = change.verdict in (Verdict.CREATE, Verdict.START) or (change.verdict is Verdict.RESTART and bool(change.fields))
    return died and change.cause is Cause.DRIFT


@dataclass(frozen=True, slots=True)
class _Restarted:
    """A resource that was restarted `count` times. last: when. up: since when it has been seen well after that, if it is."""

    wish: str
    count: int
    last: datetime
    up: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Failed:
    """An optional resource that failed `count` times in a row; not tried again before `until`."""

    wish: str
    count: int
    until: datetime
    why: str


class Tries:
    """A memory of one watch; an edit of a service's spec (another wish) begins anew."""

    def __init__(self) -> None:
        self._restarted: dict[Key, _Restarted] = {}
        self._failed: dict[Key, _Failed] = {}
        self._up: set[Key] = set()
        """What the last look saw well, of what is wanted up."""

    def keep(self, names: Collection[str]) -> None:
        """There are these services, and no others."""
        self._restarted = {key: one for key, one in self._restarted.items() if key[0] in names}
        self._failed = {key: one for key, one in self._failed.items() if key[0] in names}
        self._up = {key for key in self._up if key[0] in names}

    def spared(self, plan: Plan, wish: str, now: datetime) -> dict[str, str]:
        """rid -> why it is left alone for now, of the resources that a plan would work on. plan: one that spares nothing."""
        found: dict[str, str] = {}
        for change in plan.changes:
            key = (plan.service, change.rid)
            failed = self._failed.get(key)
            if plan.goal.aim is not Aim.UP:
                self._up.discard(key)
            elif change.verdict is Verdict.KEEP and change.aim is Aim.UP:
                self._up.add(key)
            why = self._spent(key, change, wish, now)
            if not why and failed is not None and failed.wish == wish and now < failed.until:
                why = failed.why
            if why:
                found[change.rid] = why
        return found

    def _spent(self, key: Key, change: Change, wish: str, now: datetime) -> str:
        """Why a resource that died is not restarted now; "" where it may be, or did not die."""
        if key in self._restarted and self._restarted[key].wish != wish:
            del self._restarted[key]
        known, limit = self._restarted.get(key), change.common.restart
        if known is not None and known.up is not None and now >= known.up + CALM:
            del self._restarted[key]
            known = None
        if not is_lost(change):
            if known is not None and known.up is None:
                self._restarted[key] = replace(known, up=now)
            return ""
        if known is not None:
            self._restarted[key] = replace(known, up=None)
        if limit is None:
            return ""
        count = known.count if known is not None else 0
        if count >= limit and not (limit and known is not None and now >= known.last + SLOWLY):
            return f"{change.reason}; restarted {limit} of {limit} times{_AND_THEN if limit else ', and left alone'}"
        if known is not None and count < limit and now < known.last + timedelta(seconds=change.common.restart_delay):
            return f"{change.reason}; restarted {count} of {limit} times, and again after {change.common.restart_delay:g} s"
        return ""

    def lost_for_good(self, plan: Plan) -> dict[str, str]:
        """rid -> why, of what brings its service down by its loss and has used up its restarts. What is not to be restarted at all
        must have been seen well before: a machine that has just booted has lost nothing. plan: one that `spared` was just asked of.
        """
        found: dict[str, str] = {}
        for change in plan.changes:
            key, limit = (plan.service, change.rid), change.common.restart or 0
            known = self._restarted.get(key)
            used_up = known is not None and known.count >= limit if limit else key in self._up
            if plan.goal.aim is Aim.UP and change.common.fells and is_lost(change) and used_up:
                found[change.rid] = change.reason + (f"; restarted {limit} of {limit} times" if limit else "")
        return found

    def until(self, plan: Plan, wish: str, now: datetime) -> datetime | None:
        """When the first of what is spared in this plan is to be tried again; None where none is, by itself."""
        times: list[datetime] = []
        for change in plan.changes:
            restarted, failed = self._restarted.get((plan.service, change.rid)), self._failed.get((plan.service, change.rid))
            limit = change.common.restart
            if restarted is not None and is_lost(change) and limit:
                delay = timedelta(seconds=change.common.restart_delay) if restarted.count < limit else SLOWLY
                times.append(restarted.last + delay)
            if failed is not None and failed.wish == wish:
                times.append(failed.until)
        return min((time for time in times if time > now), default=None)

    def count(self, plan: Plan, wish: str, results: Sequence[Result], now: datetime) -> None:
        """Note what came of working on this plan."""
        outcomes = [outcome for result in results for outcome in result.outcomes]
        for change in plan.changes:
            key = (plan.service, change.rid)
            if is_lost(change) and change.common.restart is not None and _was_started(change.rid, outcomes):
                known = self._restarted.get(key)
                self._restarted[key] = _Restarted(wish, known.count + 1 if known is not None else 1, now)
            failure = next(
                (outcome for outcome in outcomes if outcome.step.rid == change.rid and outcome.status is Status.FAILED), None
            )
            if failure is None:
                if any(outcome.step.rid == change.rid for outcome in outcomes):
                    self._failed.pop(key, None)
            elif change.common.dispensable:
                last = self._failed.get(key)
                number = last.count + 1 if last is not None and last.wish == wish else 1
                self._failed[key] = _Failed(wish, number, now + backoff(number), f"optional, and failed: {failure.message}")


def _was_started(rid: str, outcomes: Iterable[Outcome]) -> bool:
    return any(one.step.rid == rid and one.step.slot is Slot.UP and one.status in _TRIED for one in outcomes)
