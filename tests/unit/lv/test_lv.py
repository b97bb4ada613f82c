"""Logical volumes: what a spec may say, what the driver sees and does on the fake machine."""

import pytest

from reconciler.core.action import BARRIER
from reconciler.core.ids import ResourceId
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.core.ownership import Owned
from reconciler.host.errors import Busy, Conflict, HostError, NotFound, Permanent
from reconciler.resources.driver import Wanted
from reconciler.resources.lv.actions import Activate, Create, Deactivate, DropPartitions, MapPartitions, Remove
from reconciler.resources.lv.driver import DRIVER
from reconciler.resources.lv.model import Around, Desired
from reconciler.resources.lv.planning import KIND
from reconciler.spec.load import load_text

ID = ResourceId("web", "lv#1")
ROOT = Desired(vg="data", name="root", tag="deb1")
OF = {"vg": "data", "name": "root"}


@pytest.fixture
def group(machine):
    found = machine.add_group("data", {"root": "ext4", "other": ""})
    found.volumes["root"].table = 1
    return found


def look(host, desired=ROOT, owned=None):
    want = Wanted(ID, desired, owned, "lv")
    assert DRIVER.look(want, host) == DRIVER.observe([want], host)[ID]
    return DRIVER.look(want, host)


def perform(host, action):
    DRIVER.perform(ID, action, host, lambda said: None)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("lv#1: {name: a}", "lv#1 lacks the keyword 'vg'"),
        (
            "disk#1: {type: lv, name: a/b, vg: data}",
            "'a/b' cannot name a logical volume or its group; lvs lists those that are there",
        ),
        ("lv#1: {name: a, vg: b, create_options: -y}", "option '-y' would write over what is there; leave it out"),
        ("lv#1: {name: a, vg: b, create_options: [--wipesignatures, n]}", "option '--wipesignatures' would write over"),
        ("lv#1: {name: a, vg: b, create_options: --wip=n}", "option '--wip=n' would write over"),
        ("lv#1: {name: a, vg: b, create_options: -qqWn}", "option '-qqWn' would write over"),
        ("lv#1: {name: a, vg: b, create_options: [--config, x]}", "option '--config' would write over"),
        ("vg#1: {name: a, options: --ye}", "option '--ye' would write over"),
        ("lv#1: {name: a, vg: b, size: big}", "expected a size such as 64m or 1g, not 'big'"),
    ],
)
def test_what_is_wrong_is_said(section, message):
    errors = [str(error) for error in load_text(f"resources:\n  {section}\n", "yaml", "web", "web.yaml", Node("deb1")).errors]
    assert len(errors) == 1 and message in errors[0], errors


def test_it_is_seen_with_its_group(machine, host, group):
    group.tags = {"deb2", "deb1"}
    group.volumes["root"].holders = ("secret",)
    seen = look(host)
    assert (seen.state.active, seen.state.holders, seen.state.uuid) == (False, ("secret",), "uuid-data-root")
    assert seen.around == Around(others=("deb2",))
    assert look(host, ROOT.model_copy(update={"keep_tags": ("deb2",)})).around == Around()
    assert look(host, Desired(vg="data", name="none", tag="deb1")) == Absent(Around(others=("deb2",)))
    assert look(host, Desired(vg="none", name="root", tag="deb1")) == Absent(Around(group=False))
    machine.lvm.add("data")
    assert isinstance(look(host), Unknown)
    machine.tree.remove("/usr/sbin/lvm")
    assert look(host).reason == "LVM is not installed here: apt-get install lvm2"


def test_one_that_was_renamed_in_the_spec_is_found_while_it_is_active(machine, host, group):
    owned = Owned("lv", ROOT, ROOT)
    other = Desired(vg="data", name="other", tag="deb1")
    assert look(host, other, owned).state.name == "other"
    machine.switch(group, "root", active=True)
    seen = look(host, other, owned)
    assert seen.state.name == "root" and "is not exchanged" in KIND.objection(other, seen.state, seen.around).reason


@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize(
    "action", [Activate(**OF), Deactivate(**OF), DropPartitions(**OF), MapPartitions(**OF, partitions=("data-root1",))],
    ids=lambda action: action.op,
)  # fmt: skip
def test_an_action_does_what_it_says_twice_is_once_and_its_undo_leads_back(machine, host, group, action, active):
    active = active or isinstance(action, (DropPartitions, MapPartitions))
    machine.switch(group, "root", active=active)
    if isinstance(action, DropPartitions):
        group.volumes["root"].partitions = ("data-root1",)
    before = look(host)
    for _ in range(2):
        perform(host, action)
        assert look(host) == action.after(before) and action.shown(look(host))
    for back in action.undo(before):
        perform(host, back)
    assert look(host) == before
    assert not group.volumes["other"].active


