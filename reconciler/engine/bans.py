"""Bans: the services that persons froze, and what they disabled."""

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, TypeAlias

from reconciler.core.ban import VERBS, Ban, Sort
from reconciler.core.past import Word
from reconciler.engine.database import Database

Said: TypeAlias = Mapping[tuple[Sort, str], Ban]
"""(sort, rid) -> the ban, of one service; the rid is WHOLE for the service itself."""


_COLUMNS: Final = "service, sort, rid, by, at, reason, until"
_TOLD: Final = "service, verb, rid, by, at, reason, until"


class Bans(Database):
    """The part of the store that remembers it. Every writing method is durable when it returns."""

    def bans(self, now: datetime | None = None) -> Mapping[str, Said]:
        """service -> what is banned of it: what is not over, by that time; None: whatever was not taken back."""
        found: dict[str, dict[tuple[Sort, str], Ban]] = {}
        for service, sort, rid, by, at, reason, until in self._rows(f"SELECT {_COLUMNS} FROM bans"):
            end = datetime.fromisoformat(until) if until else None
            if now is not None and end is not None and now >= end:
                continue
            found.setdefault(service, {})[Sort(sort), rid] = Ban(by, datetime.fromisoformat(at), reason, until=end)
        return found

    def disabled(self, service: str) -> Mapping[str, Ban]:
        """rid -> who disabled it; the rid is WHOLE for the service itself."""
        return disabled_in(self.bans().get(service, {}))

    def ban(self, service: str, sort: Sort, rids: Iterable[str], ban: Ban) -> None:
        """From now on; what is banned already stays as it was said first, unless this one has another end."""
        stands = self.bans(ban.at).get(service, {})
        with self._writing(durable=True) as db:
            for rid in rids:
                if (sort, rid) not in stands or ban.until not in (None, stands[sort, rid].until):
                    db.execute("DELETE FROM bans WHERE service = ? AND sort = ? AND rid = ?", (service, sort.value, rid))
                until = ban.until.isoformat() if ban.until is not None else ""
                row = (service, sort.value, rid, ban.by, ban.at.isoformat(), ban.reason, until)
                if db.execute(f"INSERT OR IGNORE INTO bans ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", row).rowcount:
                    _write(db, service, VERBS[sort][0], rid, ban)

    def lift(self, service: str, sort: Sort, rids: Iterable[str], by: Ban) -> None:
        """Not any more. by: who says so."""
        with self._writing(durable=True) as db:
            for rid in rids:
                row = (service, sort.value, rid)
                if db.execute("DELETE FROM bans WHERE service = ? AND sort = ? AND rid = ?", row).rowcount:
                    _write(db, service, VERBS[sort][1], rid, by)

    def words(self) -> tuple[Word, ...]:
        """What was said and taken back, newest first."""
        rows = self._rows(f"SELECT {_TOLD} FROM words ORDER BY id DESC")
        return tuple(
            Word(name, verb, rid, by, datetime.fromisoformat(at), why, datetime.fromisoformat(until) if until else None)
            for name, verb, rid, by, at, why, until in rows
        )


def _write(db: sqlite3.Connection, service: str, verb: str, rid: str, word: Ban) -> None:
    row = (service, verb, rid, word.by, word.at.isoformat(), word.reason, word.until.isoformat() if word.until is not None else "")
    db.execute(f"INSERT INTO words ({_TOLD}) VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def disabled_in(said: Said) -> dict[str, Ban]:
    """rid -> who disabled it, of one service."""
    return {rid: ban for (sort, rid), ban in said.items() if sort is Sort.DISABLED}
