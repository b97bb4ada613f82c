"""Loop devices: what a spec may say, what the driver sees and does on the fake machine."""

from dataclasses import replace

import pytest

from reconciler.core.action import BARRIER
from reconciler.core.ids import ResourceId
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.core.ownership import Owned
from reconciler.host.errors import Busy, Conflict, Transient
from reconciler.resources.driver import Wanted
from reconciler.resources.loop.actions import Attach, Detach, MakeFile
from reconciler.resources.loop.driver import DRIVER
from reconciler.resources.loop.model import Around, Desired, State
from reconciler.resources.loop.planning import KIND
from reconciler.spec.load import load_text

ID = ResourceId("web", "loop#1")
FILE = "/srv/x.img"
WANT = Desired(file=FILE)


@pytest.fixture
def image(machine):
    machine.make_image(FILE)
    machine.tree.find(FILE).size = 4096


def look(host, desired=WANT, owned=None):
    want = Wanted(ID, desired, owned, "loop")
    assert DRIVER.look(want, host) == DRIVER.observe([want], host)[ID]
    return DRIVER.look(want, host)


def perform(host, action):
    DRIVER.perform(ID, action, host, lambda said: None)


def mount(host, *options):
    host.files.make_dir("/mnt")
    host.commands.run(["mount", "-t", "ext4", *options, "--", FILE, "/mnt"])


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("loop#1: {}", "loop#1 lacks the keyword 'file'"),
        ("loop#1: {file: x.img}", "expected an absolute path, not 'x.img'"),
        ("disk#1: {type: loop, file: /x, devs: /dev/sda}", "keyword 'devs' in disk#1 does not go with type loop"),
        ("loop#1: {file: /x}\n  loop#2: {file: /x}", "both claim loop device of /x"),
    ],
)
def test_what_is_wrong_is_said(section, message):
    errors = [str(error) for error in load_text(f"resources:\n  {section}\n", "yaml", "web", "web.yaml", Node("deb1")).errors]
    assert len(errors) == 1 and message in errors[0], errors


def test_a_file_is_attached_once_and_detached(machine, host, image):
    before = look(host)
    assert before == Absent(Around(kind="file", size=4096))
    for _ in range(2):
        perform(host, Attach(file=FILE))
        assert (
            look(host) == Present(State(file=FILE, size=4096, device="/dev/loop0"), Around(size=4096))
            and len(machine.tree.loops) == 1
        )
    assert KIND.label(WANT, look(host).state) == "/srv/x.img@/dev/loop0"
    for _ in range(2):
        perform(host, Detach(file=FILE))
        assert look(host) == before and not machine.tree.loops


def test_what_is_undone_leads_back(host, image):
    before = look(host)
    attach = Attach(file=FILE)
    perform(host, attach)
    (back,) = attach.undo(before)
    assert back == Detach(file=FILE) and attach.undo(look(host)) == () and back.undo(look(host)) == (attach,)
    perform(host, back)
    assert look(host) == before and back.undo(before) == ()


def test_a_mount_goes_through_the_device_that_is_there_and_leaves_it(machine, host, image):
    perform(host, Attach(file=FILE))
    mount(host, "-o", "loop")
    assert host.mounts.table()[-1].source == "/dev/loop0"
    with pytest.raises(Busy, match=r"cannot detach /srv/x.img from /dev/loop0: in use \(/mnt\)"):
        perform(host, Detach(file=FILE))
    host.commands.run(["umount", "--", "/mnt"])
    assert look(host).state.device == "/dev/loop0"


def test_who_has_a_device_open_is_named_and_it_stays_as_it_is(machine, host, image):
    perform(host, Attach(file=FILE))
    seen = look(host)
    process = machine.start_process(("/usr/bin/qemu-system", "-x"))
    machine.opened["/dev/loop0"] = process.pid
    done = list(machine.done)
    with pytest.raises(Busy, match=rf"cannot detach /srv/x.img from /dev/loop0: in use \(pid {process.pid} qemu-system\)"):
        perform(host, Detach(file=FILE))
    assert look(host) == seen and machine.done == done, "the kernel would detach it behind everybody's back, later"


def test_a_device_that_somebody_opened_meanwhile_is_not_told_as_detached(machine, host, image):
    perform(host, Attach(file=FILE))
    machine.opened["/dev/loop0"] = 0
    with pytest.raises(Busy, match=r"somebody has it open \(fuser -v /dev/loop0\); it goes when nobody has"):
        perform(host, Detach(file=FILE))
    assert not Detach(file=FILE).shown(look(host))


