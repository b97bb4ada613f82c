"""owning: what a run that failed has claimed is found again, wherever that put it, and goes from there when it goes elsewhere."""

import pytest

from reconciler.core.ids import ResourceId
from reconciler.core.outcome import End, Status, StepEnded
from reconciler.core.ownership import Owned
from reconciler.resources.driver import Wanted
from tests.fakehost import FakeHost
from tests.fakehost.docker import FakeImage
from tests.fakehost.network import FakeLink
from tests.unit.core.toys import ToyDesired
from tests.unit.engine.node import Node

FAILS = "  container#1: {type: docker, image: 'nosuch:1'}\ndocker_data_dir: /mnt/docker\n"
WORKS = "  container#1: {type: docker, image: 'busybox:1', run_command: [sleep, '99']}\ndocker_data_dir: /mnt/docker\n"


class Mounts:
    rid, places = "fs#1", ("/mnt/old", "/mnt/mid", "/mnt/new")
    spec = "fs#1: {dev: tmpfs, mnt: %s, type: tmpfs}"

    def there(self, machine):
        return [mount.target for mount in FakeHost(machine).mounts.table() if mount.target in self.places]


class Addresses:
    """An address, on one device after the other."""

    rid, places = "ip#1", ("eth0", "eth1", "eth2")
    spec = "ip#1: {name: 10.9.8.7, dev: %s, netmask: 24}"

    def there(self, machine):
        return [link.name for link in FakeHost(machine).net.links() if any(one.address == "10.9.8.7" for one in link.assigned)]


class Files:
    rid, places = "loop#1", ("/img/old", "/img/mid", "/img/new")
    spec = "loop#1: {file: %s}"

    def there(self, machine):
        return [loop.path for loop in machine.tree.loops.values() if loop.path in self.places]


@pytest.fixture
def node(tmp_path_factory):
    """In a folder with a short name: its engines' sockets lie in it."""
    made = Node(tmp_path_factory.mktemp("n"))
    FakeHost(made.machine)  # which gives it its engines
    made.machine.docker.registry["busybox:1"] = FakeImage({"Cmd": ["sleep", "1000"]})
    made.machine.net.links |= {name: FakeLink(up=True) for name in Addresses.places[1:]}
    for file in Files.places:
        made.machine.add_file(file, "x" * 4096)
    return made


def ran(node, type, place, more):
    """How an apply with it at this place ended, what became of the steps on it, and where it is."""
    node.write("web", f"resources:\n  {type.spec % place}\n{more}")
    node.events.clear()
    (result,) = node.apply("web")
    ended = [event.outcome for event in node.events if isinstance(event, StepEnded)]
    return result.end, {one.status for one in ended if one.step.rid == type.rid}, type.there(node.machine)


def test_the_last_by_which_a_thing_may_be_found_is_what_it_shall_be():
    """Each is known once, although it was wanted again and again."""
    old, mid, new = (ToyDesired(live=number) for number in range(3))
    owned = Owned("box", old, old).claimed(mid, there=True).claimed(new, there=True).claimed(mid, there=True)
    assert Wanted(ResourceId("web", "box#1"), old, owned).handles == (new, mid, old)
    assert Wanted(ResourceId("web", "box#1"), None, owned).handles == (old, new, mid)
    assert owned.claimed(new, there=False).earlier == (), "nothing is anywhere"


@pytest.mark.parametrize("type", [Mounts(), Addresses(), Files()], ids=["fs", "ip", "loop"])
class TestMoved:
    def test_after_a_first_run_that_failed(self, node, type):
        old, _, new = type.places
        assert ran(node, type, old, FAILS) == (End.ROLLED_BACK, {Status.DONE}, [old])
        assert ran(node, type, new, WORKS) == (End.CONVERGED, {Status.DONE}, [new])

    def test_after_a_move_in_a_run_that_failed(self, node, type):
        old, mid, new = type.places
        assert ran(node, type, old, "") == (End.CONVERGED, {Status.DONE}, [old])
        assert ran(node, type, mid, FAILS) == (End.ROLLED_BACK, {Status.DONE}, [mid])
        assert ran(node, type, new, FAILS)[::2] == (End.ROLLED_BACK, [mid])
        assert ran(node, type, new, WORKS) == (End.CONVERGED, {Status.DONE}, [new])

    def test_back_after_a_move_in_a_run_that_failed(self, node, type):
        old, mid, _ = type.places
        ran(node, type, old, "")
        ran(node, type, mid, FAILS)
        assert ran(node, type, old, WORKS) == (End.CONVERGED, {Status.DONE}, [old])
