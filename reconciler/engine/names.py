"""Names: what the store knows by name, for whoever must not wait for models: shell completion. Read only, and nothing is reported:
what cannot be read has no names."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from fnmatch import fnmatchcase

from reconciler.engine.database import connect, quoted
from reconciler.engine.schema import FILE


class Names:
    """Of the store in this state folder."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, FILE)

    def services(self) -> list[str]:
        """Those that were applied here."""
        return [name for (name,) in self._rows("SELECT name FROM services ORDER BY name")]

    def rids(self, globs: Sequence[str]) -> list[str]:
        """Those that are owned by services of these patterns, or by any where there are none."""
        rows = self._rows("SELECT service, rid FROM owned ORDER BY service, rid")
        return [rid for name, rid in rows if not globs or any(fnmatchcase(name, glob) for glob in globs)]

    def runs(self, most: int) -> list[tuple[str, str]]:
        """(id, what it was) of the newest runs."""
        rows = self._rows("SELECT id, verb, service FROM runs ORDER BY began DESC LIMIT ?", most)
        return [(id, f"{verb} {service}") for id, verb, service in rows]

    def _rows(self, sql: str, *values: int) -> list[tuple[str, ...]]:
        try:
            with closing(connect(f"file:{quoted(self._path)}?mode=ro")) as db:
                return db.execute(sql, values).fetchall()
        except sqlite3.Error:
            return []
