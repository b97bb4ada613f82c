"""The store: claims, goals, the journal, and who may use it."""

import gc
import os
import sqlite3
import stat
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.core.ban import WHOLE, Ban, Sort
from reconciler.core.observed import Present
from reconciler.core.ownership import Owned
from reconciler.core.policy import UP, Aim, Goal
from reconciler.core.secrets import learn, learn_anew
from reconciler.engine.errors import StoreError
from reconciler.engine.schema import MIGRATIONS
from reconciler.engine.store import Store
from tests.unit.core.toys import ToyAround, ToyDesired, ToyState, kinds, service

NOW = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
BOX = Owned("box", ToyDesired(live=1))


def reopen(store, **more):
    store.close()
    return Store.open(store.folder, kinds=kinds, **{"write": True, **more})


@pytest.fixture
def store(tmp_path):
    made = Store.open(str(tmp_path / "state"), write=True, kinds=kinds)
    yield made
    made.close()


def test_the_folder_and_its_files_are_for_the_owner_only(store):
    store.set_goal("web", UP)
    assert stat.S_IMODE(os.stat(store.folder).st_mode) == 0o700
    for name in os.listdir(store.folder):
        assert stat.S_IMODE(os.stat(f"{store.folder}/{name}").st_mode) == 0o600, name


def test_what_is_owned_comes_back_as_it_was(store):
    seen = Present(ToyState(live=1), ToyAround())
    whole = Owned("box", ToyDesired(live=2), ToyDesired(live=1), seen, "web", True, made="uuid-1", earlier=(ToyDesired(live=3),))
    store.own("web", {"box#1": BOX, "box#2": whole})
    again = reopen(store)
    assert again.ownership("web").owned == {"box#1": BOX, "box#2": whole}
    assert again.owners() == ("web",)
    again.release("web", ["box#1"])
    assert set(again.ownership("web").owned) == {"box#2"}
    again.close()


def test_what_is_owned_no_more_is_forgotten(store):
    """Services and rids that come and go for years leave nothing behind in a process that lasts."""

    def read():
        store.ownerships({})
        gc.collect()
        return sum(isinstance(one, Owned) for one in gc.get_objects())

    store.own("web", {"box#1": BOX})
    before = read()
    for n in range(20):
        store.own(f"s{n}", {f"box#{n}": BOX})
        assert read() == before + 1
        store.release(f"s{n}", [f"box#{n}"])
    assert read() == before


def test_the_identity_is_made_once(store):
    before = store.uuid
    again = reopen(store)
    assert again.uuid == before and len(before) == 36
    again.close()


def test_the_same_again_is_not_written(store):
    store.own("web", {"box#1": BOX})
    store.keep(service(box_1=ToyDesired()), NOW)
    before = store._db.total_changes
    store.own("web", {"box#1": BOX})
    store.keep(service(box_1=ToyDesired()), NOW + timedelta(hours=1))
    assert store._db.total_changes == before


def test_goals(store):
    assert store.goal("web") == UP
    down = Goal(Aim.DOWN, "alice", NOW, "maintenance")
    store.set_goal("web", down)
    again = reopen(store)
    assert again.goal("web") == down
    again.close()


def test_bans_stay_as_they_were_said_first_until_they_are_lifted(store):
    alice, bob = Ban("alice", NOW, "disk swap"), Ban("bob", NOW + timedelta(hours=1))
    store.ban("web", Sort.FROZEN, (WHOLE,), alice)
    store.ban("web", Sort.FROZEN, (WHOLE,), bob)
    store.ban("web", Sort.DISABLED, ("box#1", "box#2"), bob)
    again = reopen(store)
    assert again.bans()["web"][Sort.FROZEN, WHOLE] == alice and "db" not in again.bans()
    assert again.disabled("web") == {"box#1": bob, "box#2": bob}
    again.lift("web", Sort.DISABLED, ("box#1",), bob)
    again.lift("web", Sort.FROZEN, (WHOLE,), bob)
    assert again.bans() == {"web": {(Sort.DISABLED, "box#2"): bob}}
    again.lift("web", Sort.DISABLED, ("box#1",), bob)
    said = [(word.by, word.does, word.message) for word in again.words()]
    assert said == [("bob", "thaw", ""), ("bob", "enable box#1", ""), ("bob", "disable box#2", ""), ("bob", "disable box#1", ""),
                    ("alice", "freeze", "disk swap")]  # fmt: skip
    again.expire(NOW + timedelta(minutes=1))
    assert [word.by for word in again.words()] == ["bob"] * 4
    again.drop("web")
    assert again.bans() == {}
    again.close()


