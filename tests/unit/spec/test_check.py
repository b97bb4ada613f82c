"""What several services together must keep: one device is used once, however it is spelt."""

import os

import pytest

from reconciler.core.node import Node
from reconciler.spec.check import claims_taken_twice
from reconciler.spec.files import device_of
from reconciler.spec.load import load_text

FS = "fs#{0}: {{dev: {1}, mnt: /srv/{0}, type: ext4}}"
BTRFS = "fs#{0}: {{dev: {1}, mnt: /srv/{0}, type: btrfs, mnt_opt: subvol={2}}}"
RAW = "disk#{0}: {{type: raw, devs: {1}}}"
VG = "vg#{0}: {{name: data{0}, pvs: {1}}}"
LOOP = "loop#{0}: {{file: {1}}}"


def load(*services):
    """What is wrong with services that have these resources."""
    text = "---\n".join(f"name: web{n}\nresources:\n" + "".join(f"  {one}\n" for one in each) for n, each in enumerate(services))
    return load_text(text, "yaml", "web", "web.yaml", Node("deb1"))


def conflicts(*services):
    return [error.message for error in load(*services).errors]


USES = [FS.format(7, "/dev/sdb"), RAW.format(8, "/dev/sdb"), VG.format(9, "/dev/sdb")]


@pytest.mark.parametrize("one", USES)
@pytest.mark.parametrize("two", USES)
def test_a_device_is_used_by_one_service(one, two):
    (message,) = conflicts([one.replace("7", "1").replace("8", "2").replace("9", "3")], [two])
    assert message.startswith("web1 ") and " and web0 " in message and "/dev/sdb" in message and "both claim" in message


def test_in_one_service_by_one_resource_beside_the_raw_device_that_it_looks_after():
    assert conflicts([RAW.format(1, "/dev/sdb"), FS.format(2, "/dev/sdb")]) == []
    assert conflicts([VG.format(2, "/dev/sdb"), RAW.format(1, "/dev/sdb")]) == []
    assert conflicts([RAW.format(1, "/dev/sdb"), FS.format(2, "/dev/sdb"), VG.format(3, "/dev/sdb")]) == [
        "web0 vg#3 and fs#2 (web.yaml:4) both claim device /dev/sdb; change one of them"
    ]
    assert len(conflicts([RAW.format(1, "/dev/sdb"), RAW.format(2, "/dev/sdb")])) == 1


def test_a_backing_file_is_handed_on_by_its_loop_device():
    assert conflicts([LOOP.format(1, "/img"), FS.format(2, "/img")], [LOOP.format(1, "/other"), VG.format(2, "/other")]) == []
    assert len(conflicts([FS.format(2, "/img")], [VG.format(1, "/img")])) == 1


def test_subvolumes_are_parts_of_one_device_and_meet_only_themselves_and_the_whole():
    one, two = BTRFS.format(1, "/dev/sdb", "a"), BTRFS.format(3, "/dev/mapper/x-y", "a")
    assert conflicts([one], [BTRFS.format(2, "/dev/sdb", "b"), two]) == []
    assert len(conflicts([one], [BTRFS.format(2, "/dev/sdb", "a")])) == 1
    assert len(conflicts([one], [RAW.format(2, "/dev/sdb")])) == 1
    assert len(conflicts([two], [BTRFS.format(4, "/dev/x/y", "a")])) == 1, "one volume under both its names"


def test_one_device_under_several_links():
    loaded = load([FS.format(1, "/dev/disk/by-id/x")], [FS.format(2, "UUID=1")], [RAW.format(3, "/dev/sdb")], [FS.format(4, "/x")])
    assert loaded.errors == ()
    resources = [(service.name, one) for service in loaded.services for one in service.resources.values()]
    means = {"/dev/disk/by-id/x": "/dev/sdb", "UUID=1": "/dev/sdb"}
    assert [str(conflict.error) for conflict in claims_taken_twice(resources, lambda path: means.get(path, path))] == [
        "web.yaml:7:10: web1 fs#2 and web0 fs#1 (web.yaml:3) both claim device UUID=1, device /dev/disk/by-id/x;"
        " change one of them",
        "web.yaml:11:3: web2 disk#3 and web0 fs#1 (web.yaml:3) both claim raw device /dev/sdb, device /dev/disk/by-id/x;"
        " change one of them",
    ]


def test_links_below_dev_are_followed_and_nothing_else_is():
    assert device_of("/dev/fd") == os.path.realpath("/dev/fd") != "/dev/fd"
    for path in ("/srv/image", "/dev/osvc-none", "UUID=none-of-this-machine", "X=/dev/fd", "a"):
        assert device_of(path) == path