def test_a_device_that_is_swap_is_not_detached(machine, host, image):
    perform(host, Attach(file=FILE))
    machine.swaps = ("/dev/loop0p1",)
    with pytest.raises(Busy, match=r"in use \(swap on /dev/loop0p1\)"):
        perform(host, Detach(file=FILE))
    assert not look(host).state.fleeting


def test_of_several_devices_of_a_file_all_stay_where_one_is_used(machine, host, image):
    perform(host, Attach(file=FILE))
    machine.tree.loops["/dev/loop1"] = replace(machine.tree.loops["/dev/loop0"])
    mount(host)
    machine.tree.mounts[-1].source = "/dev/loop1"
    with pytest.raises(Busy, match="from /dev/loop1: in use"):
        perform(host, Detach(file=FILE))
    assert list(machine.tree.loops) == ["/dev/loop0", "/dev/loop1"]


def test_a_device_that_a_mount_made_for_itself_is_not_taken(host, image):
    mount(host, "-o", "loop")
    seen = look(host)
    assert seen.state.fleeting
    objection = KIND.objection(WANT, seen.state, seen.around)
    assert objection.reason == "/srv/x.img is attached to /dev/loop0 by whoever mounted it, and only for as long"
    with pytest.raises(Conflict, match="goes with its mount"):
        perform(host, Attach(file=FILE))
    perform(host, Detach(file=FILE))
    assert look(host) == seen


def test_the_file_that_was_applied_is_found(machine, host, image):
    machine.make_image("/srv/y.img")
    perform(host, Attach(file=FILE))
    other = Desired(file="/srv/y.img")
    assert look(host, other, Owned("loop", WANT, WANT)).state.file == FILE
    assert isinstance(look(host, other), Absent)


def test_a_file_that_was_removed_is_another_one(machine, host, image):
    perform(host, Attach(file=FILE))
    machine.tree.loops["/dev/loop0"].path += " (deleted)"
    machine.make_image(FILE)
    assert isinstance(look(host), Absent)


class TestMaking:
    MAKE = MakeFile(file=FILE, size=1 << 20)
    WANTED = Desired(file=FILE, size=1 << 20, provision=True)

    def test_a_file_is_made_for_nobody_but_root_and_never_unmade(self, host):
        before = look(host, self.WANTED)
        objection = KIND.objection(self.WANTED, None, before.around)
        assert before == Absent(Around(kind="", folder=True)) and objection.permission == "provision"
        perform(host, self.MAKE)
        stat = host.files.stat(FILE)
        assert (stat.size, stat.mode) == (1 << 20, 0o600)
        assert look(host, self.WANTED) == self.MAKE.after(before) and self.MAKE.shown(look(host, self.WANTED))
        assert self.MAKE.undo(before) is BARRIER and self.MAKE.undo(look(host, self.WANTED)) == ()

    def test_one_that_is_there_is_left_as_it_is(self, host, image):
        with pytest.raises(Conflict, match="it is there already"):
            perform(host, self.MAKE)
        assert host.files.stat(FILE).size == 4096

    def test_one_that_is_empty_is_made_still(self, machine, host):
        machine.add_file(FILE)
        seen = look(host, self.WANTED)
        assert KIND.objection(self.WANTED, None, seen.around).reason == "/srv/x.img is empty yet" and not self.MAKE.shown(seen)
        perform(host, self.MAKE)
        assert (host.files.stat(FILE).size, host.files.stat(FILE).mode) == (1 << 20, 0o600)
        assert "is empty" in KIND.objection(WANT, None, Around()).reason

    def test_size_is_neither_grown_nor_shrunk(self, host):
        perform(host, self.MAKE)
        larger = Desired(file=FILE, size=1 << 21)
        assert KIND.objection(larger, None, look(host, larger).around).reason == "/srv/x.img has 1m, not 2m"
        assert KIND.objection(self.WANTED, None, look(host, self.WANTED).around) is None


@pytest.mark.parametrize(
    ("around", "reason"),
    [
        (Around(kind=""), "/srv/x.img is not there"),
        (Around(kind="", folder=False), "/srv is not there"),
        (Around(kind="dir"), "/srv/x.img is no file"),
        (Around(kind="block"), "/srv/x.img is no file"),
    ],
)
def test_what_forbids(around, reason):
    assert KIND.objection(WANT, None, around).reason == reason


def test_what_cannot_be_read_is_unknown(machine, host, image):
    machine.fail_next("stat /srv/x.img", Transient("no answer in time"), times=3)
    assert look(host) == Unknown("no answer in time")
    machine.fail_next("names /sys/class/block", Transient("no answer"), times=3)
    assert look(host) == Unknown("the loop devices cannot be read: no answer")
