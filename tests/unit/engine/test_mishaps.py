"""What goes wrong with one service ends no watch, and keeps nobody else waiting. Each test is a timeline."""

import os

import pytest

from reconciler.core.outcome import Ended
from reconciler.engine.bugs import THIS_IS_A_BUG
from reconciler.engine.errors import StoreError
from reconciler.engine.standing import State
from reconciler.host.errors import Permanent
from tests.unit.engine.node import Node
from tests.unit.engine.timeline import Timeline

pytestmark = pytest.mark.usefixtures("no_jitter")

MOUNT = "  fs#%d: {dev: tmpfs, mnt: /mnt/%s, type: tmpfs%s}\n"


@pytest.fixture
def line(tmp_path):
    return Timeline(Node(tmp_path, interval=300.0))


def spec(*mounts):
    """Mounts by name; what follows a name is said of it as well."""
    parts = [mount.partition(", ") for mount in mounts]
    return "resources:\n" + "".join(MOUNT % (n, name, comma + more) for n, (name, comma, more) in enumerate(parts, 1))


def write(line, **specs):
    for name, mounts in specs.items():
        line.node.write(name, spec(*mounts))


def tear(line, name):
    return lambda: line.machine.tear_off(f"/mnt/{name}")


def unreadable(*_, **__):
    raise StoreError("cannot use the store: disk I/O error")


def test_what_moves_from_one_service_to_one_that_is_spared_in_part_moves(tmp_path):
    """The one alone would be refused: what it takes is held by the other."""
    line = Timeline(Node(tmp_path, interval=300.0, prune=True))
    write(line, a=["a, restart: 0"], b=["b", "x"])
    line.at(20, tear(line, "a"))
    line.at(40, lambda: write(line, a=["a, restart: 0", "x"], b=["b"]))
    line.run(100)
    assert line.node.mounts() == ["/mnt/b", "/mnt/x"]
    with line.node.session() as session:
        assert "fs#2" in session.store.ownership("a").owned


def test_a_service_that_is_spared_in_part_is_seen_once_for_each_look(line):
    write(line, a=["a, restart: 0", "x"])
    line.at(20, tear(line, "a"))
    line.run(300)
    times = [at for at, _ in line.looks]
    assert len(times) == len({*times})


def test_a_store_that_cannot_be_read_while_a_look_is_judged_ends_no_watch(line):
    write(line, a=["a"])
    failure = line.session.store.failure
    line.at(19, lambda: setattr(line.session.store, "failure", unreadable))
    line.at(20, tear(line, "a"))
    line.at(25, lambda: setattr(line.session.store, "failure", failure))
    line.run(60)
    assert line.done == [(0.0, "a"), (30.0, "a")]
    assert line.watch.standing().states == {"a": State.KEPT}
    assert [text for _, text in line.said] == ["cannot use the store: disk I/O error"]


@pytest.mark.parametrize("until", [25, 100])
def test_nor_while_a_run_ends_even_if_it_is_the_last_one(line, until):
    write(line, a=["a"])
    failure = line.session.store.failure
    line.at(19, lambda: line.machine.fail_next("mount -t tmpfs", Permanent("no"), times=1))
    hear = line.watch.on_event

    def break_it(event):
        hear(event)
        if isinstance(event, Ended) and line.now > 19:
            line.session.store.failure = unreadable
            if until < 50:
                line.node.stop.terminate()

    line.watch.on_event = break_it
    line.at(20, tear(line, "a"))
    line.at(22, lambda: setattr(line.session.store, "failure", failure))
    assert line.run(until) == 15
    assert any("disk I/O error" in text for _, text in line.said)


