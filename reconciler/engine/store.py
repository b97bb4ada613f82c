"""Store: what this node remembers, in one sqlite file of the state folder. A memory, not an authority.

Claims and goals are durable when their call returns (synchronous=FULL); the journal may lose its last lines in a power cut.
One connection behind one lock: the store has one writer per process, and its transactions are short.
"""

import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from reconciler.core.kind import ResourceKind
from reconciler.core.lazy import dataclass
from reconciler.core.model import Model
from reconciler.core.observed import Seen
from reconciler.core.ownership import Owned, Ownership
from reconciler.core.policy import UP, Aim, Goal
from reconciler.core.service import Service
from reconciler.engine.bans import Bans, Said, disabled_in
from reconciler.engine.codec import MARK, Codec
from reconciler.engine.database import check_version, connect, identity, migrate, quoted, up_to_date
from reconciler.engine.errors import StoreError
from reconciler.engine.fetches import Fetches
from reconciler.engine.folder import check_owner, check_reach, make_folder, read_key
from reconciler.engine.journal import Journal
from reconciler.engine.remarks import Remarks
from reconciler.engine.schema import FILE
from reconciler.resources.registry import kind_of


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
    """The wish that failed last for a service, how often in a row, and until when watch leaves it alone.

    held: the rids whose replacement failed and was taken back: watch tries them again for another wish only.
    """

    digest: str
    count: int
    until: datetime
    message: str = ""
    held: frozenset[str] = frozenset()


