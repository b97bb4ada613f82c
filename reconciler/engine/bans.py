"""Bans: the services that persons froze, and what they disabled."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from reconciler.core.ban import WHOLE, Ban, Sort
from reconciler.engine.database import Database

Said: TypeAlias = Mapping[tuple[Sort, str], Ban]
"""(sort, rid) -> the ban, of one service; the rid is WHOLE for the service itself."""


class Bans(Database):
    """The part of the store that remembers it. Every writing method is durable when it returns."""

    def bans(self) -> Mapping[str, Said]:
        """service -> what is banned of it."""
        found: dict[str, dict[tuple[Sort, str], Ban]] = {}
        for service, sort, rid, by, at, reason in self._rows("SELECT service, sort, rid, by, at, reason FROM bans"):
            found.setdefault(service, {})[Sort(sort), rid] = Ban(by, datetime.fromisoformat(at), reason)
        return found

    def frozen(self, service: str) -> Ban | None:
        """Who froze a service; None where nobody did."""
        return self.bans().get(service, {}).get((Sort.FROZEN, WHOLE))

    def disabled(self, service: str) -> Mapping[str, Ban]:
        """rid -> who disabled it; the rid is WHOLE for the service itself."""
        return {rid: ban for (sort, rid), ban in self.bans().get(service, {}).items() if sort is Sort.DISABLED}

    def ban(self, service: str, sort: Sort, rids: Iterable[str], ban: Ban) -> None:
        """From now on; what is banned already stays as it was said first."""
        with self._writing(durable=True) as db:
            rows = [(service, sort.value, rid, ban.by, ban.at.isoformat(), ban.reason) for rid in rids]
            db.executemany("INSERT OR IGNORE INTO bans VALUES (?, ?, ?, ?, ?, ?)", rows)

    def lift(self, service: str, sort: Sort, rids: Iterable[str]) -> None:
        """Not any more."""
        with self._writing(durable=True) as db:
            db.executemany(
                "DELETE FROM bans WHERE service = ? AND sort = ? AND rid = ?", [(service, sort.value, rid) for rid in rids]
            )
