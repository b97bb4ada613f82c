"""Rounds: when a watch looks at what. Bells call for services by name, an agenda for those that wait for a time, and now and then
everything is looked at."""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import field
from math import inf
from random import uniform
from typing import Final

from reconciler.core.bells import EXCHANGED, Bell, Rings, Source, both, concerns
from reconciler.core.lazy import dataclass
from reconciler.engine.signals import Stop
from reconciler.host.doorbells import Doorbells
from reconciler.host.ports import Clock

SETTLING: Final = 0.1
"""Seconds without another ring after which it is looked: what comes in a burst is one look."""
_BRIEF: Final = 0.03
_FEW: Final = 3
"""The same for the first few rings of the machine out of a silence: one harm is seldom more (an engine tells of a container's
network, and then of its end). Not for files, unless they were put in place whole: one that is just written may be half a file. Nor
for those where things are pruned: who puts several in place does so one by one, and what moves is in none of them between two."""
_ENDED: Final = 0.01
"""The same once a process has ended, and at most engines rang beside it: what broke off has its reason. Those that are ended by
one command end together."""
_DAEMONS: Final = frozenset({Source.PROCESS, Source.ENGINE})
_LATEST: Final = 1.0
"""Seconds after the first ring when it is looked all the same."""
_ECHOES: Final = (1.0, 10.0)
"""Seconds after a look that a ring called for when it is looked once more: an engine tells that a container died before it
shows it, and where the machine is busy that takes a while."""
_JITTER: Final = 0.1
"""Of the interval, either way: machines that were started together do not stay so."""
_NAP: Final = 1.0
"""Seconds: whenever the machine was suspended for longer, everything is looked at, for nobody knows what it missed."""
_EVERYTHING: Final = ""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be looked at. names: of services. everything: all that there are. files: some of these may have changed.
    whole: all that happened to them was that files were put in place whole, and these need not wait. rang: what rang for that, and
    heard: for these of the services; time called for the others."""

    names: frozenset[str] = frozenset()
    everything: bool = False
    files: frozenset[str] = frozenset()
    whole: bool = False
    rang: Rings = field(default_factory=dict)
    heard: frozenset[str] = frozenset()


class Rounds:
    """The bells and the agenda of one watch, in its one thread.

    files: paths whose change is a call of its own. interval: seconds between two looks at everything, and patient: whether files
    that are put in place are waited for as those that are written; asked for each time.
    """

    def __init__(
        self,
        doorbells: Doorbells,
        clock: Clock,
        stop: Stop,
        *,
        files: Collection[str],
        interval: Callable[[], float],
        patient: Callable[[], bool] = _never,
    ) -> None:
        self._doorbells, self._clock, self._stop = doorbells, clock, stop
        self._files = frozenset(Bell(Source.FILES, path) for path in files)
        self._exchanges = frozenset(bell._replace(part=EXCHANGED) for bell in self._files)
        self._whole: set[str] = set()
        """Paths of which an exchange was the last that rang: nothing before it is unsettled."""
        self._mounted = {Bell(Source.MOUNTS, part=os.path.realpath(path)): Bell(Source.FILES, path) for path in files}
        """What rings when something is mounted over a path, or is not any more: the files below it are others then."""
        self._interval, self._patient = interval, patient
        self._hung: dict[str, frozenset[Bell]] = {}
        self._agenda: dict[str, float] = {_EVERYTHING: clock.monotonic()}
        self._unread: dict[str, float] = {}
        """Paths -> when they are to be read. A path may be called as a service is."""
        self._echoes: dict[str, list[float]] = {}
        self._rung: dict[Bell, str] = {}
        self._settled = self._latest = inf
        self._last, self._rings = -inf, 0
        self._slept = clock.suspended()

    def hang(self, bells: Mapping[str, Iterable[Bell]]) -> None:
        """Listen to these bells for these services, from now on. What rings on from here is not missed by a look that follows."""
        self._hung.update({name: frozenset(found) for name, found in bells.items()})
        self._doorbells.listen(self._files.union(self._exchanges, self._mounted, *self._hung.values()))

    def hung(self, name: str) -> Iterable[Bell]:
        """What is listened to for a service."""
        return self._hung.get(name, ())

    def keep(self, names: Collection[str]) -> None:
        """There are these services, and no others."""
        for gone in self._hung.keys() - set(names):
            del self._hung[gone]
        for gone in self._agenda.keys() - {*names, _EVERYTHING}:
            del self._agenda[gone]
        for gone in self._echoes.keys() - set(names):
            del self._echoes[gone]

    def looked(self, names: Collection[str], *, everything: bool) -> None:
        """A look at these services begins: what was to be looked at until now is."""
        if everything:
            self._agenda = {_EVERYTHING: self._clock.monotonic() + self._interval() * uniform(1 - _JITTER, 1 + _JITTER)}
            self._unread.clear()
        for name in names:
            self._agenda.pop(name, None)

    def later(self, name: str, seconds: float) -> None:
        """Look at a service after so long, if nothing calls sooner. "" is everything."""
        self._note(self._agenda, name, seconds)

    def read_later(self, path: str, seconds: float) -> None:
        """The same of one of the files."""
        self._note(self._unread, path, seconds)

    def _note(self, agenda: dict[str, float], what: str, seconds: float) -> None:
        at = self._clock.monotonic() + max(seconds, 0.0)
        agenda[what] = min(at, agenda.get(what, at))

    def stir(self) -> None:
        """The watch itself is about to do something, and no silence is to be expected: most of what rings then is that."""
        self._last, self._rings = self._clock.monotonic(), _FEW

    def deaf(self) -> Mapping[Bell, str]:
        """What cannot be listened to, but for engines: these are down now and then, and their services say so."""
        return {bell: why for bell, why in self._doorbells.deaf().items() if bell.source is not Source.ENGINE}

    def next(self, beat: float = inf, ready: Callable[[], bool] = _never) -> Call | None:
        """Wait for the next call. None when a signal came, or something else is `ready`, or after `beat` seconds without a call."""
        quit = self._clock.monotonic() + beat
        while not (self._stop.asked or self._stop.reread.is_set() or ready()):
            now = self._clock.monotonic()
            if self._clock.suspended() - self._slept > _NAP:
                self._slept = self._clock.suspended()
                self.later(_EVERYTHING, 0)
            until = self._settled if self._rung else self._due()
            if now >= until:
                return self._call(now)
            if now >= quit and not self._rung:
                return None
            self._hear((until if self._rung else min(until, quit)) - now)
        return None

    def rest(self, ready: Callable[[], bool], beat: float) -> None:
        """Wait until that is ready, whatever rings and whoever asks to stop; what rings is not forgotten."""
        while not ready():
            self._hear(beat)

    def _due(self) -> float:
        return min(*self._agenda.values(), *self._unread.values(), *(times[0] for times in self._echoes.values()), inf)

    def _hear(self, seconds: float) -> None:
        rings = self._doorbells.wait(seconds)
        fresh = {bell for bell in rings if bell not in self._rung or bell in self._exchanges}
        if fresh:
            now = self._clock.monotonic()
            self._latest = self._latest if self._rung else now + _LATEST
            seconds = self._settling(fresh, now)
            still = self._settled if self._rung and seconds != _ENDED else now
            self._settled = min(self._latest, max(still, now + seconds))
        self._whole |= {bell.key for bell in self._exchanges if bell in rings}
        self._whole -= {bell.key for bell in self._files if bell in rings}
        for bell, said in rings.items():
            self._rung[bell] = both(self._rung.get(bell, ""), said)

    def _settling(self, fresh: Collection[Bell], now: float) -> float:
        """How long to wait for another ring."""
        self._rings = self._rings + 1 if now - self._last <= _LATEST else 1
        self._last = now
        brief = frozenset[Bell]() if self._patient() else self._exchanges
        pieces = any(bell.source is Source.FILES and bell not in brief for bell in fresh)
        if self._rings > _FEW or pieces:
            return SETTLING
        sources = {bell.source for bell in (*self._rung, *fresh)}
        return _ENDED if Source.PROCESS in sources and sources <= _DAEMONS else _BRIEF

    def wake(self) -> None:
        """End the waiting, to see what there is beside calls. For signal handlers, and for other threads."""
        self._doorbells.wake()

    def close(self) -> None:
        """Listen no more."""
        self._doorbells.close()

    def _call(self, now: float) -> Call:
        rung, self._rung = {bell.whole if bell in self._exchanges else bell: said for bell, said in self._rung.items()}, {}
        whole, self._whole = self._whole, set()
        covered = {files for mount, files in self._mounted.items() if concerns(rung, [mount])}
        if covered:
            self._doorbells.listen(frozenset().union(*self._hung.values()))  # and at the next look to what is there now
            rung |= dict.fromkeys(covered, "")
        due = {name for name, at in self._agenda.items() if at <= now}
        due |= {name for name, times in self._echoes.items() if times[0] <= now}
        left = {name: [at for at in times if at > now] for name, times in self._echoes.items()}
        names = {name for name, hung in self._hung.items() if rung and concerns(rung, hung)}
        left.update({name: [now + seconds for seconds in _ECHOES] for name in names})
        self._echoes = {name: times for name, times in left.items() if times}
        unread = {path for path, at in self._unread.items() if at <= now}
        files = frozenset(unread.union(bell.key for bell in self._files if bell in rung))
        for path in files & self._unread.keys():
            del self._unread[path]
        whole -= {bell.key for bell in covered} | unread
        rang = {**rung, **{bell: rung.get(bell, "") for bell in self._files if bell.key in files}}
        called = frozenset(names | due) - {_EVERYTHING}
        return Call(
            called, _EVERYTHING in due, files, bool(files) and files <= whole and not self._patient(), rang, frozenset(names)
        )
