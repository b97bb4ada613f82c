"""The mount table, asked as the kernel would walk it."""

from reconciler.host.ports import Mount
from reconciler.resources.fs.table import Table, inside, name


def entry(id, parent, target, device="0:1", fstype="ext4", source="/dev/sda"):
    return Mount(id, parent, device, "/", target, ("rw", "relatime"), fstype, source)


ROOT = entry(1, 0, "/")


def test_the_deepest_mount_by_components_holds_a_path():
    table = Table([ROOT, entry(2, 1, "/opt/a"), entry(3, 2, "/opt/a/b")])
    assert table.holding("/opt/ab/x").id == 1
    assert table.holding("/opt/a/x").id == 2
    assert table.holding("/opt/a/b").id == 3
    assert table.at("/opt/a").id == 2
    assert table.at("/opt") is None


def test_of_two_on_one_target_the_upper_one_is_seen():
    table = Table([ROOT, entry(2, 1, "/opt/a"), entry(3, 2, "/opt/a")])
    assert table.at("/opt/a").id == 3


def test_a_mount_below_a_later_one_is_out_of_sight():
    table = Table([ROOT, entry(2, 1, "/opt/a/b"), entry(3, 1, "/opt/a")])
    assert table.at("/opt/a/b") is None
    assert table.holding("/opt/a/b").id == 3


def test_names_and_points():
    assert name(entry(1, 0, "/", fstype="tmpfs", source="tmpfs")) == "tmpfs tmpfs"
    assert inside(["/a", "/a/b", "/ab"], "/a/b/c") == "/a/b"
    assert inside(["/a", "/a/b"], "/a/b") == "/a"
    assert inside(["/ab"], "/a/b") == ""