def test_the_store_of_an_older_osvc_is_read_where_it_cannot_be_written(store, tmp_path, monkeypatch):
    store.set_goal("web", Goal(Aim.DOWN, "alice", NOW))
    store._db.execute("DROP TABLE swept")
    store._db.execute(f"PRAGMA user_version={len(MIGRATIONS) - 1}")
    store.close()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    again = Store.open(store.folder, write=False, kinds=kinds)
    assert again.read_only and again.goal("web").by == "alice" and again.bans() == {}
    again.close()
    with sqlite3.connect(f"{store.folder}/osvc.db") as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) - 1,), "it is left as it is"


def test_a_sweep_ends_with_the_newest_run_of_all_its_folders_for_as_long_as_that_is_kept(store):
    store.begin_run("r1", "web", "apply", NOW - timedelta(days=100))
    store.sweep_ends(["/a", "/b"])
    store.begin_run("r2", "web", "apply", NOW)
    store.sweep_ends(["/b"])
    assert [store.swept(folders) for folders in (["/a"], ["/b"], ["/a", "/b"], ["/b", "/c"], [])] == [1, 2, 1, 0, 0]
    store.expire(NOW - timedelta(days=90))
    assert [store.swept([folder]) for folder in ("/a", "/b")] == [0, 2]
    assert store._rows("SELECT folder FROM swept") == [("/b",)]


def test_claims_and_goals_are_durable_and_the_journal_need_not_be(store):
    told = []
    store._db.set_trace_callback(told.append)
    store.own("web", {"box#1": BOX})
    store.set_goal("web", UP)
    store.write_journal("r1", "web", 1, "box#1", "make", "intend", NOW)
    assert [line for line in told if "synchronous" in line] == [
        "PRAGMA synchronous=FULL",
        "PRAGMA synchronous=FULL",
        "PRAGMA synchronous=NORMAL",
    ]
    assert store._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_service_is_kept_with_its_source_and_can_be_read_without_it(store):
    spec = service(box_1=ToyDesired(live=3))
    store.keep(spec, NOW)
    kept = store.kept()["toys"]
    assert kept.service.resources["box#1"].desired == ToyDesired(live=3)
    assert os.path.isabs(kept.file)


def test_the_journal_is_kept_in_order_and_expires_with_its_run(store):
    store.begin_run("r1", "web", "apply", NOW - timedelta(days=100))
    store.begin_run("r2", "web", "apply", NOW)
    for run in ("r1", "r2"):
        store.write_journal(run, "web", 1, "box#1", "make", "intend", NOW)
        store.write_journal(run, "web", 1, "box#1", "make", "done", NOW, 0.5)
    store.expire(NOW - timedelta(days=90))
    assert [(entry.run, entry.phase) for entry in store.journal()] == [("r2", "intend"), ("r2", "done")]


def test_who_tried_something_with_a_resource_last(store):
    for run, rid in (("r1", "box#1"), ("r2", "box#1"), ("r3", "box#2")):
        store.begin_run(run, "web", "apply", NOW)
        store.write_journal(run, "web", 1, rid, "make", "intend", NOW)
    assert (store.last_tried("web", "box#1"), store.last_tried("web", "box#2")) == ("r2", "r3")
    assert store.last_tried("db", "box#1") == ""


def test_since_when_something_is_owned_stays_until_it_is_released(store):
    store.own("web", {"box#1": BOX}, NOW)
    store.own("web", {"box#1": Owned("box", ToyDesired(live=7)), "box#2": BOX}, NOW + timedelta(hours=1))
    assert store.owned_since("web") == {"box#1": NOW, "box#2": NOW + timedelta(hours=1)}
    store.release("web", ["box#1"])
    store.own("web", {"box#1": BOX}, NOW + timedelta(hours=2))
    assert store.owned_since("web")["box#1"] == NOW + timedelta(hours=2)


