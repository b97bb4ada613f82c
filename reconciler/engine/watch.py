"""watch: keep services at their goals: at the start, when a spec changes, and at an interval. One thread, no events yet.

Level-triggered: why it looks never matters, only what it sees.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from reconciler.core.outcome import End, Noticed, OnEvent, Result, silent
from reconciler.core.plan import Plan
from reconciler.core.policy import Policy
from reconciler.core.service import Service
from reconciler.engine import log
from reconciler.engine.backoff import backoff
from reconciler.engine.errors import EngineError, Refused
from reconciler.engine.session import Session
from reconciler.engine.target import Target
from reconciler.engine.tries import CALM, Tries, is_lost
from reconciler.engine.work import Work
from reconciler.spec.load import Loaded

Fingerprint: TypeAlias = tuple[tuple[str, int, int, int], ...]

_POLL = 1.0
"""Seconds between two looks at the spec files."""


@dataclass(frozen=True, slots=True)
class _Mended:
    """A service whose drift was mended `count` times without a calm time between; not again before `until`."""

    wish: str
    count: int
    until: datetime


class Watch:
    """Watches specs for one open session. paths: files and folders; () is the node's specs folder."""

    def __init__(self, session: Session, paths: Sequence[str] = (), *, on_event: OnEvent = silent) -> None:
        self.session = session
        self.paths = tuple(paths) or (session.config.specs,)
        self.on_event = on_event
        self._fingerprint: Fingerprint | None = None
        self._loaded = Loaded()
        self._settled: dict[str, str] = {}
        self._mended: dict[str, _Mended] = {}
        self._tries = Tries()
        self._told: dict[tuple[str, str], str] = {}
        self._policy = Policy()

    def run(self) -> int:
        """Watch until the session is asked to stop; the number of the signal that asked. A run at hand ends by its own rules."""
        clock, stop = self.session.host.clock, self.session.stop
        while not stop.asked:
            self.look()
            until = clock.monotonic() + self.session.config.interval
            while not stop.asked and (left := until - clock.monotonic()) > 0 and not self.edited:
                clock.sleep(min(left, _POLL))
        return stop.number

    @property
    def edited(self) -> bool:
        """Whether a spec file was added, changed or removed since the last look."""
        return _fingerprint(self.paths) != self._fingerprint

    def look(self) -> tuple[Result, ...]:
        """Read what changed, see everything once, and work on the services that need it; their results.

        What cannot be done now is told once and tried again at the next look: nothing on the machine ends a watch.
        """
        try:
            self._read()
            targets = self.session.targets(self._loaded)
            plans = self._plans(targets)
        except EngineError as err:
            self._tell("", str(err))
            return ()
        self._tell("", "")
        results: list[Result] = []
        named = {target.name: target for target in targets}
        for name, whole in plans.items():
            if self.session.stop.asked:
                break
            self._tell_frozen(named[name])
            self._tell_lost(whole)
            target, plan = self._spared(named[name], whole)
            if self._due(target, plan):
                results.extend(self._work(target, plan))
        return tuple(results)

    @property
    def policy(self) -> Policy:
        return Policy(prune=self.session.config.prune)

    # specs

    def _read(self) -> None:
        fingerprint = _fingerprint(self.paths)
        if fingerprint == self._fingerprint:
            return
        fresh = self.session.load(self.paths)
        self._tell("specs", "\n".join(str(error) for error in fresh.errors))
        self._loaded = _merged(self._loaded, fresh)
        self._fingerprint = fingerprint

    # services

    def _plans(self, targets: Sequence[Target]) -> dict[str, Plan]:
        """A plan for each service, from one observation of all; of each alone when that is refused."""
        try:
            plans = self.session.plans(targets, policy=self.policy)
            self._tell("prune", "")
            self._policy = self.policy
            return {plan.service: plan for plan in plans}
        except Refused as err:
            self._tell("prune", str(err))
        self._policy = Policy()
        found: dict[str, Plan] = {}
        for target in targets:
            try:
                found[target.name] = self.session.plans((target,))[0]
            except Refused as err:
                self._tell(target.name, str(err))
        return found

    def _tell_frozen(self, target: Target) -> None:
        """What is left alone because it is frozen is told once."""
        ban = target.frozen
        why = f" ({ban.reason})" if ban is not None and ban.reason else ""
        text = f"frozen by {ban.by}{why}; left alone → osvc thaw {target.name}" if ban is not None else ""
        self._tell(target.name, text, topic="frozen")

    def _tell_lost(self, plan: Plan) -> None:
        """What is monitored and is not up any more is told by name, whatever comes of it."""
        lost = [f"{change.rid} is lost: {change.reason}" for change in plan.changes if change.common.monitor and is_lost(change)]
        self._tell(plan.service, f"monitored: {'; '.join(lost)}" if lost else "", topic="monitor")

    def _spared(self, target: Target, plan: Plan) -> tuple[Target, Plan]:
        """The service, and its plan, without what is not tried again for now."""
        spared = self._tries.spared(plan, self._wish(target), self.session.host.clock.now())
        if not spared:
            return target, plan
        target = replace(target, spared=spared)
        return target, self.session.plans((target,), policy=self._policy, prune_all=True)[0]

    def _due(self, target: Target, plan: Plan) -> bool:
        """Whether there is something to do for a service that may be done now."""
        name, wish = target.name, self._wish(target)
        moves = bool(plan.certain or plan.adopted or plan.released)
        if not moves and self._settled.get(name) == wish:
            self._tell(name, "; ".join(f"{change.rid}: {change.reason}" for change in plan.open))
            return False
        failure = self.session.store.failure(name)
        now = self.session.host.clock.now()
        if failure is not None and failure.digest == wish and now < failure.until:
            return False
        mended = self._mended.get(name)
        if mended is not None and mended.wish == wish and now < mended.until:
            self._tell(name, f"drifts again and again; mended {mended.count} times, and next after a pause")
            return False
        if plan.disruptive and not self.session.config.disrupt:
            steps = ", ".join(f"{step.rid} {step.action.says()}" for step in plan.disruptive)
            self._tell(name, f"not done, for it interrupts something: {steps}; do it with osvc apply, or set disrupt: true")
            return False
        return True

    def _work(self, target: Target, plan: Plan) -> tuple[Result, ...]:
        shown = None if self.session.config.disrupt else {target.name: plan}
        try:
            results = self.session.converge(
                (target,), shown, policy=self._policy, prune_all=True, verb="watch", lock_wait=0.0, on_event=self.on_event
            )
        except EngineError as err:
            self._tell(target.name, str(err))
            return ()
        self._tries.count(plan, self._wish(target), results, self.session.host.clock.now())
        for result in results:
            if result.end is End.CONVERGED:
                self._count(target, result)
                self._settled[target.name] = self._wish(target)
                self._tell(target.name, "")
            elif result.end in (End.DEFERRED, End.REFUSED):
                self._settled[target.name] = self._wish(target)
                self._tell(target.name, result.message)
        return results

    def _count(self, target: Target, result: Result) -> None:
        """Drift that comes back is mended at growing intervals: the first two times at once, then as a failure would be."""
        name, wish, now = target.name, self._wish(target), self.session.host.clock.now()
        if not result.touched or self._settled.get(name) != wish:
            return
        last = self._mended.get(name)
        again = last is not None and last.wish == wish and now < last.until + CALM
        number = last.count + 1 if last is not None and again else 1
        self._mended[name] = _Mended(wish, number, now + (backoff(number - 2) if number > 2 else timedelta()))

    def _wish(self, target: Target) -> str:
        return Work(target.name, target.service, target.goal).digest(self.session.store.codec)

    def _tell(self, about: str, text: str, *, topic: str = "") -> None:
        """Say something new; the same again is not said, until something else was true. topic: beside what else is told of it."""
        if self._told.get((about, topic), "") == text:
            return
        self._told[about, topic] = text
        if text:
            event = Noticed("" if about in ("", "specs", "prune") else about, text)
            log.tell(event)
            self.on_event(event)


