"""provision and unprovision, over the disks of a fake machine: what is made, and what of it is destroyed again."""

import pytest

from reconciler.host.errors import Transient
from tests.fakehost import FakeHost

STACK = """\
resources:
  vg#1: {name: shop, pvs: /dev/sdb, provision: true}
  lv#1: {name: data, vg: shop, size: 8m, provision: true}
  fs#1: {dev: /dev/shop/data, mnt: /mnt/shop, type: ext4, provision: true}
  fs#2: {type: tmpfs, dev: tmpfs, mnt: /mnt/shop/cache}
  ip#1: {name: 192.0.2.53, dev: eth0, netmask: 24}
"""


@pytest.fixture
def bare(desk):
    """A disk with nothing on it."""
    desk.machine.add_disk("/dev/sdb")
    desk.place.spec("web.yaml", STACK)
    return desk


def groups(desk):
    return {group.name: [volume.name for volume in group.volumes] for group in FakeHost(desk.machine).lvm.groups()}


def test_provision_makes_storage_and_brings_it_up_and_nothing_else(bare):
    ended = bare.osvc("provision", "web")
    assert ended.code == 0, ended.err
    assert groups(bare) == {"shop": ["data"]} and set(bare.mounts()) == {"shop", "shop/cache"}
    assert bare.runs()[0]["verb"] == "provision"
    assert "ip#1" in bare.osvc("plan").out, "an address is no storage"
    assert bare.osvc("provision", "web").out == "web: nothing to do\n"


def test_unprovision_destroys_what_osvc_made_after_a_yes(bare):
    assert bare.osvc("provision", "web").code == 0
    ended = bare.osvc("unprovision", "web")
    assert ended.code == 4 and groups(bare) == {"shop": ["data"]} and len(bare.mounts()) == 2
    assert (
        "refused: the plan destroys web lv#1: logical volume shop/data, and all that is on it; web vg#1: volume group shop"
        in ended.err
    )
    assert bare.osvc("unprovision", "web", "--dry-run").code == 2
    ended = bare.osvc("unprovision", "web", "--yes")
    assert ended.code == 0, ended.err
    assert groups(bare) == {} and bare.mounts() == {} and "note:" not in ended.out
    assert bare.osvc("unprovision", "web").out == "web: nothing to do\n"


def test_what_osvc_did_not_make_is_refused_by_name_and_nothing_is_done(bare):
    host = FakeHost(bare.machine)
    host.commands.run(["vgcreate", "shop", "/dev/sdb"])
    assert bare.osvc("provision", "web").code == 0
    ended = bare.osvc("unprovision", "web", "--yes")
    assert ended.code == 4 and groups(bare) == {"shop": ["data"]} and len(bare.mounts()) == 2
    assert "cannot unprovision web: vg#1: osvc did not make shop → vgremove shop, if nobody needs what is in it" in ended.err
    assert bare.osvc("unprovision", "web", "--rid", "lv#1", "--yes").code == 0
    assert groups(bare) == {"shop": []} and bare.mounts() == {}


def test_another_volume_of_the_name_is_not_what_osvc_made(bare):
    assert bare.osvc("provision", "web").code == 0
    bare.machine.lvm.groups[0].volumes["data"].uuid = "another"
    ended = bare.osvc("unprovision", "web", "--rid", "lv#1", "--yes")
    assert ended.code == 4 and "lv#1: osvc did not make shop/data" in ended.err and groups(bare) == {"shop": ["data"]}


@pytest.mark.parametrize(("k", "rid", "what"), [(1, "vg#1", "shop"), (3, "lv#1", "shop/data")])
def test_what_an_attempt_made_and_nobody_can_tell_whose_it_is_is_used_and_never_destroyed(bare, k, rid, what):
    bare.machine.fail_at(k, "after", Transient("timed out"))
    ended = bare.osvc("provision", "web", "--yes")
    assert ended.code == 8 and "it is there already, and who made it is not known" in ended.err
    assert bare.osvc("provision", "web", "--yes").code == 0 and len(bare.mounts()) == 2
    ended = bare.osvc("unprovision", "web", "--rid", rid, "--yes")
    assert ended.code == 4 and f"{rid}: osvc did not make {what}" in ended.err and groups(bare) == {"shop": ["data"]}


def test_a_group_that_another_node_claims_while_a_yes_is_waited_for_is_not_destroyed(bare):
    assert bare.osvc("provision", "web").code == 0
    bare.machine.at(bare.machine.effects + 3, "after", lambda: bare.machine.lvm.groups[0].tags.add("deb2"))
    ended = bare.osvc("unprovision", "web", "--rid", "lv#1", "--yes")
    assert ended.code == 8 and "deb2 has claimed shop meanwhile" in ended.err and groups(bare) == {"shop": ["data"]}


def test_a_volume_of_somebody_else_keeps_its_group(bare):
    assert bare.osvc("provision", "web").code == 0
    FakeHost(bare.machine).commands.run(["lvcreate", "-n", "theirs", "-L", "1024k", "-W", "y", "shop"])
    ended = bare.osvc("unprovision", "web", "--yes")
    assert ended.code == 4 and "vg#1: /dev/shop/theirs would go with it → lvremove /dev/shop/theirs" in ended.err
    assert groups(bare) == {"shop": ["data", "theirs"]} and len(bare.mounts()) == 2, "nothing is done at all"
    assert bare.osvc("unprovision", "web", "--rid", "vg#1", "--yes").code == 4
    assert bare.osvc("unprovision", "web", "--rid", "lv#1", "--yes").code == 0 and groups(bare) == {"shop": ["theirs"]}


def test_what_cannot_be_brought_down_keeps_the_rest(bare):
    bare.place.spec("web.yaml", STACK + "  lv#2: {name: logs, vg: shop, size: 4m, provision: true}\n")
    assert bare.osvc("provision", "web").code == 0
    assert bare.osvc("disable", "web", "--rid", "fs#1").code == 0
    ended = bare.osvc("unprovision", "web", "--yes")
    assert ended.code == 4 and "cannot unprovision web" in ended.err and groups(bare) == {"shop": ["data", "logs"]}


def test_what_the_spec_names_no_more_is_not_destroyed(bare):
    assert bare.osvc("provision", "web").code == 0
    bare.place.spec("web.yaml", "resources:\n  ip#1: {name: 192.0.2.53, dev: eth0, netmask: 24}\n")
    assert bare.osvc("unprovision", "web", "--yes").code == 0 and groups(bare) == {"shop": ["data"]}


def test_a_filesystem_on_a_device_that_stays_is_named(bare):
    bare.machine.add_disk("/dev/sdc")
    bare.place.spec("web.yaml", "resources:\n  fs#1: {dev: /dev/sdc, mnt: /mnt/c, type: ext4, provision: true}\n")
    assert bare.osvc("provision", "web").code == 0
    ended = bare.osvc("unprovision", "web", "--yes")
    assert ended.code == 0 and "note: web: fs#1: what is on /dev/sdc stays → wipefs -a /dev/sdc" in ended.out
