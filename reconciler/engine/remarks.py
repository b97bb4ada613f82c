"""Remarks: what the watch that is at work says of services: what it leaves alone for now, and why. For status and ls."""

from collections.abc import Mapping
from datetime import datetime

from reconciler.engine.database import Database


class Remarks(Database):
    """The part of the store that a watch tells others by. It is emptied when one begins, and when it ends."""

    def remarks(self) -> Mapping[str, str]:
        """service -> what is said of it now."""
        return dict(self._rows("SELECT service, text FROM remarks"))

    def remark(self, service: str, text: str, at: datetime) -> None:
        """Say this from now on; "" is nothing."""
        with self._writing() as db:
            if text:
                db.execute("INSERT OR REPLACE INTO remarks VALUES (?, ?, ?)", (service, text, at.isoformat()))
            else:
                db.execute("DELETE FROM remarks WHERE service = ?", (service,))

    def forget_remarks(self) -> None:
        """Say nothing of anybody."""
        if self._rows("SELECT 1 FROM remarks LIMIT 1"):
            with self._writing() as db:
                db.execute("DELETE FROM remarks")
