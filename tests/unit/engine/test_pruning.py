"""watch: what becomes of services whose spec is gone, where pruning is set. Time is the fake machine's."""

import pytest

from reconciler.host.errors import Permanent
from tests.unit.engine.node import SPEC, Node
from tests.unit.engine.timeline import Timeline

pytestmark = pytest.mark.usefixtures("no_jitter")

ADDRESS = "resources:\n  ip#1: {name: 10.9.8.7, dev: eth0, netmask: 24}\n"


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path, interval=300.0, prune=True)
    for name in ("app", "db", "mail", "web"):
        node.write(name)
    return node


@pytest.fixture
def line(node):
    return Timeline(node)


def test_a_prune_that_fails_is_tried_again_when_its_time_has_come(line, node):
    line.machine.fail_next(lambda label: label.startswith("umount ") and "/mnt/web" in label, Permanent("busy"))
    line.at(20, (node.specs / "web.yaml").unlink)
    line.run(60)
    assert [at for at, name in line.done if name == "web" and at] == [20.1, 30.1]
    assert "/mnt/web" not in node.mounts()


def test_a_spec_that_is_removed_while_its_service_is_worked_on_is_pruned_afterwards(line, node):
    node.write("addr", ADDRESS)
    line.at(20, line.machine.net.links["eth0"].assigned.clear)
    line.at(22, (node.specs / "addr.yaml").unlink)
    line.run(60)
    assert [at for at, name in line.done if name == "addr" and at > 19] == [24.0, 24.1]
    assert line.machine.net.links["eth0"].assigned == []


def test_one_service_that_is_refused_keeps_nobody_from_being_pruned_and_the_others_are_looked_at_together(line, node, tmp_path):
    elsewhere = tmp_path / "hold.yaml"
    elsewhere.write_text(SPEC % "held")
    elsewhere.chmod(0o644)
    with node.session() as other:
        other.converge(other.targets(other.load([str(elsewhere)])))
    line.at(20, lambda: node.write("other", SPEC % "held"))
    line.at(50, (node.specs / "web.yaml").unlink)
    line.run(360)
    refused = [text for _, text in line.said]
    assert len(refused) == 1 and refused[0].startswith("cannot work on other: mount point /mnt/held is held by hold")
    assert [at for at, name in line.done if name == "web"] == [0.0, 50.1]
    assert [names for at, names in line.looks if at == 300.0] == ["app db mail other", "app db mail"]


def test_pruning_that_is_refused_keeps_nobody_from_being_looked_at_together(line, node):
    line.at(20, lambda: [(node.specs / f"{name}.yaml").unlink() for name in ("app", "db", "mail")])
    line.run(25)
    assert [names for at, names in line.looks if at > 15][:2] == ["app db mail web"] * 2
    assert sorted(node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/mail", "/mnt/web"]


def test_pruning_that_is_refused_is_told_once_however_often_somebody_else_is_looked_at(line, node):
    refused = lambda: [at for at, text in line.said if "cannot prune" in text]  # noqa: E731
    line.at(20, lambda: [(node.specs / f"{name}.yaml").unlink() for name in ("app", "db", "mail")])
    for at in (50, 350):
        line.at(at, lambda: line.machine.tear_off("/mnt/web"))
    line.at(400, lambda: node.write("app"))
    line.at(401, lambda: [node.write(name) for name in ("db", "mail")])
    line.at(1000, lambda: [(node.specs / f"{name}.yaml").unlink() for name in ("app", "db", "mail")])
    line.run(1400)
    assert refused() == [20.1, 1000.1], "and again once it was otherwise"


def test_a_service_that_is_gone_and_comes_back_is_a_new_one(line, node):
    for at in (20, 30, 40, 41):
        line.at(at, lambda: line.machine.tear_off("/mnt/web"))
    line.at(43, (node.specs / "web.yaml").unlink)
    line.at(45, lambda: node.write("web"))
    line.run(49)
    assert [at for at, name in line.done if name == "web"] == [0.0, 20.0, 30.0, 40.0, 45.1], "of its drift at 41 after 10 s"


def parts(name, *numbers):
    return "resources:\n" + "".join(f"  fs#{number}: {{dev: tmpfs, mnt: /mnt/{name}{number}, type: tmpfs}}\n" for number in numbers)


def test_pruning_that_is_refused_is_not_done_piece_by_piece_by_looks_at_a_few(line, node):
    names, kept = ("app", "db", "mail", "web"), []
    for name in names:
        node.write(name, parts(name, 1, 2, 3))
    line.at(20, lambda: [node.write(name, parts(name, 1)) for name in names])
    for number, name in enumerate(names):
        line.at(40 + 20 * number, lambda name=name: line.machine.tear_off(f"/mnt/{name}1"))
    line.at(1000, lambda: [node.write(name, parts(name, 1, 2, 3)) for name in names])
    line.at(1400, lambda: node.write("web", parts("web", 1)))
    line.at(900, lambda: kept.extend(node.mounts()))
    line.run(1500)
    assert len(kept) == 12 and [text[:33] for _, text in line.said] == ["cannot prune: 8 of 12 owned resou"]
    assert len(node.mounts()) == 10, "and once it is not refused any more, what goes is pruned at once"
