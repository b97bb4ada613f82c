"""Schema: the tables of the store, as numbered migrations. A migration that was released is never edited."""

from typing import Final

FILE: Final = "osvc.db"
"""Of the state folder."""

MIGRATIONS: Final = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE services (
        name TEXT PRIMARY KEY, folder TEXT NOT NULL, file TEXT NOT NULL, spec TEXT NOT NULL, at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE goals (
        service TEXT PRIMARY KEY, aim TEXT NOT NULL, by TEXT NOT NULL, at TEXT, reason TEXT NOT NULL
    ) STRICT;
    CREATE TABLE owned (
        service TEXT NOT NULL, rid TEXT NOT NULL, record TEXT NOT NULL, PRIMARY KEY (service, rid)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE runs (
        id TEXT PRIMARY KEY, service TEXT NOT NULL, verb TEXT NOT NULL, began TEXT NOT NULL, ended TEXT,
        result TEXT, message TEXT
    ) STRICT;
    CREATE INDEX runs_by_service ON runs (service, began);
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY, run TEXT NOT NULL, service TEXT NOT NULL, step INTEGER NOT NULL, rid TEXT NOT NULL,
        op TEXT NOT NULL, phase TEXT NOT NULL, at TEXT NOT NULL, seconds REAL, message TEXT NOT NULL
    ) STRICT;
    CREATE INDEX journal_by_run ON journal (run);
    CREATE TABLE failures (
        service TEXT PRIMARY KEY, digest TEXT NOT NULL, count INTEGER NOT NULL, until TEXT NOT NULL, message TEXT NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE runs ADD COLUMN by TEXT NOT NULL DEFAULT ''
    """,
    """
    ALTER TABLE owned ADD COLUMN since TEXT NOT NULL DEFAULT ''
    """,
    """
    ALTER TABLE runs ADD COLUMN goal TEXT;
    ALTER TABLE runs ADD COLUMN undoes TEXT NOT NULL DEFAULT '';
    CREATE INDEX runs_by_undoes ON runs (undoes) WHERE undoes != '';
    CREATE TABLE before (run TEXT NOT NULL, rid TEXT NOT NULL, stood TEXT, PRIMARY KEY (run, rid)) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE fetched (
        place TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL, service TEXT NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (place, name, id)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE bans (
        service TEXT NOT NULL, sort TEXT NOT NULL, rid TEXT NOT NULL, by TEXT NOT NULL, at TEXT NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY (service, sort, rid)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE words (
        id INTEGER PRIMARY KEY, service TEXT NOT NULL, verb TEXT NOT NULL, rid TEXT NOT NULL, by TEXT NOT NULL, at TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT;
    """,
    """
    ALTER TABLE failures ADD COLUMN held TEXT NOT NULL DEFAULT '';
    ALTER TABLE bans ADD COLUMN until TEXT NOT NULL DEFAULT ''
    """,
    """
    CREATE TABLE remarks (service TEXT PRIMARY KEY, text TEXT NOT NULL, at TEXT NOT NULL) STRICT;
    """,
    """
    ALTER TABLE words ADD COLUMN until TEXT NOT NULL DEFAULT ''
    """,
    """
    CREATE TABLE swept (folder TEXT PRIMARY KEY, run TEXT NOT NULL) STRICT
    """,
)
