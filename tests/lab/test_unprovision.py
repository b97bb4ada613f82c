"""Storage that osvc made on a real disk, and destroys again: volume, group and physical volume; and nothing that is not its own."""

import pytest

from tests.lab.machine import Machine
from tests.lab.place import Place

pytestmark = [pytest.mark.real, pytest.mark.lab, pytest.mark.timeout(3600)]

SPEC = """
resources:
  vg#1: {name: shop, pvs: /dev/vdc, provision: true}
  lv#1: {name: data, vg: shop, size: 64m, provision: true}
  fs#1: {dev: /dev/shop/data, mnt: /srv/shop, type: ext4, provision: true}
"""
DENIED = 4


def groups(machine: Machine) -> dict[str, list[str]]:
    """Group -> its volumes, as LVM lists them."""
    found: dict[str, list[str]] = {name: [] for name in machine.run("vgs --noheadings -o vg_name").out.split()}
    for line in machine.run("lvs --noheadings -o vg_name,lv_name").out.splitlines():
        group, volume = line.split()
        found[group].append(volume)
    return found


def made(machine: Machine) -> None:
    """What the spec marks is there, and up."""
    machine.osvc("provision", "web")
    assert groups(machine) == {"shop": ["data"], "theirs": ["kept"]}
    machine.run("mountpoint -q /srv/shop && echo mine >/srv/shop/file && sync")
    machine.converged()


def test_what_osvc_made_on_a_disk_is_destroyed_and_nothing_else(place: Place) -> None:
    own, foreign = place.disk(200), place.disk(200)
    with place.machine("one", disks=[own, foreign], memory=768) as one:
        one.run("pvcreate -q -y /dev/vdd && vgcreate -q theirs /dev/vdd && lvcreate -q -n kept -L 32M theirs")
        one.run("mkfs.ext4 -q /dev/theirs/kept && sync")
        before = one.run("sha256sum </dev/theirs/kept").out
        one.write("/etc/osvc/services.d/web.yaml", SPEC)
        made(one)

        refused = one.osvc("unprovision", "web", ok=(DENIED,))
        assert "lv#1: logical volume shop/data, and all that is on it; web vg#1: volume group shop" in refused.err
        assert one.read("/srv/shop/file") == "mine\n", "without a yes nothing is done"

        one.run("lvcreate -q -y -n stranger -L 8M shop")
        assert "/dev/shop/stranger would go with it" in one.osvc("unprovision", "web", "--yes", ok=(DENIED,)).err
        assert one.read("/srv/shop/file") == "mine\n"
        one.run("lvremove -q -y shop/stranger")

        one.osvc("unprovision", "web", "--yes")
        assert groups(one) == {"theirs": ["kept"]}
        one.run("! mountpoint -q /srv/shop && test ! -e /dev/mapper/shop-data")
        assert one.run("sha256sum </dev/theirs/kept").out == before
        assert "nothing to do" in one.osvc("unprovision", "web").out

        said = one.osvc("provision", "web", ok=range(256))
        assert "/dev/vdc is not bare" in said.out + said.err, "LVM's label outlives its group, and so do the blocks of its volumes"
        one.run("dd if=/dev/zero of=/dev/vdc bs=1M count=100 status=none")
        made(one)
        assert one.run("sha256sum </dev/theirs/kept").out == before


def test_the_power_fails_while_a_volume_is_destroyed(place: Place) -> None:
    own, foreign = place.disk(200), place.disk(200)
    with place.machine("one", disks=[own, foreign], memory=768) as one:
        one.run("pvcreate -q -y /dev/vdd && vgcreate -q theirs /dev/vdd && lvcreate -q -n kept -L 32M theirs && sync")
        one.write("/etc/osvc/services.d/web.yaml", SPEC)
        made(one)
        announced = one.cut_during("python3 -m tests.lab.cut during 'web lv#1 remove 1' unprovision web --yes")
        assert announced == "during web lv#1 remove 1"
        one.boot()
        one.run("vgchange -q -a y theirs")
        one.osvc("unprovision", "web", "--yes")
        assert groups(one) == {"theirs": ["kept"]}
        assert "nothing to do" in one.osvc("unprovision", "web").out
