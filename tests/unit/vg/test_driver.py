"""The driver on the fake machine: what it sees of a group, what it does to it, and what it refuses to do."""

import pytest

from reconciler.core.action import BARRIER
from reconciler.core.ids import ResourceId
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.core.ownership import Owned
from reconciler.host.errors import Busy, Conflict, HostError, NotFound, Permanent
from reconciler.resources.driver import Wanted
from reconciler.resources.vg.actions import Activate, AddTags, Create, Deactivate, DropPartitions, MapPartitions, RemoveTags
from reconciler.resources.vg.driver import DRIVER
from reconciler.resources.vg.model import Around, Desired
from reconciler.resources.vg.planning import KIND

ID = ResourceId("web", "vg#1")
DATA = Desired(name="data", tag="deb1")


@pytest.fixture
def group(machine):
    group = machine.add_group("data", {"root": "ext4", "app-data": ""})
    group.volumes["app-data"].table = 1
    return group


def look(host, desired=DATA, owned=None):
    want = Wanted(ID, desired, owned, "vg")
    assert DRIVER.look(want, host) == DRIVER.observe([want], host)[ID]
    return DRIVER.look(want, host)


def perform(host, action):
    said = []
    DRIVER.perform(ID, action, host, said.append)
    return said


def test_a_group_is_seen_with_its_claims_and_its_volumes(machine, host, group):
    group.tags = {"deb2", "backup"}
    group.volumes["root"].skipped = True
    machine.switch(group, "app-data", active=True)
    group.volumes["app-data"].partitions, group.volumes["app-data"].holders = ("data-app--data1",), ("secret",)
    state = look(host).state
    assert (state.name, state.uuid, state.tag, state.tags) == ("data", group.uuid, "deb1", ("backup", "deb2"))
    assert (state.active, state.lacking, state.foreign, state.mine) == (("app-data",), (), ("backup", "deb2"), False)
    assert (state.volumes[0].partitions, state.volumes[0].holders) == (("data-app--data1",), ("secret",))


def test_what_is_not_there_is_absent_and_what_cannot_be_told_is_unknown(machine, host, group):
    assert isinstance(look(host, Desired(name="other", tag="deb1")), Absent)
    machine.lvm.add("data")
    seen = look(host)
    assert isinstance(seen, Unknown) and seen.reason.startswith("there are 2 volume groups called data (vg-uuid-1, vg-uuid-2)")
    machine.lvm.groups.pop()
    machine.lvm.mapper = False
    assert "the kernel has no device-mapper" in look(host).reason
    machine.tree.remove("/usr/sbin/lvm")
    assert look(host).reason == "LVM is not installed here: apt-get install lvm2"


def test_a_group_that_lvm_could_not_read_is_unknown_and_the_others_are_as_seen(machine, host, group):
    machine.lvm.unread = "Cannot access VG foreign with system ID deb9"
    assert isinstance(look(host), Present)
    seen = look(host, Desired(name="foreign", tag="deb1"))
    assert isinstance(seen, Unknown)
    assert seen.reason == (
        "whether there is a volume group foreign cannot be seen: Cannot access VG foreign with system ID deb9 (vgs says more)"
    )
    for action in (Deactivate(group="foreign"), Create(group="foreign", disks=("/dev/sdx",), tag="deb1")):
        with pytest.raises(Permanent, match="Cannot access VG foreign"):
            perform(host, action)
    perform(host, Activate(group="data"))


def test_one_report_serves_all_groups(machine, host, group):
    machine.add_group("other", {})
    wanted = [
        Wanted(ResourceId("web", f"vg#{n}"), Desired(name=name, tag="deb1"), None)
        for n, name in enumerate(("data", "other", "none"))
    ]
    machine.looks.clear()
    seen = DRIVER.observe(wanted, host)
    assert machine.looks == ["lvm report"] and [type(one) for one in seen.values()] == [Present, Present, Absent]


def test_a_group_that_was_renamed_in_the_spec_is_found_while_it_is_up(machine, host, group):
    other, owned = Desired(name="other", tag="deb1"), Owned("vg", DATA, DATA)
    machine.add_group("other", {})
    assert look(host, other, owned).state.name == "other"
    machine.switch(group, "root", active=True)
    assert look(host, other, owned).state.name == "data"
    group.volumes["root"].active, group.tags = False, {"deb1"}
    assert look(host, other, owned).state.name == "data"


