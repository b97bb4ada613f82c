"""Store: what this node remembers, in one sqlite file of the state folder. A memory, not an authority.

Claims and goals are durable when their call returns (synchronous=FULL); the journal may lose its last lines in a power cut.
One connection behind one lock: the store has one writer per process, and its transactions are short.
"""

import json
import os
import secrets
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from reconciler.core.kind import ResourceKind
from reconciler.core.model import Model
from reconciler.core.observed import Seen
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.past import Past
from reconciler.core.policy import UP, Aim, Goal
from reconciler.core.service import Service
from reconciler.engine.codec import MARK, Codec
from reconciler.engine.errors import StoreError
from reconciler.engine.folder import check_owner, check_reach, make_folder, read_key
from reconciler.engine.schema import MIGRATIONS
from reconciler.resources.registry import kind_of

FILE = "osvc.db"


@dataclass(frozen=True)
class Kept:
    """What the store kept of a service when it was last applied. spec: its models, as the codec wrote them."""

    name: str
    folder: str
    file: str
    spec: str
    codec: Codec

    @cached_property
    def service(self) -> Service:
        """Raises StoreError when it cannot be read."""
        return self.codec.read_service(json.loads(self.spec))


@dataclass(frozen=True, slots=True)
class Failure:
    """The wish that failed last for a service, how often in a row, and until when watch leaves it alone."""

    digest: str
    count: int
    until: datetime
    message: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the journal. phase: intend, done, failed or undone. message: of an intention and of an undo the commands, of a
    failure what was said."""

    run: str
    service: str
    step: int
    rid: str
    op: str
    phase: str
    at: str
    seconds: float | None
    message: str


class Store:
    """The open state folder. read_only: nothing can be kept; every writing method raises StoreError then."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        codec: Codec,
        uuid: str,
        *,
        read_only: bool,
        folder: str = "",
        after: "Store | None" = None,
    ) -> None:
        self._db = connection
        self._lock = threading.RLock()
        self.codec = codec
        self.uuid = uuid
        self.read_only = read_only
        self.folder = folder
        self._read: dict[tuple[str, str], tuple[str, Mapping[str, str], Owned]] = after._read if after else {}
        """(service, rid) -> the record that was read last, the secrets that were known, and what they came to."""

    # opening

    @classmethod
    def open(
        cls, folder: str, *, write: bool, kinds: Callable[[str], ResourceKind] = kind_of, after: "Store | None" = None
    ) -> "Store":
        """Open the store of a state folder; it is made (0700) when `write`, and empty and in memory when there is none.

        after: the store that this process had open before; records that it read, and that are the same, are not read again.

        A folder that cannot be written is opened immutable. Raises StoreError when the store is damaged, of a newer
        version, or belongs to another user.
        """
        path = f"{folder}/{FILE}"
        try:
            if write:
                make_folder(folder)
            if not os.path.exists(path) and not (write and os.access(folder, os.W_OK)):
                check_reach(folder)
                return cls.memory(read_only=True, folder=folder, kinds=kinds)
            check_owner(folder, path)
            writable = os.access(folder, os.W_OK) and (not os.path.exists(path) or os.access(path, os.W_OK))
            if not writable:
                db = _connect(f"file:{_quoted(path)}?mode=ro&immutable=1")
                _check_version(db, path)
                return cls(
                    db, Codec(read_key(folder, make=False), kinds, brief=True), _uuid(db, path), read_only=True, folder=folder
                )
            old = os.umask(0o077)
            try:
                db = _connect(f"file:{_quoted(path)}?mode=rwc")
                db.execute("PRAGMA journal_mode=WAL")
                _migrate(db, path)
                key = read_key(folder, make=True)
            finally:
                os.umask(old)
            return cls(db, Codec(key, kinds, brief=True), _uuid(db, path), read_only=False, folder=folder, after=after)
        except sqlite3.OperationalError as err:
            raise StoreError(f"cannot open {path}: {err}") from None
        except sqlite3.DatabaseError as err:
            raise StoreError(
                f"cannot use {path}: {err}; move it away to begin with an empty store"
                " (osvc then knows its own containers by their labels only)"
            ) from None
        except OSError as err:
            raise StoreError(f"cannot use the state folder {folder}: {err.strerror}") from None

    @classmethod
    def memory(
        cls,
        *,
        key: bytes | None = None,
        uuid: str = "",
        read_only: bool = False,
        folder: str = "",
        kinds: Callable[[str], ResourceKind] = kind_of,
    ) -> "Store":
        """An empty store that nothing keeps: for planning where no store is, and for recorded snapshots."""
        db = _connect("file::memory:")
        _migrate(db, ":memory:")
        return cls(db, Codec(key or secrets.token_bytes(32), kinds), uuid, read_only=read_only, folder=folder)

    def check_writable(self) -> None:
        """Raises StoreError when nothing can be kept."""
        if self.read_only:
            raise StoreError(
                f"cannot write to the state folder {self.folder}: it is read-only; run as its owner, or set OSVC_STATE_DIR"
            )

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # services

    def keep(self, service: Service, at: datetime) -> None:
        """Remember a service's source and what it says, secrets marked."""
        spec = json.dumps(self.codec.dump_service(service), sort_keys=True)
        folder, shown = service.folder, service.origin.file
        file = os.path.join(folder, os.path.basename(shown)) if folder else os.path.abspath(shown)
        if self._rows("SELECT folder, file, spec FROM services WHERE name = ?", service.name) == [(folder, file, spec)]:
            return
        with self._writing() as db:
            row = (service.name, folder, file, spec, at.isoformat())
            db.execute("INSERT OR REPLACE INTO services VALUES (?, ?, ?, ?, ?)", row)

    def kept(self) -> dict[str, Kept]:
        """Every service that was applied here and not pruned since, by name."""
        rows = self._rows("SELECT name, folder, file, spec FROM services ORDER BY name")
        return {name: Kept(name, folder, file, spec, self.codec) for name, folder, file, spec in rows}

    def drop(self, service: str) -> None:
        """Forget a service that owns nothing any more: its source, its goal, its failure."""
        with self._writing(durable=True) as db:
            for table, column in (("services", "name"), ("goals", "service"), ("failures", "service")):
                db.execute(f"DELETE FROM {table} WHERE {column} = ?", (service,))

    # goals

    def goal(self, service: str) -> Goal:
        """What the operator wants of a service; UP when nothing was said."""
        rows = self._rows("SELECT aim, by, at, reason FROM goals WHERE service = ?", service)
        if not rows:
            return UP
        aim, by, at, reason = rows[0]
        return Goal(Aim(aim), by, datetime.fromisoformat(at) if at else None, reason)

    def set_goal(self, service: str, goal: Goal) -> None:
        at = goal.at.isoformat() if goal.at else None
        with self._writing(durable=True) as db:
            db.execute("INSERT OR REPLACE INTO goals VALUES (?, ?, ?, ?, ?)", (service, goal.aim.value, goal.by, at, goal.reason))

    # ownership

    def owners(self) -> tuple[str, ...]:
        """The services that own something, by name."""
        return tuple(name for (name,) in self._rows("SELECT DISTINCT service FROM owned ORDER BY service"))

    def ownership(self, service: str, desired: Iterable[Model] = ()) -> Ownership:
        """What a service owns. desired: its models now; a stored mark of one of their secrets is read back as that secret."""
        known = self.codec.known(desired)
        rows = self._rows("SELECT rid, record FROM owned WHERE service = ? ORDER BY rid", service)
        return Ownership(self.uuid, {rid: self._owned(service, rid, record, known) for rid, record in rows})

    def _owned(self, service: str, rid: str, record: str, known: Mapping[str, str]) -> Owned:
        """A record, read once for as long as it stays the same: a run asks for what it owns in every round."""
        last = self._read.get((service, rid))
        if last is None or last[0] != record or (MARK in record and last[1] != known):
            last = record, known, self.codec.read_owned(json.loads(record), known)
            self._read[service, rid] = last
        return last[2]

    def _last(self, service: str, rid: str, record: str | None) -> Owned | None:
        """What a record came to when it was read last; None when it was not, or has changed since."""
        last = self._read.get((service, rid))
        return None if last is None or last[0] != record else last[2]

    def own(self, service: str, owned: Mapping[str, Owned]) -> None:
        """Write what is owned of these rids (claims, and what was verified). Durable; written only where it differs."""
        have = dict(self._rows("SELECT rid, record FROM owned WHERE service = ?", service))
        new = {rid: item for rid, item in owned.items() if self._last(service, rid, have.get(rid)) != item}
        rows = [(service, rid, json.dumps(self.codec.dump_owned(item), sort_keys=True)) for rid, item in new.items()]
        rows = [row for row in rows if have.get(row[1]) != row[2]]
        if rows:
            with self._writing(durable=True) as db:
                db.executemany("INSERT OR REPLACE INTO owned VALUES (?, ?, ?)", rows)

    def release(self, service: str, rids: Iterable[str]) -> None:
        """Own these no longer. Durable."""
        with self._writing(durable=True) as db:
            db.executemany("DELETE FROM owned WHERE service = ? AND rid = ?", [(service, rid) for rid in rids])

    def remember(self, service: str, seen: Mapping[str, Seen]) -> None:
        """Keep the last observations of what is owned, for planning while it cannot be seen. As durable as the journal.

        The rest of the records stays as it is, unread: this is done after every step.
        """
        changed: list[tuple[str, str, str]] = []
        for rid, item in seen.items():
            for (record,) in self._rows("SELECT record FROM owned WHERE service = ? AND rid = ?", service, rid):
                last = self._last(service, rid, record)
                if last is not None and last.remembered == item:
                    continue
                data = json.loads(record)
                data["remembered"] = self.codec.dump_observed(data["type"], item)
                text = json.dumps(data, sort_keys=True)
                if text != record:
                    changed.append((text, service, rid))
        if changed:
            with self._writing() as db:
                db.executemany("UPDATE owned SET record = ? WHERE service = ? AND rid = ?", changed)

    # runs and the journal

    def last_run(self, service: str) -> tuple[str, str | None] | None:
        """The id of the run of a service that began last, and when it ended; None when there was none."""
        rows = self._rows("SELECT id, ended FROM runs WHERE service = ? ORDER BY rowid DESC LIMIT 1", service)
        return (rows[0][0], rows[0][1]) if rows else None

    def newest_run(self) -> str:
        """The id of the run that began last, of whatever service; "" when there was none."""
        rows = self._rows("SELECT id FROM runs ORDER BY rowid DESC LIMIT 1")
        return str(rows[0][0]) if rows else ""

    def began_since(self, run: str) -> frozenset[str]:
        """The ids of the runs that began after this one; of all where it is not kept."""
        rows = self._rows("SELECT id FROM runs WHERE rowid > COALESCE((SELECT rowid FROM runs WHERE id = ?), 0)", run)
        return frozenset(str(id) for (id,) in rows)

    def runs(self, begins: str = "", limit: int = 0) -> tuple[Past, ...]:
        """The runs whose id begins like this, newest first: `limit` at most, 0 for all."""
        moment = datetime.fromisoformat
        rows = self._rows(
            "SELECT id, service, verb, by, began, ended, result, message FROM runs"
            " WHERE substr(id, 1, length(?)) = ? ORDER BY rowid DESC LIMIT ?",
            *(begins, begins, limit or -1),
        )
        return tuple(
            Past(id, name, verb, by, moment(began), moment(ended) if ended else None, result or "", message or "")
            for id, name, verb, by, began, ended, result, message in rows
        )

    def begin_run(self, run: str, service: str, verb: str, at: datetime, by: str = "") -> None:
        """by: who asked for it."""
        with self._writing() as db:
            row = (run, service, verb, at.isoformat(), by)
            db.execute("INSERT INTO runs (id, service, verb, began, by) VALUES (?, ?, ?, ?, ?)", row)

    def end_run(self, run: str, result: str, message: str, at: datetime) -> None:
        with self._writing() as db:
            db.execute("UPDATE runs SET ended = ?, result = ?, message = ? WHERE id = ?", (at.isoformat(), result, message, run))

    def write_journal(
        self,
        run: str,
        service: str,
        step: int,
        rid: str,
        op: str,
        phase: str,
        at: datetime,
        seconds: float | None = None,
        message: str = "",
    ) -> None:
        """A line of the journal: what is about to be tried, or what became of it. Never replayed."""
        with self._writing() as db:
            db.execute(
                "INSERT INTO journal (run, service, step, rid, op, phase, at, seconds, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (run, service, step, rid, op, phase, at.isoformat(), seconds, message),
            )

    def journal(self, run: str = "") -> tuple[Entry, ...]:
        """The journal of one run, or all of it, oldest first."""
        where = "WHERE run = ?" if run else "WHERE ? = ''"
        rows = self._rows(f"SELECT run, service, step, rid, op, phase, at, seconds, message FROM journal {where} ORDER BY id", run)
        return tuple(Entry(*row) for row in rows)

    def expire(self, before: datetime) -> None:
        """Forget runs that began before a moment, and their journal."""
        if not self._rows("SELECT 1 FROM runs WHERE began < ? LIMIT 1", before.isoformat()):
            return
        with self._writing() as db:
            db.execute("DELETE FROM journal WHERE run IN (SELECT id FROM runs WHERE began < ?)", (before.isoformat(),))
            db.execute("DELETE FROM runs WHERE began < ?", (before.isoformat(),))

    # failures

    def failure(self, service: str) -> Failure | None:
        rows = self._rows("SELECT digest, count, until, message FROM failures WHERE service = ?", service)
        return Failure(rows[0][0], rows[0][1], datetime.fromisoformat(rows[0][2]), rows[0][3]) if rows else None

    def fail(self, service: str, digest: str, at: datetime, wait: Callable[[int], timedelta], message: str) -> Failure:
        """Remember that a wish failed, and until when it rests (`wait`, of the count); the count goes up while it is the same."""
        last = self.failure(service)
        count = last.count + 1 if last is not None and last.digest == digest else 1
        until = at + wait(count)
        with self._writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?)", (service, digest, count, until.isoformat(), message)
            )
        return Failure(digest, count, until, message)

    def clear_failure(self, service: str) -> None:
        if self.failure(service) is not None:
            with self._writing() as db:
                db.execute("DELETE FROM failures WHERE service = ?", (service,))

    # the connection

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        with self._lock, _told(self.folder):
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _writing(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction. It is wholly there or not at all, and nobody else writes meanwhile."""
        self.check_writable()
        with self._lock, _told(self.folder):
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
def _told(folder: str) -> Iterator[None]:
    """sqlite's errors, told as the store's."""
    try:
        yield
    except sqlite3.Error as err:
        hint = "; free some space there, and run it again" if err.sqlite_errorcode == sqlite3.SQLITE_FULL else ""
        raise StoreError(f"cannot use the store in {folder or 'memory'}: {err}{hint}") from None


def _connect(uri: str) -> sqlite3.Connection:
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10.0)
    db.execute("PRAGMA foreign_keys=ON")
    return db


def _migrate(db: sqlite3.Connection, path: str) -> None:
    """Bring the tables up to date: each migration is one transaction, and two processes may try at once."""
    for number, script in enumerate(MIGRATIONS, 1):
        _check_version(db, path)
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


def _check_version(db: sqlite3.Connection, path: str) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise StoreError(f"cannot use {path}: it was written by a newer osvc (version {version} of its tables); use that one")


def _uuid(db: sqlite3.Connection, path: str) -> str:
    row = db.execute("SELECT value FROM meta WHERE name = 'uuid'").fetchone()
    if row is None:
        raise StoreError(f"cannot use {path}: it has no identity; it is not a store of osvc")
    return str(row[0])


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
