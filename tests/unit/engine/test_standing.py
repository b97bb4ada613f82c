"""What a watch says of itself: Watch.standing()."""

import pytest

from reconciler.core.ban import WHOLE, Ban, Sort
from reconciler.engine.standing import State
from reconciler.host.errors import Permanent
from tests.unit.engine.node import Node
from tests.unit.engine.timeline import Timeline


@pytest.fixture
def line(tmp_path):
    node = Node(tmp_path)
    for name in ("web", "db"):
        node.write(name)
    return Timeline(node)


def test_every_service_has_a_state_from_the_first_look_on(line):
    assert line.watch.standing().states == {}
    line.run(20)
    standing = line.watch.standing()
    assert standing.states == {"db": State.KEPT, "web": State.KEPT}
    assert standing.looks.count >= 1 and standing.looks.longest >= standing.looks.last


def test_what_failed_waits_and_says_until_when(line):
    line.machine.fail_next(lambda label: label.startswith("mount ") and "/mnt/web" in label, Permanent("no"), times=9)
    line.run(5)
    standing = line.watch.standing()
    assert standing.states == {"db": State.KEPT, "web": State.WAITING}
    assert standing.until.keys() == {"web"}


def test_what_is_frozen_and_what_is_wrong_is_named(line):
    line.session.store.ban("web", Sort.FROZEN, (WHOLE,), Ban("alice", line.machine.now()))
    line.at(5, lambda: line.node.write("db", "resources: [\n"))
    line.run(10)
    standing = line.watch.standing()
    assert standing.states == {"db": State.KEPT, "web": State.FROZEN}
    assert [file.rpartition("/")[2] for file in standing.invalid] == ["db.yaml"]


def test_what_has_used_up_its_restarts_is_degraded(line):
    line.node.write("web", "resources:\n  fs#1: {dev: tmpfs, mnt: /mnt/web, type: tmpfs, restart: 0}\n")
    line.at(5, lambda: line.machine.tear_off("/mnt/web"))
    line.run(10)
    standing = line.watch.standing()
    assert standing.states["web"] is State.DEGRADED
    assert list(standing.degraded["web"]) == ["fs#1"]


def test_a_service_whose_spec_went_is_still_known(line):
    line.at(5, (line.node.specs / "web.yaml").unlink)
    line.run(10)
    assert line.watch.standing().states == {"db": State.KEPT, "web": State.OPEN}, "it still owns what it mounted"
    assert [text for _, text in line.said] == ["its spec is gone; what osvc made of it is left as it is → osvc plan --prune"]
