"""The driver on the fake machine: what the real one is tested for as root, without being root."""

import pytest

from reconciler.core.ids import ResourceId
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.host.errors import Busy, Permanent
from reconciler.resources.driver import Wanted
from reconciler.resources.fs.driver import DRIVER
from reconciler.resources.fs.model import Desired, State
from reconciler.resources.fs.planning import KIND
from tests.fakehost import FakeHost, Machine
from tests.unit.fs.bench import Bench, changes


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def bench(machine):
    return Bench(FakeHost(machine, Node()))


@pytest.mark.parametrize("seed", range(60))
def test_whatever_options_follow_each_other_a_second_look_finds_nothing(machine, bench, seed):
    machine.tree.make_dir("/srv/src", 0o755)
    machine.make_image("/srv/x.img")
    for specs in changes("/srv", seed):
        bench.up("fs#1", specs)
        effects = machine.effects
        assert bench.up("fs#1", specs) == "keep", specs
        assert machine.effects == effects
    bench.down("fs#1", specs)
    assert isinstance(bench.look(specs)["fs#1"], Absent)


def test_a_stray_unmount_is_drift_and_mounted_again(machine, bench):
    machine.make_image("/srv/x.img")
    specs = {"fs#1": Desired(dev="/srv/x.img", mnt="/srv/m", type="ext4")}
    bench.up("fs#1", specs)
    machine.tear_off("/srv/m")
    change = bench.change("fs#1", specs)
    assert (change.verdict.value, change.cause.value, change.reason) == ("create", "drift", "/srv/m is not mounted")
    assert bench.up("fs#1", specs) == "create"


def test_an_orphan_is_found_where_it_was_applied(machine, bench):
    machine.make_image("/srv/x.img")
    specs = {"fs#1": Desired(dev="/srv/x.img", mnt="/srv/m", type="ext4")}
    bench.up("fs#1", specs)
    orphan = Wanted(ResourceId("t", "fs#1"), None, bench.owned["fs#1"])
    seen = DRIVER.observe([orphan], bench.host)[orphan.id]
    assert isinstance(seen, Present)
    assert seen.state == State(dev="/srv/x.img", mnt="/srv/m", type="ext4", loop=True)


def test_a_backing_file_behind_a_mount_that_is_still_to_come_is_unknown(machine, bench):
    machine.make_image("/srv/x.img")
    outer = Desired(dev="/srv/x.img", mnt="/srv/m", type="ext4")
    specs = {"fs#1": outer, "fs#2": Desired(dev="/srv/m/y.img", mnt="/srv/n", type="ext4")}
    seen = bench.look(specs)["fs#2"]
    assert isinstance(seen, Unknown)
    assert (seen.behind, seen.basis) == ("fs#1", "comes with fs#1")
    assert KIND.objection(specs["fs#2"], None, seen.assume.around) is None
    bench.up("fs#1", specs)
    assert "does not exist" in bench.change("fs#2", specs).reason


def test_one_resource_that_cannot_be_seen_leaves_the_others_alone(machine, bench):
    machine.make_image("/srv/x.img")
    machine.fail_next(lambda label: "/srv/bad" in label, Permanent("input/output error"), times=100)
    specs = {
        "fs#1": Desired(dev="/srv/bad.img", mnt="/srv/bad", type="ext4"),
        "fs#2": Desired(dev="/srv/x.img", mnt="/srv/m", type="ext4"),
    }
    seen = bench.look(specs)
    assert isinstance(seen["fs#1"], Unknown)
    assert "input/output error" in seen["fs#1"].reason
    assert isinstance(seen["fs#2"], Absent)


def test_a_busy_mount_stays_and_says_so(machine, bench):
    specs = {"fs#1": Desired(dev="tmpfs", mnt="/srv/t", type="tmpfs")}
    bench.up("fs#1", specs)
    holder = machine.start_process(("mysqld",))
    machine.hold(holder, "/srv/t")
    with pytest.raises(Busy, match="cannot unmount /srv/t: busy"):
        bench.down("fs#1", specs)
    assert isinstance(bench.look(specs)["fs#1"], Present)
