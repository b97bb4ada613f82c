"""Fetches: what was brought from outside to places where it stays, and is osvc's to remove."""

from collections.abc import Iterable
from datetime import datetime

from reconciler.core.fetched import Fetched
from reconciler.engine.database import Database

PRUNING = "images"
"""The verb of a run that removed what was fetched. It cannot be undone."""


class Fetches(Database):
    """The part of the store that remembers it. Every writing method is durable when it returns."""

    def fetched(self) -> tuple[Fetched, ...]:
        """Everything that osvc brought somewhere, and was not taken away by it again; by service."""
        rows = self._rows("SELECT place, name, id, service FROM fetched ORDER BY service, place, name, id")
        return tuple(Fetched(*row) for row in rows)

    def fetch(self, item: Fetched, at: datetime) -> None:
        """Remember what is about to be brought (no id yet), or what came: that takes the place of the intention."""
        with self._writing(durable=True) as db:
            db.execute("DELETE FROM fetched WHERE place = ? AND name = ? AND id = ''", (item.place, item.name))
            row = (item.place, item.name, item.id, item.service, at.isoformat())
            db.execute("INSERT OR REPLACE INTO fetched VALUES (?, ?, ?, ?, ?)", row)

    def forget_fetched(self, items: Iterable[Fetched]) -> None:
        """It is not there any more, or never came."""
        with self._writing(durable=True) as db:
            rows = [(item.place, item.name, item.id) for item in items]
            db.executemany("DELETE FROM fetched WHERE place = ? AND name = ? AND id = ?", rows)
