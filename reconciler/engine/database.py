"""Database: the one sqlite file behind the store: opened, brought up to date, read, and written in short transactions."""

import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reconciler.engine.errors import StoreError
from reconciler.engine.schema import MIGRATIONS


class Database:
    """A connection behind a lock. read_only: every writing method raises StoreError. folder: where it lies, for messages.
    errors: how often it could not be read or written."""

    def __init__(self, connection: sqlite3.Connection, *, read_only: bool, folder: str) -> None:
        self._db = connection
        self._lock = threading.RLock()
        self.read_only = read_only
        self.folder = folder
        self.errors = 0

    def check_writable(self) -> None:
        """Raises StoreError when nothing can be kept."""
        if self.read_only:
            raise StoreError(
                f"cannot write to the state folder {self.folder}: it is read-only; run as its owner, or set OSVC_STATE_DIR"
            )

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        with self._lock, self._told():
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _writing(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction. It is wholly there or not at all, and nobody else writes meanwhile."""
        self.check_writable()
        with self._lock, self._told():
            self._db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # sqlite ends it by itself when the disk is full
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """sqlite's errors, told as the store's. What its module itself objects to (a connection that was closed) has no number."""
        try:
            yield
        except sqlite3.Error as err:
            self.errors += 1
            full = getattr(err, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            hint = "; free some space there, and run it again" if full else ""
            raise StoreError(f"cannot use the store in {self.folder or 'memory'}: {err}{hint}") from None


def connect(uri: str) -> sqlite3.Connection:
    """Raises sqlite3.Error."""
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10.0)
    db.execute("PRAGMA foreign_keys=ON")
    return db


def migrate(db: sqlite3.Connection, path: str) -> None:
    """Bring the tables up to date: each migration is one transaction, and two processes may try at once."""
    if db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS):
        return
    for number, script in enumerate(MIGRATIONS, 1):
        check_version(db, path)
        if db.execute("PRAGMA user_version").fetchone()[0] >= number:
            continue
        db.execute("BEGIN IMMEDIATE")
        try:
            if db.execute("PRAGMA user_version").fetchone()[0] < number:
                for statement in filter(str.strip, script.split(";")):
                    db.execute(statement)
                if number == 1:
                    db.execute("INSERT INTO meta VALUES ('uuid', ?)", (str(uuid.uuid4()),))
                db.execute(f"PRAGMA user_version={number}")
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise


def up_to_date(db: sqlite3.Connection, path: str) -> sqlite3.Connection:
    """The tables of a file that cannot be written: as they are, or, where an older osvc made them, a copy in memory that was
    brought up to date."""
    if db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS):
        return db
    copy = connect("file::memory:")
    db.backup(copy)
    db.close()
    migrate(copy, path)
    return copy


def check_version(db: sqlite3.Connection, path: str) -> None:
    """Raises StoreError for tables that only a newer osvc knows."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise StoreError(f"cannot use {path}: it was written by a newer osvc (version {version} of its tables); use that one")


def identity(db: sqlite3.Connection, path: str) -> str:
    """The uuid of the store, made once. Raises StoreError."""
    row = db.execute("SELECT value FROM meta WHERE name = 'uuid'").fetchone()
    if row is None:
        raise StoreError(f"cannot use {path}: it has no identity; it is not a store of osvc")
    return str(row[0])


def quoted(path: str) -> str:
    """A path, for an address of sqlite's."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