def test_a_store_of_an_older_osvc_goes_on_without_what_it_did_not_keep(tmp_path, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr("reconciler.engine.database.MIGRATIONS", MIGRATIONS[:2])
        store = Store.open(str(tmp_path / "state"), write=True, kinds=kinds)
    record = '{"type": "box", "wanted": {"live": 1}, "applied": null, "remembered": null}'
    with store._writing() as db:
        db.execute("INSERT INTO owned (service, rid, record) VALUES ('web', 'box#1', ?)", (record,))
    again = reopen(store)
    assert again.ownership("web").owned == {"box#1": BOX}
    assert again.owned_since("web") == {}
    again.close()


def test_the_count_of_failures_is_of_one_wish(store):
    def wait(count):
        return timedelta(seconds=10 * count)

    assert store.fail("web", "a", NOW, wait, "no").count == 1
    assert store.fail("web", "a", NOW, wait, "no").until == NOW + timedelta(seconds=20)
    assert store.fail("web", "b", NOW, wait, "no").count == 1
    store.clear_failure("web")
    assert store.failure("web") is None


def test_a_transaction_that_fails_leaves_nothing(store):
    with pytest.raises(RuntimeError), store._writing() as db:
        db.execute("DELETE FROM goals")
        db.execute("INSERT INTO goals VALUES ('web', 'down', '', NULL, '')")
        raise RuntimeError
    assert store.goal("web") == UP


def test_a_store_that_was_closed_is_told_as_any_trouble_with_it(store):
    """sqlite itself has no number for that."""
    store.close()
    for use in (lambda: store.goal("web"), lambda: store.set_goal("web", UP)):
        with pytest.raises(StoreError, match=r"cannot use the store in .*closed database"):
            use()


def test_two_processes_may_write_one_after_the_other(store):
    other = Store.open(store.folder, write=True, kinds=kinds)
    other.own("web", {"box#1": BOX})
    store.own("web", {"box#2": BOX})
    assert set(other.ownership("web").owned) == {"box#1", "box#2"}
    assert other.uuid == store.uuid
    other.close()


def test_without_write_nothing_is_made(tmp_path):
    store = Store.open(str(tmp_path / "none"), write=False)
    assert not (tmp_path / "none").exists()
    assert store.owners() == ()
    with pytest.raises(StoreError, match="read-only"):
        store.set_goal("web", UP)
    store.close()


def test_a_damaged_store_is_told_and_not_touched(tmp_path):
    (tmp_path / "osvc.db").write_bytes(b"not a database at all, but long enough to look at" * 30)
    os.chmod(tmp_path, 0o700)
    with pytest.raises(StoreError, match=r"osvc\.db: file is not a database; move it away"):
        Store.open(str(tmp_path), write=True)
    assert (tmp_path / "osvc.db").read_bytes().startswith(b"not a database")


def test_a_store_of_a_newer_version_is_refused(store):
    store._db.execute("PRAGMA user_version=99")
    with pytest.raises(StoreError, match="newer osvc"):
        reopen(store)


def test_a_link_in_place_of_the_store_is_refused(tmp_path):
    os.chmod(tmp_path, 0o700)
    (tmp_path / "osvc.db").symlink_to("/etc/passwd")
    with pytest.raises(StoreError, match="symbolic link"):
        Store.open(str(tmp_path), write=True)


def test_root_does_not_use_what_is_not_roots(store, monkeypatch):
    """As root the file is given away; as anybody else it is foreign to root already."""
    path = f"{store.folder}/osvc.db"
    store.close()
    if os.geteuid() == 0:
        os.chown(path, 1000, 1000)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(StoreError, match="belongs to uid"):
        Store.open(store.folder, write=True)


def test_root_does_not_use_what_others_may_write(store, monkeypatch):
    store.close()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    os.chmod(store.folder, 0o777)
    with pytest.raises(StoreError, match="others may write it"):
        Store.open(store.folder, write=True)
    os.chmod(store.folder, 0o700)


def test_a_key_that_is_none_is_told(store):
    store.close()
    with open(f"{store.folder}/key", "wb") as file:
        file.write(b"short")
    with pytest.raises(StoreError, match="not a key"):
        Store.open(store.folder, write=True)


def test_every_table_is_strict(store):
    tables = store._rows("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    assert len(tables) == 13
    assert all("STRICT" in sql for _, sql in tables)
    with pytest.raises(StoreError), store._writing() as db:
        try:
            db.execute("INSERT INTO failures VALUES ('web', 'd', 'many', 'x', '')")
        except sqlite3.Error as err:
            raise StoreError(str(err)) from None


def test_what_was_a_secret_when_it_was_stored_is_read_back_when_it_is_none_any_more(store):
    want = ToyDesired(env={"COLOR": "blue4house"})
    learn("blue4house", "DB_PASSWORD", ("env",))
    store.own("web", {"box#1": Owned("box", want)})
    assert "blue4house" not in str(store._rows("SELECT record FROM owned"))
    learn_anew()
    assert store.ownership("web", [want]).owned["box#1"].wanted == want
