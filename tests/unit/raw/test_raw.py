"""Block devices as they are: they are there, or they are not."""

import pytest

from reconciler.core.ids import ResourceId
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.host.errors import Permanent, Transient
from reconciler.resources.driver import Wanted
from reconciler.resources.raw.driver import DRIVER
from reconciler.resources.raw.model import Around, Desired, State
from reconciler.resources.raw.planning import KIND
from reconciler.spec.load import load_text

ID = ResourceId("web", "disk#1")
WANT = Desired(devs=("/dev/sdb", "/dev/sdc"))


def look(host, desired=WANT):
    return DRIVER.observe([Wanted(ID, desired, None, "raw")], host)[ID]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("disk#1: {type: raw}", "disk#1 lacks the keyword 'devs'"),
        ("disk#1: {type: raw, devs: []}", "expected the path of a block device at least"),
        ("disk#1: {type: raw, devs: sdb}", "expected an absolute path, not 'sdb'"),
        ("raw#1: {devs: /dev/sdb}", "'raw#1' is written as 'disk#1' with 'type: raw'"),
        ("disk#1: {type: raw, devs: /dev/mapper/a-b}\n  disk#2: {type: raw, devs: /dev/a/b}", "both claim raw device"),
    ],
)
def test_what_is_wrong_is_said(section, message):
    errors = [str(error) for error in load_text(f"resources:\n  {section}\n", "yaml", "web", "web.yaml", Node("deb1")).errors]
    assert len(errors) == 1 and message in errors[0], errors


def test_all_of_them_have_to_be_there(machine, host):
    machine.add_disk("/dev/sdb")
    assert look(host) == Absent(Around(missing=("/dev/sdc",)))
    machine.add_file("/dev/sdc")
    assert look(host) == Absent(Around(wrong=("/dev/sdc",)))
    assert KIND.objection(WANT, None, Around(wrong=("/dev/sdc",))).reason == "/dev/sdc is no block device"
    machine.tree.remove("/dev/sdc")
    machine.add_disk("/dev/sdc")
    assert look(host) == Present(State(devs=WANT.devs), Around())
    assert machine.effects == 0


def test_what_cannot_be_seen_is_unknown_and_nothing_is_ever_done(machine, host):
    machine.fail_next("stat /dev/sdb", Transient("no answer"))
    assert look(host) == Unknown("no answer")
    with pytest.raises(Permanent, match="nothing is done to it"):
        DRIVER.perform(ID, object(), host, lambda said: None)