def test_a_bug_in_one_run_is_kept_and_told_once_and_ends_nothing_else(line, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    write(line, a=["a"], b=["b"])
    line.machine.fail_next(
        lambda label: line.now > 15 and label.startswith("mount -") and "/mnt/a" in label, KeyError("bug"), times=3
    )
    line.at(20, tear(line, "a"))
    line.at(22, tear(line, "b"))
    line.run(200)
    assert sorted(line.node.mounts()) == ["/mnt/a", "/mnt/b"]
    assert [round(at) for at, name in line.done if name == "b"] == [0, 22]
    (kept,) = tmp_path.glob("osvc-bug-*.txt")
    assert "KeyError: 'bug'" in kept.read_text()
    ((at, text),) = line.said
    assert round(at) == 20 and text.startswith(f"internal error in watch: KeyError. {THIS_IS_A_BUG}\n") and str(kept) in text
    (case,) = [part for part in text.splitlines() if part.startswith("case file: ")]
    assert os.path.exists(case.removeprefix("case file: "))


def test_what_is_left_alone_stays_remarked_while_the_rest_is_mended(line):
    write(line, a=["a, restart: 0", "b"])
    remark, kept = line.session.store.remark, []

    def listen(name, text, at):
        kept.append((line.now, text))
        remark(name, text, at)

    line.session.store.remark = listen
    line.at(20, tear(line, "a"))
    line.at(60, tear(line, "b"))
    line.run(100)
    assert line.node.mounts() == ["/mnt/b"]
    assert kept == [(20.0, "fs#1: /mnt/a is not mounted; restarted 0 of 0 times, and left alone")]


def test_who_takes_something_waits_until_it_is_released_however_the_other_ended(tmp_path):
    line = Timeline(Node(tmp_path, interval=300.0, prune=True))
    write(line, a=["a"], b=["b", "x"])
    line.machine.fail_next(lambda label: "umount" in label and "/mnt/x" in label, Permanent("busy"), times=2)
    line.at(40, lambda: write(line, a=["a", "x"], b=["b"]))
    line.run(100)
    assert [(round(at), name) for at, name in line.done if at > 1] == [(40, "b"), (50, "b"), (70, "a"), (70, "b")]
    assert sorted(line.node.mounts()) == ["/mnt/a", "/mnt/b", "/mnt/x"]
    with line.node.session() as session:
        assert "fs#2" in session.store.ownership("a").owned and "fs#2" not in session.store.ownership("b").owned


def crowd(line):
    """Four services, each of which keeps one of the four workers busy for 4 s from 40 on."""
    for number in range(4):
        line.node.write(f"s{number}", f"resources:\n  ip#1: {{name: 10.9.8.1{number}, dev: eth0, netmask: 24}}\n")
    line.at(40, line.machine.net.links["eth0"].assigned.clear)


def test_what_waits_for_a_worker_is_not_done_any_more_once_its_newer_spec_is_refused(line):
    crowd(line)
    write(line, held=["held"], z=["old"])
    line.at(20, (line.node.specs / "held.yaml").unlink)
    line.at(41, lambda: write(line, z=["wrong"]))
    line.at(42, lambda: write(line, z=["held"]))
    line.run(70)
    assert sorted(line.node.mounts()) == ["/mnt/held", "/mnt/old"]
    assert line.watch.standing().states["z"] is State.OPEN


def test_nor_while_it_cannot_be_seen_what_is_wanted_now(line):
    crowd(line)
    write(line, z=["old"])
    targets = line.session.targets
    line.at(41, lambda: write(line, z=["wrong"]))
    line.at(42, lambda: (setattr(line.session, "targets", unreadable), write(line, z=["new"])))
    line.at(50, lambda: setattr(line.session, "targets", targets))
    line.run(70)
    assert [round(at) for at, name in line.done if name == "z" and at > 40] == [51]
    assert line.node.mounts() == ["/mnt/new"]


class Manager:
    beat = 30.0

    def __init__(self, line):
        self.line, self.begun = line, []

    def ready(self):
        self.begun.append((round(self.line.now), self.line.node.mounts()))

    def alive(self): ...

    def says(self, text): ...

    def stopping(self): ...


def test_it_has_not_begun_before_a_look_succeeded(line):
    write(line, a=["a"])
    manager = line.watch._manager = Manager(line)
    targets, line.session.targets = line.session.targets, unreadable
    line.at(25, lambda: setattr(line.session, "targets", targets))
    line.run(50)
    assert manager.begun == [(30, ["/mnt/a"])]