class TestMaking:
    NEW = Create(vg="data", name="new", size=1 << 20)
    WANTED = Desired(vg="data", name="new", size=1 << 20, provision=True, tag="deb1")

    def test_it_is_removed_only_by_its_uuid_and_while_it_is_not_active(self, machine, host, group):
        perform(host, self.NEW)
        seen = look(host, self.WANTED)
        assert self.NEW.made(seen) == "uuid-data-new"
        (remove,) = KIND.unmake(self.WANTED, seen.state, seen.around, "uuid-data-new")
        assert remove.command() == "lvremove data/new" and "all that is on it" in remove.loses
        with pytest.raises(
            Conflict, match="cannot remove data/new: it is active again, somebody may use it; lvchange -an data/new"
        ):
            perform(host, remove)
        machine.switch(group, "new", active=False)
        group.tags = {"deb1", "deb2"}
        with pytest.raises(Conflict, match="cannot remove data/new: deb2 has claimed data meanwhile"):
            perform(host, remove)
        assert "new" in group.volumes
        group.tags = {"deb1"}
        with pytest.raises(Conflict, match="another volume of that name has come"):
            perform(host, remove.model_copy(update={"uuid": "older"}))
        for _ in range(2):
            perform(host, remove)
        assert "new" not in group.volumes and remove.shown(look(host, self.WANTED)) and remove.undo(seen) is BARRIER

    @pytest.mark.parametrize(
        ("made", "around", "why"),
        [("", Around(), "osvc did not make data/new"), ("older", Around(), "osvc did not make data/new"),
         ("uuid-data-new", Around(others=("deb2",)), "data is claimed by deb2")],
    )  # fmt: skip
    def test_what_is_not_osvcs_to_remove_is_refused_with_the_command(self, host, group, made, around, why):
        perform(host, self.NEW)
        state = look(host, self.WANTED).state
        objection = KIND.unmake(self.WANTED, state, around, made)
        assert objection.reason == why and "lvremove data/new" in objection.remedy
        assert KIND.unmake(self.WANTED, None, around, made) == ()
        assert KIND.unmake(ROOT, look(host).state, around, "") == (), "nothing of it was ever to be made"

    def test_it_is_made_once_and_never_unmade(self, host, group):
        before = look(host, self.WANTED)
        assert KIND.objection(self.WANTED, None, before.around).permission == "provision"
        perform(host, self.NEW)
        with pytest.raises(Conflict, match="it is there already, and who made it is not known"):
            perform(host, self.NEW)
        seen = look(host, self.WANTED)
        assert seen.state.active and self.NEW.shown(seen) and group.volumes["new"].size == 1 << 20
        assert self.NEW.undo(before) is BARRIER and self.NEW.undo(seen) == ()
        assert self.NEW.command() == "lvcreate -n new -L 1024k -W y data"

    def test_what_lvm_says_of_one_that_it_does_not_remove_comes_with_what_to_do(self, machine, host, group):
        machine.fail_next("lvremove", Permanent("Can't remove logical volume data/root under snapshot"))
        with pytest.raises(Permanent) as caught:
            perform(host, Remove(**OF, uuid="uuid-data-root"))
        assert str(caught.value) == (
            "cannot remove data/root: LVM refuses it (Can't remove logical volume data/root under snapshot),"
            " and nothing of it is lost; what hangs on it is shown by lvs -a data"
        )

    def test_it_is_not_made_over_older_data(self, host, group):
        group.stale = True
        with pytest.raises(Permanent, match="older data lies where it would be, and osvc writes over none"):
            perform(host, self.NEW)
        assert "new" not in group.volumes

    def test_it_needs_its_group_and_a_size(self, host):
        with pytest.raises(NotFound):
            perform(host, self.NEW)
        small = Desired(vg="data", name="new", provision=True, tag="deb1")
        assert "no size to make it with" in KIND.objection(small, None, Around()).reason
        assert KIND.objection(self.WANTED, None, Around(group=False)).awaits.around == Around()


class TestWhatChangedSinceThePlan:
    def test_another_of_that_name(self, host, group):
        with pytest.raises(Conflict, match="another volume of that name has come"):
            perform(host, Activate(**OF, uuid="older"))

    def test_one_that_is_gone(self, host, group):
        del group.volumes["root"]
        with pytest.raises(NotFound, match="cannot activate data/root: it is gone"):
            perform(host, Activate(**OF))

    def test_whoever_uses_it_is_named(self, machine, host, group):
        machine.switch(group, "root", active=True)
        machine.tree.make_dir("/mnt", 0o755)
        host.commands.run(["mount", "-t", "ext4", "--", "/dev/data/root", "/mnt"])
        with pytest.raises(Busy, match=r"cannot deactivate data/root: in use: /dev/data/root \(/mnt\)"):
            perform(host, Deactivate(**OF))

    def test_kpartx_fails(self, machine, host, group):
        machine.switch(group, "root", active=True)
        machine.fail_next("kpartx", Permanent("kpartx ended with exit code 1"))
        with pytest.raises(Busy, match="one is in use"):
            perform(host, DropPartitions(**OF))
        machine.tree.remove("/usr/sbin/kpartx")
        with pytest.raises(Permanent, match="apt-get install kpartx"):
            perform(host, DropPartitions(**OF))

    def test_two_groups_of_that_name(self, machine, host, group):
        machine.lvm.add("data")
        with pytest.raises(HostError, match="there are 2 volume groups called data"):
            perform(host, Activate(**OF))


def test_what_lies_on_it_is_in_the_way(machine, host, group):
    group.volumes["root"].holders = ("secret",)
    assert KIND.obstacle(look(host).state) is None
    machine.switch(group, "root", active=True)
    assert KIND.obstacle(look(host).state).reason == "secret lies on /dev/data/root"
    assert isinstance(look(host), Present)
