"""What rang is told, once for each look that it makes for, and for whom; what rings for nobody is not."""

import os

import pytest

from reconciler.core.ban import WHOLE, Ban, Sort
from reconciler.core.bells import Bell, Source
from tests.unit.engine.node import SPEC, Node
from tests.unit.engine.timeline import Timeline

pytestmark = pytest.mark.usefixtures("no_jitter")

WEB, DB = Bell(Source.MOUNTS, "", "/mnt/web"), Bell(Source.MOUNTS, "", "/mnt/db")


@pytest.fixture
def line(tmp_path):
    node = Node(tmp_path, interval=300.0)
    for name in ("web", "db"):
        node.write(name)
    return Timeline(node)


def rang(line, since=11.0):
    return [(at, dict(event.bells), set(event.services)) for at, event in line.rang if at > since]


def test_what_rang_is_told_before_anything_is_done_for_it_and_for_whom(line):
    order = []
    line.watch.on_event = lambda event: (order.append(type(event).__name__), line._hear(event))
    line.at(12, lambda: (order.clear(), line.machine.tear_off("/mnt/web")))
    line.run(60)
    assert rang(line) == [(12.0, {WEB: "unmounted"}, {"web"}), (12.1, {WEB: "mounted"}, {"web"})], "not its echoes; its own work"
    assert order[0] == "Rang" and "StepBegan" in order


def test_time_alone_is_not_told(line):
    line.run(1000)
    assert [at for at, _ in line.after] == [300.0, 600.0, 900.0] and rang(line) == []


def test_a_burst_is_told_once_with_all_that_was_said(line):
    line.at(12, lambda: line.machine.tear_off("/mnt/web"))
    line.at(12.01, lambda: line.machine.tear_off("/mnt/db"))
    line.at(12.02, lambda: line.session.host.commands.run(["mount", "-t", "tmpfs", "--", "tmpfs", "/mnt/db"]))
    line.run(60)
    _, bells, services = rang(line)[0]
    assert (bells, services) == ({WEB: "unmounted", DB: "unmounted, mounted"}, {"web", "db"})


def test_a_spec_that_is_edited_is_told_for_its_service_and_no_other(line):
    specs = Bell(Source.FILES, str(line.node.specs))
    line.at(12, lambda: line.node.write("web", SPEC.replace("type: tmpfs}", "type: tmpfs, mnt_opt: size=1m}") % "web"))
    line.at(30, lambda: os.utime(line.node.specs / "web.yaml"))
    line.run(60)
    assert rang(line) == [(12.1, {specs: ""}, {"web"}), (12.2, {WEB: "changed"}, {"web"})], (
        "one that was only touched rings for none"
    )


def test_a_spec_that_is_waited_for_is_told_when_it_is_read(line, monkeypatch):
    """The bell rang a while before."""
    waits = iter([0.7])
    specs = Bell(Source.FILES, str(line.node.specs))
    line.at(11, lambda: monkeypatch.setattr(line.watch._reader._settling, "left", lambda changed, **more: next(waits, 0.0)))
    line.at(12, lambda: line.node.write("app"))
    line.run(60)
    assert rang(line)[0] == (12.8, {specs: ""}, {"app"})


def test_what_persons_say_is_told_for_whom_they_mean(line):
    folder = line.node.config.state_dir
    os.makedirs(folder, mode=0o700, exist_ok=True)

    def freeze():
        with line.node.session() as other:
            other.store.ban("web", Sort.FROZEN, (WHOLE,), Ban("alice", line.machine.now()))
        with open(f"{folder}/said", "w"):
            pass

    line.at(12, freeze)
    line.run(60)
    assert rang(line) == [(12.1, {Bell(Source.FILES, folder): ""}, {"web"})]
