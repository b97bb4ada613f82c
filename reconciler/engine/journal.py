"""Journal: the runs of this node, and what each of them tried. It tells the truth, and is never replayed."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from reconciler.core.lazy import dataclass
from reconciler.core.outcome import End
from reconciler.core.past import Past
from reconciler.core.policy import Goal
from reconciler.engine.database import Database


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


@dataclass(frozen=True, slots=True)
class Before:
    """How things were before a run. goal: the service's, where the run changed it. stood: rid -> how each resource that the run was
    to change stood; None when it was not owned."""

    goal: Goal | None
    stood: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Pruned:
    """run: the place among the runs of the one that took something away; verb, began: of that run."""

    run: int
    verb: str
    began: datetime


class Journal(Database):
    """The part of the store that may lose its last lines in a power cut."""

    def last_run(self, service: str) -> tuple[str, str | None] | None:
        """The id of the run of a service that began last, and when it ended; None when there was none."""
        rows = self._rows("SELECT id, ended FROM runs WHERE service = ? ORDER BY rowid DESC LIMIT 1", service)
        return (rows[0][0], rows[0][1]) if rows else None

    def last_runs(self, services: Iterable[str]) -> dict[str, tuple[str, str | None]]:
        """service -> the same, of those of which there is one, in one reading."""
        newest = "SELECT MAX(rowid) FROM runs WHERE service IN (SELECT value FROM json_each(?)) GROUP BY service"
        rows = self._rows(f"SELECT service, id, ended FROM runs WHERE rowid IN ({newest})", json.dumps([*services]))
        return {service: (run, ended) for service, run, ended in rows}

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
            "SELECT id, service, verb, by, began, ended, result, message, undoes FROM runs"
            " WHERE substr(id, 1, length(?)) = ? ORDER BY rowid DESC LIMIT ?",
            *(begins, begins, limit or -1),
        )
        return tuple(
            Past(id, name, verb, by, moment(began), moment(ended) if ended else None, result or "", message or "", undoes)
            for id, name, verb, by, began, ended, result, message, undoes in rows
        )

    def last_tried(self, service: str, rid: str) -> str:
        """The id of the run that tried something with a resource last; "" when there is none."""
        rows = self._rows("SELECT run FROM journal WHERE service = ? AND rid = ? ORDER BY id DESC LIMIT 1", service, rid)
        return str(rows[0][0]) if rows else ""

    def later_runs(self, run: Past) -> tuple[str, ...]:
        """The ids of the runs of the same service that began after this one, newest first."""
        rows = self._rows(
            "SELECT id FROM runs WHERE service = ? AND rowid > (SELECT rowid FROM runs WHERE id = ?) ORDER BY rowid DESC",
            *(run.service, run.id),
        )
        return tuple(id for (id,) in rows)

    def undone_by(self, run: str) -> str:
        """The id of the run that has undone this one, and was not undone itself; "" when there is none."""
        sql = "SELECT id FROM runs WHERE undoes = ? AND undoes != '' AND result = ? ORDER BY rowid DESC LIMIT 1"
        rows = self._rows(sql, run, End.CONVERGED.value)
        return str(rows[0][0]) if rows and not self.undone_by(rows[0][0]) else ""

    def begin_run(
        self, run: str, service: str, verb: str, at: datetime, by: str = "", *, goal: Goal | None = None, undoes: str = ""
    ) -> None:
        """by: who asked for it. goal: what the goal was before, where the verb has changed that. undoes: the run that it undoes."""
        with self._writing() as db:
            row = (run, service, verb, at.isoformat(), by, json.dumps(goal.record()) if goal else "", undoes)
            db.execute("INSERT INTO runs (id, service, verb, began, by, goal, undoes) VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def keep_before(self, run: str, stood: Mapping[str, str | None]) -> None:
        """How resources stood when a run began, each before that run does anything to it; what was kept already stays. None: it was
        not owned."""
        with self._writing() as db:
            db.executemany("INSERT OR IGNORE INTO before VALUES (?, ?, ?)", [(run, rid, text) for rid, text in stood.items()])

    def before(self, run: str) -> Before | None:
        """What was kept of how things were before a run; None when nothing was (an older osvc made it)."""
        rows = self._rows("SELECT goal FROM runs WHERE id = ?", run)
        if not rows or rows[0][0] is None:
            return None
        goal = Goal.of(json.loads(rows[0][0])) if rows[0][0] else None
        return Before(goal, dict(self._rows("SELECT rid, stood FROM before WHERE run = ? ORDER BY rid", run)))

    def pruned(self) -> tuple[Pruned, ...]:
        """Everything that stood before a run, and is not owned by its service any more, with the last run that was to change it;
        the newest run first."""
        rows = self._rows(
            "SELECT MAX(runs.rowid), runs.verb, runs.began FROM before JOIN runs ON runs.id = before.run"
            " WHERE NOT EXISTS (SELECT 1 FROM owned WHERE owned.service = runs.service AND owned.rid = before.rid)"
            " GROUP BY runs.service, before.rid HAVING stood IS NOT NULL ORDER BY 1 DESC"
        )
        return tuple(Pruned(run, verb, datetime.fromisoformat(began)) for run, verb, began in rows)

    def sweep_ends(self, folders: Iterable[str]) -> None:
        """Somebody agreed to whatever was pruned of these folders of specs until now."""
        run = self.newest_run()
        with self._writing() as db:
            db.executemany("INSERT OR REPLACE INTO swept VALUES (?, ?)", [(folder, run) for folder in folders])

    def swept(self, folders: Iterable[str]) -> int:
        """The run by which somebody had agreed to whatever was pruned of all of these folders, as `pruned` has it; 0 for none."""
        ends = dict(self._rows("SELECT folder, runs.rowid FROM swept JOIN runs ON runs.id = swept.run"))
        return min((int(ends.get(folder, 0)) for folder in folders), default=0)

    def changed(self, run: int) -> tuple[tuple[str, str, bool], ...]:
        """(service, rid, whether it was owned before) of everything that this run and the later ones were to change, the last
        first. run: as `pruned` has it."""
        rows = self._rows(
            "SELECT runs.service, before.rid, stood IS NOT NULL FROM before JOIN runs ON runs.id = before.run"
            " WHERE runs.rowid >= ? ORDER BY runs.rowid DESC",
            run,
        )
        return tuple((service, rid, bool(stood)) for service, rid, stood in rows)

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
        """Forget runs that began before a moment, with their journal, and what was said before it."""
        moment = before.isoformat()
        old = "SELECT 1 FROM runs WHERE began < ? UNION ALL SELECT 1 FROM words WHERE at < ? LIMIT 1"
        if not self._rows(old, moment, moment):
            return
        with self._writing() as db:
            for table in ("journal", "before"):
                db.execute(f"DELETE FROM {table} WHERE run IN (SELECT id FROM runs WHERE began < ?)", (moment,))
            db.execute("DELETE FROM runs WHERE began < ?", (moment,))
            db.execute("DELETE FROM swept WHERE run NOT IN (SELECT id FROM runs)")
            db.execute("DELETE FROM words WHERE at < ?", (moment,))