class Store(Journal, Fetches, Remarks, Bans):
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
        super().__init__(connection, read_only=read_only, folder=folder)
        self.codec = codec
        self.uuid = uuid
        self._read: dict[tuple[str, str], tuple[str, Mapping[str, str], Owned]] = after._read if after else {}
        """(service, rid) -> the record that was read last, the secrets that were known, and what they came to; of what is owned."""

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
                db = connect(f"file:{quoted(path)}?mode=ro&immutable=1")
                check_version(db, path)
                db = up_to_date(db, path)
                return cls(
                    db, Codec(read_key(folder, make=False), kinds, brief=True), identity(db, path), read_only=True, folder=folder
                )
            old = os.umask(0o077)
            try:
                db = connect(f"file:{quoted(path)}?mode=rwc")
                db.execute("PRAGMA journal_mode=WAL")
                migrate(db, path)
                key = read_key(folder, make=True)
            finally:
                os.umask(old)
            return cls(db, Codec(key, kinds, brief=True), identity(db, path), read_only=False, folder=folder, after=after)
        except sqlite3.OperationalError as err:
            full = "; make room there, or set OSVC_STATE_DIR" if "disk is full" in str(err) else ""
            raise StoreError(f"cannot open {path}: {err}{full}") from None
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
        db = connect("file::memory:")
        migrate(db, ":memory:")
        return cls(db, Codec(key or secrets.token_bytes(32), kinds), uuid, read_only=read_only, folder=folder)

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
        """Forget a service that owns nothing any more: its source, its goal, its failure, what is banned of it."""
        with self._writing(durable=True) as db:
            for table, column in (
                ("services", "name"),
                ("goals", "service"),
                ("failures", "service"),
                ("bans", "service"),
                ("remarks", "service"),
            ):
                db.execute(f"DELETE FROM {table} WHERE {column} = ?", (service,))

    # goals

    def goal(self, service: str, default: Goal = UP) -> Goal:
        """What the operator wants of a service; `default` when nothing was said."""
        rows = self._rows("SELECT aim, by, at, reason FROM goals WHERE service = ?", service)
        return _goal(*rows[0]) if rows else default

    def goals(self) -> dict[str, Goal]:
        """service -> what the operator wants of it, of those of which something was said."""
        rows = self._rows("SELECT service, aim, by, at, reason FROM goals")
        return {service: _goal(*said) for service, *said in rows}

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
        rows = self._rows("SELECT rid, record FROM owned WHERE service = ? ORDER BY rid", service)
        return self._ownership(service, rows, desired, self.bans())

    def ownerships(self, desired: Mapping[str, Iterable[Model]]) -> dict[str, Ownership]:
        """service -> what it owns, of all that own something and all that are named here, in one reading. desired: as above."""
        records: dict[str, list[tuple[str, str]]] = {service: [] for service in desired}
        for service, rid, record in self._rows("SELECT service, rid, record FROM owned ORDER BY service, rid"):
            records.setdefault(service, []).append((rid, record))
        bans = self.bans()
        found = {service: self._ownership(service, rows, desired.get(service, ()), bans) for service, rows in records.items()}
        read = self._read
        self._read = {key: read[key] for service, rows in records.items() for rid, _ in rows if (key := (service, rid)) in read}
        return found

    def _ownership(
        self, service: str, rows: Sequence[tuple[str, str]], desired: Iterable[Model], bans: Mapping[str, Said]
    ) -> Ownership:
        known = self.codec.known(desired) if any(MARK in record for _, record in rows) else {}
        owned = {rid: self._owned(service, rid, record, known) for rid, record in rows}
        return Ownership(self.uuid, owned, disabled_in(bans.get(service, {})))

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

    def owned_since(self, service: str) -> dict[str, datetime]:
        """rid -> since when it is owned, of those of which that was kept."""
        rows = self._rows("SELECT rid, since FROM owned WHERE service = ? AND since != ''", service)
        return {rid: datetime.fromisoformat(since) for rid, since in rows}

    def own(self, service: str, owned: Mapping[str, Owned], at: datetime | None = None) -> None:
        """Write what is owned of these rids (claims, and what was verified). Durable; written only where it differs. at: since
        when what was not owned before is."""
        have = dict(self._rows("SELECT rid, record FROM owned WHERE service = ?", service))
        new = {rid: item for rid, item in owned.items() if self._last(service, rid, have.get(rid)) != item}
        since = at.isoformat() if at else ""
        rows = [(service, rid, json.dumps(self.codec.dump_owned(item), sort_keys=True), since) for rid, item in new.items()]
        rows = [row for row in rows if have.get(row[1]) != row[2]]
        if rows:
            with self._writing(durable=True) as db:
                db.executemany(
                    "INSERT INTO owned (service, rid, record, since) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (service, rid) DO UPDATE SET record = excluded.record",
                    rows,
                )

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

    # failures

    def failure(self, service: str) -> Failure | None:
        rows = self._rows("SELECT digest, count, until, message, held FROM failures WHERE service = ?", service)
        return _failure(*rows[0]) if rows else None

    def failures(self) -> dict[str, Failure]:
        """service -> how it failed last, of those that did."""
        rows = self._rows("SELECT service, digest, count, until, message, held FROM failures")
        return {service: _failure(*failure) for service, *failure in rows}

    def fail(
        self,
        service: str,
        digest: str,
        at: datetime,
        wait: Callable[[int], timedelta],
        message: str,
        held: Collection[str] = (),
    ) -> Failure:
        """Remember that a wish failed, and until when it rests (`wait`, of the count); the count goes up while it is the same, and
        so does what is held of it."""
        last = self.failure(service)
        last = last if last is not None and last.digest == digest else None
        count, held = (last.count + 1, last.held.union(held)) if last is not None else (1, frozenset(held))
        until = at + wait(count)
        with self._writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO failures (service, digest, count, until, message, held) VALUES (?, ?, ?, ?, ?, ?)",
                (service, digest, count, until.isoformat(), message, " ".join(sorted(held))),
            )
        return Failure(digest, count, until, message, held)

    def clear_failure(self, service: str) -> None:
        if self.failure(service) is not None:
            with self._writing() as db:
                db.execute("DELETE FROM failures WHERE service = ?", (service,))

    def calm_failure(self, service: str) -> None:
        """Count anew from the next failure on; what is held stays so."""
        last = self.failure(service)
        if last is None or not last.held:
            self.clear_failure(service)
        elif last.count:
            with self._writing() as db:
                db.execute("UPDATE failures SET count = 0 WHERE service = ?", (service,))


def _goal(aim: str, by: str, at: str | None, reason: str) -> Goal:
    return Goal(Aim(aim), by, datetime.fromisoformat(at) if at else None, reason)


def _failure(digest: str, count: int, until: str, message: str, held: str) -> Failure:
    return Failure(digest, count, datetime.fromisoformat(until), message, frozenset(held.split()))
