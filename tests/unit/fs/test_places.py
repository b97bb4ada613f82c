"""Filesystems of one service that take each other's places, on the fake machine."""

import pytest

from reconciler.core.outcome import End
from reconciler.core.policy import Policy, Selection
from tests.unit.engine.node import Node


class Mounts:
    """A service of tmpfs. places: rid -> dev and mount point."""

    def __init__(self, folder):
        self.node = Node(folder)

    def apply(self, *rids, **places):
        lines = [f"  {rid.replace('_', '#')}: {{dev: {dev}, mnt: /mnt/{mnt}, type: tmpfs}}" for rid, (dev, mnt) in places.items()]
        self.node.write("web", "\n".join(["resources:", *lines, ""]))
        return self.node.apply("web", selection=Selection(rids), policy=Policy())[0]

    @property
    def mounted(self):
        table = self.node.session().host.mounts.table()
        return {mount.target.removeprefix("/mnt/"): mount.source for mount in table if mount.target.startswith("/mnt/")}


@pytest.fixture
def mounts(tmp_path):
    return Mounts(tmp_path)


@pytest.mark.parametrize("devs", [("tmpfs", "tmpfs"), ("one", "two")])
def test_a_place_that_another_leaves_is_taken_with_all_that_lies_in_it(mounts, devs):
    one, two = devs
    assert mounts.apply(fs_1=(one, "a"), fs_2=(two, "b"), fs_3=("tmpfs", "b/sub")).end is End.CONVERGED
    after = {"fs_1": (one, "b"), "fs_2": (two, "c"), "fs_3": ("tmpfs", "b/sub")}
    assert mounts.apply(**after).end is End.CONVERGED
    assert mounts.mounted == {"b": one, "b/sub": "tmpfs", "c": two}
    assert not mounts.apply(**after).outcomes


def test_a_row_of_them_moves_up_by_one(mounts):
    assert mounts.apply(**{f"fs_{n}": ("tmpfs", "abcd"[n - 1]) for n in (1, 2, 3)}).end is End.CONVERGED
    after = {f"fs_{n}": ("tmpfs", "abcd"[n]) for n in (1, 2, 3)}
    assert mounts.apply(**after).end is End.CONVERGED
    assert sorted(mounts.mounted) == ["b", "c", "d"] and not mounts.apply(**after).outcomes


def test_two_change_places_unless_nothing_tells_them_apart(mounts):
    assert mounts.apply(fs_1=("one", "a"), fs_2=("two", "b")).end is End.CONVERGED
    assert mounts.apply(fs_1=("one", "b"), fs_2=("two", "a")).end is End.CONVERGED
    assert mounts.mounted == {"a": "two", "b": "one"}
    assert mounts.apply(fs_1=("tmpfs", "b"), fs_2=("tmpfs", "a")).end is End.CONVERGED
    result = mounts.apply(fs_1=("tmpfs", "a"), fs_2=("tmpfs", "b"))
    assert (result.end, result.message) == (End.REFUSED, "fs#1: fs#2, which is alike, is mounted on /mnt/a")


def test_who_stays_is_named_and_nobody_is_told_to_unmount_it(mounts):
    assert mounts.apply(fs_1=("one", "a"), fs_2=("two", "b")).end is End.CONVERGED
    result = mounts.apply("fs#1", fs_1=("one", "b"), fs_2=("two", "c"))
    assert (result.end, result.message) == (End.REFUSED, "fs#1: fs#2 is mounted on /mnt/b")
    assert result.remedy == "let fs#2 leave it, or correct mnt" and mounts.mounted == {"a": "one", "b": "two"}
