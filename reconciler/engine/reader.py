"""Reader: what a watch reads again and again: its specs, once they are whole, and at a signal its configuration."""

from collections.abc import Callable
from dataclasses import replace

from reconciler.core.secrets import learn_anew
from reconciler.engine.bugs import Bugs
from reconciler.engine.config import Config
from reconciler.engine.errors import ConfigError
from reconciler.engine.news import News
from reconciler.engine.rounds import Call, Rounds
from reconciler.engine.session import Session
from reconciler.engine.settling import Settling
from reconciler.engine.specs import Fingerprint, Specs
from reconciler.engine.standing import Ledger


class Reader:
    """It tells `news`, and the ledger, of what is wrong there; what was read before holds on then."""

    def __init__(self, session: Session, specs: Specs, rounds: Rounds, ledger: Ledger, news: News, bugs: Bugs) -> None:
        self._session, self._specs, self._rounds, self._ledger, self._news, self._bugs = session, specs, rounds, ledger, news, bugs
        self._settling = Settling(session.host.clock, session.host.mounts)

    def specs(self, call: Call, *, idle: bool) -> None:
        """What is being written is left for later, but by a watch that knows no specs yet. idle: nobody is in work by those of
        before, and has secrets of those."""
        clock, stop = self._session.host.clock, self._session.stop
        found = self._specs.look()
        while (left := self._left(found, call)) and not self._specs.known and not stop.asked:
            clock.sleep(left)
            found = self._specs.look()
        if left:
            self._rounds.read_later(self._specs.paths[0], left)
            return
        self._news.tell("files", self._settling.says)
        try:
            fresh = self._specs.read(found)
        except Exception as err:
            if not self._specs.known:
                raise
            self._news.tell("specs", self._bugs.says(err))
            return
        if fresh is not None:
            self._ledger.invalid = self._specs.wrong
            self._news.tell("specs", "\n".join(str(error) for error in fresh.errors))
        if idle:
            learn_anew(self._specs.lessons)

    def _left(self, found: Fingerprint, call: Call) -> float:
        """Seconds until the specs can be read. What is written in place beside an exchange, heard or not, is young all the same."""
        return self._settling.left(self._specs.changed(found), whole=self._specs.exchanged(found) if call.whole else ())

    def configuration(self, read: Callable[[], Config]) -> None:
        """What the open session stands on stays as it is."""
        old = self._session.config
        try:
            fresh = read()
        except ConfigError as err:
            self._news.tell("configuration", f"the configuration is wrong, and stays as it was: {err}")
            return
        stays = replace(old, interval=fresh.interval, prune=fresh.prune, disrupt=fresh.disrupt, lock_wait=fresh.lock_wait)
        says = "" if stays == fresh else "what else changed in the configuration holds once watch is begun anew"
        self._news.tell("configuration", says)
        self._session.config = stays