def test_the_group_that_was_taken_last_is_remembered_by_its_uuid(machine, host, group):
    known = DATA.model_copy(update={"uuid": group.uuid})
    seen = look(host, DATA, Owned("vg", known, None))
    assert seen.around.was == group.uuid and KIND.objection(DATA, seen.state, seen.around) is None
    group.uuid = "another"
    seen = look(host, DATA, Owned("vg", known, known))
    assert KIND.objection(DATA, seen.state, seen.around).permission == "force"


ACTIONS = [
    AddTags(group="data", tags=("deb1",)),
    RemoveTags(group="data", tags=("deb2",), taken=True),
    Activate(group="data"),
    Activate(group="data", volumes=("root",)),
    Deactivate(group="data"),
    Deactivate(group="data", volumes=("app-data",)),
    DropPartitions(group="data", volume="app-data"),
    MapPartitions(group="data", volume="app-data", partitions=("data-app--data1",)),
]


@pytest.mark.parametrize("active", [(), ("app-data",), ("app-data", "root")], ids=["down", "half", "up"])
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: " ".join(action.argv()))
def test_an_action_does_what_it_says_twice_is_once_and_its_undo_leads_back(machine, host, group, action, active):
    group.tags = set() if isinstance(action, AddTags) else {"deb2"}
    if isinstance(action, (MapPartitions, DropPartitions)):
        active = ("app-data", "root")
    for name in active:
        machine.switch(group, name, active=True)
    if isinstance(action, DropPartitions):
        group.volumes["app-data"].partitions = ("data-app--data1",)
    before = look(host)
    for _ in range(2):
        perform(host, action)
        assert look(host) == action.after(before) and action.shown(look(host))
    for back in action.undo(before):
        perform(host, back)
        assert back.shown(look(host))
    assert look(host) == before


def test_the_words_are_those_of_the_reference():
    words = [
        AddTags(group="vgdocker", tags=("deb1",)).command(),
        Activate(group="vgdocker").command(),
        DropPartitions(group="vgdocker", volume="lvroot").command(),
        Deactivate(group="vgdocker").command(),
        RemoveTags(group="vgdocker", tags=("deb1",)).command(),
    ]
    assert words == [
        "vgchange --addtag @deb1 vgdocker",
        "vgchange -a y vgdocker",
        "kpartx -d /dev/vgdocker/lvroot",
        "vgchange -a n vgdocker",
        "vgchange --deltag @deb1 vgdocker",
    ]


