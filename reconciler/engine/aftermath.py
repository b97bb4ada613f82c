"""Aftermath: what a ruling comes to: it is told, written down, also for others, and the service is looked at again in its time."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Final

from reconciler.core.ban import WHOLE, Ban, Sort
from reconciler.engine.backoff import backoff
from reconciler.engine.errors import StoreError
from reconciler.engine.judge import Judge, Ruling
from reconciler.engine.news import News
from reconciler.engine.rounds import SETTLING, Rounds
from reconciler.engine.session import Session
from reconciler.engine.standing import Ledger, State

SOON: Final = 10.0
"""Seconds until that is looked at again which could not be: the state folder, say, did not let itself be read."""


class Aftermath:
    """Of the rulings of one watch, in its loop's thread."""

    def __init__(self, session: Session, judge: Judge, rounds: Rounds, ledger: Ledger, news: News) -> None:
        self._session, self._judge, self._rounds, self._ledger, self._news = session, judge, rounds, ledger, news
        self._open: dict[str, int] = {}
        """Service -> how many looks in a row found it neither at its goal nor to be worked on."""

    def keep(self, names: Collection[str]) -> None:
        """There are these services, and no others."""
        for name in self._open.keys() - set(names):
            del self._open[name]

    def obey(self, name: str, ruling: Ruling) -> None:
        """Do as it was ruled of a service, but for the work."""
        self._ledger.note(name, ruling.state, ruling.until)
        if ruling.spared is not None:
            self._remark(name, ruling.spared)
        if ruling.says is not None:
            self._news.tell(name, ruling.says)
        if ruling.until is not None:
            self._rounds.later(name, max((ruling.until - self._judge.now).total_seconds(), SETTLING))
        if ruling.again:
            self._open[name] = self._open.get(name, 0) + 1
            self._rounds.later(name, backoff(self._open[name]).total_seconds())
        elif ruling.state is State.KEPT:
            self._open.pop(name, None)
        if ruling.freeze is not None:
            self._freeze(name, ruling.freeze)

    def _remark(self, name: str, spared: Mapping[str, str]) -> None:
        """Keep what of a service is left alone for now, and why; for others as well."""
        if self._ledger.degraded.get(name, {}) == spared:
            return
        self._ledger.degraded[name] = spared
        if not spared:
            del self._ledger.degraded[name]
        with suppress(StoreError):  # the watch itself knows
            text = "; ".join(f"{rid}: {why}" for rid, why in spared.items())
            self._session.store.remark(name, text, self._session.host.clock.now())

    def _freeze(self, name: str, ban: Ban) -> None:
        """Freeze a service that is down, and look at it again as a frozen one."""
        try:
            self._session.store.ban(name, Sort.FROZEN, (WHOLE,), ban)
        except StoreError as err:
            self._news.tell("", str(err))
            self._rounds.later(name, SOON)
        else:
            self._rounds.later(name, SETTLING)