def _merged(last: Loaded, fresh: Loaded) -> Loaded:
    """The fresh specs, and for those that are wrong now what they last said: an invalid edit changes nothing."""
    wrong = {os.path.realpath(error.origin.file) for error in fresh.errors}
    found = {service.name for service in fresh.services}
    kept: list[Service] = [
        service
        for service in last.services
        if service.name not in found
        and (
            service.name in fresh.names
            or os.path.realpath(service.origin.file) in wrong
            or (service.folder in last.folders and service.folder not in fresh.folders)
        )
    ]
    names = tuple(dict.fromkeys([*fresh.names, *(service.name for service in kept)]))
    return replace(fresh, services=(*fresh.services, *kept), names=names)


def _fingerprint(paths: Sequence[str]) -> Fingerprint:
    """What the spec files look like from outside: name, change time (of the inode: a `chmod` counts), size, inode.

    Of folders what decides whether they are trusted: a `chmod` that a message asked for must be noticed.
    """
    found: list[tuple[str, int, int, int]] = []
    for path in paths:
        folder = path if os.path.isdir(path) else os.path.dirname(path) or "."
        with suppress(OSError):
            stat = os.stat(folder)
            found.append((folder, stat.st_mode, stat.st_uid, stat.st_ino))
        try:
            names = [entry.path for entry in os.scandir(path)] if os.path.isdir(path) else [path]
        except OSError:
            names = []
        for name in names:
            try:
                stat = os.stat(name)
            except OSError:
                continue
            found.append((name, stat.st_ctime_ns, stat.st_size, stat.st_ino))
    return tuple(sorted(found))