class TestWhatChangedSinceThePlan:
    def test_a_group_that_another_node_has_claimed_is_not_claimed(self, host, group):
        group.tags = {"deb2"}
        with pytest.raises(Conflict, match="cannot claim data: deb2 has claimed it meanwhile"):
            perform(host, AddTags(group="data", tags=("deb1",)))
        assert group.tags == {"deb2"}

    def test_tags_that_claim_a_group_for_nobody_stay_and_speak_against_nothing(self, host, group):
        group.tags = {"backup", "deb2"}
        want = DATA.model_copy(update={"keep_tags": ("backup",)})
        seen = look(host, want)
        assert seen.state.foreign == ("deb2",)
        with pytest.raises(Conflict, match="cannot claim data: deb2 has claimed it meanwhile"):
            perform(host, AddTags(group="data", tags=("deb1",), beside=seen.state.kept))
        group.tags = {"backup"}
        assert KIND.objection(want, look(host, want).state, Around()) is None
        assert KIND.objection(DATA, look(host).state, Around()).remedy.endswith("write a tag that is no node's into keep_tags")
        perform(host, AddTags(group="data", tags=("deb1",), beside=seen.state.kept))
        assert group.tags == {"backup", "deb1"} and look(host, want).state.foreign == ()

    def test_a_claim_that_was_given_up_comes_back_beside_the_tags_that_were_there(self, host, group):
        group.tags = {"backup", "deb1"}
        before, give_up = look(host), RemoveTags(group="data", tags=("deb1",))
        perform(host, give_up)
        for back in give_up.undo(before):
            perform(host, back)
        assert look(host) == before

    def test_the_claims_of_others_come_back_when_a_take_over_is_undone(self, host, group):
        perform(host, AddTags(group="data", tags=("deb2", "deb3"), claims=False))
        assert group.tags == {"deb2", "deb3"}

    def test_another_group_of_the_name_is_not_touched(self, machine, host, group):
        with pytest.raises(Conflict, match="another group of that name has come"):
            perform(host, Activate(group="data", uuid="older"))
        machine.lvm.add("data")
        with pytest.raises(Conflict):
            perform(host, Activate(group="data", uuid=group.uuid))
        assert machine.effects == 0

    def test_a_group_is_removed_only_when_nothing_is_in_it(self, machine, host, group):
        assert Create(group="data", disks=("/dev/sdb",), tag="deb1").made(look(host)) == group.uuid
        made = Desired(name="data", tag="deb1", provision=True)
        (remove,) = KIND.unmake(made, look(host).state, Around(), group.uuid)
        with pytest.raises(Conflict, match="app-data, root is in it still"):
            perform(host, remove)
        before = look(host)
        group.volumes.clear()
        group.tags.add("deb2")
        with pytest.raises(Conflict, match="cannot remove the volume group data: deb2 has claimed data meanwhile"):
            perform(host, remove)
        group.tags.remove("deb2")
        machine.fail_next("vgremove", Permanent("Volume group data is exported"))
        with pytest.raises(Permanent, match=r"LVM refuses it \(Volume group data is exported\), and nothing of it is lost"):
            perform(host, remove)
        for _ in range(2):
            perform(host, remove)
        assert remove.shown(look(host)) and remove.undo(before) is BARRIER and remove.command() == "vgremove data"

    def test_a_group_that_osvc_did_not_make_or_that_another_node_has_is_not_removed(self, host, group):
        made = Desired(name="data", tag="deb1", provision=True)
        for uuid in ("", "older"):
            found = KIND.unmake(made, look(host).state, Around(), uuid)
            assert (found.reason, found.remedy) == ("osvc did not make data", "vgremove data, if nobody needs what is in it")
        group.tags = {"deb2"}
        assert KIND.unmake(made, look(host).state, Around(), group.uuid).reason == "data is claimed by deb2"
        assert KIND.unmake(DATA, look(host).state, Around(), "") == KIND.unmake(made, None, Around(), "x") == ()

    def test_a_group_whose_disks_went_is_gone(self, host, group):
        group.gone = True
        with pytest.raises(NotFound, match="cannot activate data: the group is gone"):
            perform(host, Activate(group="data"))

    def test_whoever_uses_a_volume_is_named(self, machine, host, group):
        machine.switch(group, "root", active=True)
        machine.tree.make_dir("/mnt", 0o755)
        host.commands.run(["mount", "-t", "ext4", "--", "/dev/data/root", "/mnt"])
        machine.switch(group, "app-data", active=True)
        group.volumes["app-data"].holders = ("secret",)
        with pytest.raises(Busy, match=r"in use: /dev/data/app-data \(secret\); /dev/data/root \(/mnt\)"):
            perform(host, Deactivate(group="data"))

    def test_nothing_is_turned_off_while_a_volume_is_open(self, machine, host, group):
        """LVM turns off what is not open, and fails then."""
        for name in group.volumes:
            machine.switch(group, name, active=True)
        group.volumes["root"].holders = ("secret",)
        effects = machine.effects
        for volumes in ((), ("app-data", "root")):
            with pytest.raises(Busy, match=r"^cannot deactivate data: in use: /dev/data/root \(secret\)$"):
                perform(host, Deactivate(group="data", volumes=volumes))
        assert machine.effects == effects and look(host).state.active == ("app-data", "root"), "LVM was not even asked"
        perform(host, Deactivate(group="data", volumes=("app-data",)))
        assert look(host).state.active == ("root",), "what is open is not in the way of another one"

    def test_an_error_of_another_kind_stays_as_it_is(self, machine, host, group):
        machine.lvm.mapper = False
        machine.switch(group, "root", active=True)
        with pytest.raises(HostError, match="device-mapper"):
            perform(host, Deactivate(group="data"))

    def test_kpartx_may_be_missing(self, machine, host, group):
        machine.tree.remove("/usr/sbin/kpartx")
        with pytest.raises(Permanent, match="apt-get install kpartx"):
            perform(host, DropPartitions(group="data", volume="root"))

    def test_an_activation_of_a_part_says_what_is_missing(self, host, group):
        group.missing = ("a", "b")
        assert perform(host, Activate(group="data")) == ["data lacks 2 of its physical volumes"]
