"""fs: defaults, objections, needs, claims, and the actions of each verdict."""

import pytest

from reconciler.core.change import Change, Verdict
from reconciler.core.diff import diff_down
from reconciler.core.facts import Fact, Kind
from reconciler.core.observed import Absent, Present
from reconciler.core.ownership import Owned
from reconciler.core.rules import compared_of
from reconciler.resources.fs.actions import Unmount
from reconciler.resources.fs.model import Around, Desired, State
from reconciler.resources.fs.planning import KIND

LOOP = Desired(dev="/srv/x.img", mnt="/srv/x", type="ext4", mnt_opt=("rw", "noatime"))
BIND = Desired(dev="/srv/x/data", mnt="/srv/y", type="bind", mnt_opt=("bind",))
TMPFS = Desired(dev="tmpfs", mnt="/srv/t", type="tmpfs", mnt_opt=("size=1m", "mode=700"))
FILE = Around(source="file", signature="ext4", point="dir")


def moves(verdict, desired, seen):
    want, have = KIND.settle(desired, seen.state if isinstance(seen, Present) else None, seen.around)
    settled = Present(have, seen.around) if have else seen
    found = KIND.moves(Change("fs#1", "fs", verdict, "", want, seen, settled))
    return {slot: [action.op for action in getattr(found, slot)] for slot in ("prepare", "down", "live", "up", "commit")}, found


def differing(desired, state, around=FILE):
    want, have = KIND.settle(desired, state, around)
    return [name for name, rule in compared_of(Desired) if not rule.compare(getattr(want, name), getattr(have, name))]


@pytest.mark.parametrize(
    ("desired", "around"),
    [
        (LOOP, FILE),
        (BIND, Around(source="dir", point="dir", inherited=("nosuid",))),
        (BIND.model_copy(update={"mnt_opt": ("bind", "suid", "rw")}), Around(source="dir", point="", inherited=("nosuid", "ro"))),
        (TMPFS, Around(point="")),
    ],
)
def test_a_fresh_mount_differs_in_nothing(desired, around):
    _, plan = moves(Verdict.CREATE, desired, Absent(around))
    seen = Absent(around)
    for action in plan.up:
        seen = action.after(seen)
    assert KIND.is_up(seen.state)
    assert differing(desired, seen.state, seen.around) == []
    want, have = KIND.settle(desired, seen.state, seen.around)
    assert KIND.settle(want, have, seen.around) == (want, have)
    assert KIND.objection(want, have, seen.around) is None


def test_create_makes_the_mount_point_checks_and_mounts():
    assert moves(Verdict.CREATE, LOOP, Absent(Around(source="file", signature="ext4")))[0]["up"] == ["mkdir", "mount"]
    assert moves(Verdict.CREATE, LOOP, Absent(FILE))[0]["up"] == ["mount"]
    assert moves(Verdict.CREATE, TMPFS, Absent(Around(point="dir")))[0]["up"] == ["mount"]
    found = moves(Verdict.CREATE, LOOP, Absent(FILE))[1].up[-1]
    assert found.command() == "e2fsck -p -- /srv/x.img && mount -t ext4 -o loop,noatime -- /srv/x.img /srv/x"
    block = moves(Verdict.CREATE, LOOP, Absent(Around(source="block", point="dir")))[1].up[-1]
    assert block.command() == "e2fsck -p -- /srv/x.img && mount -t ext4 -o noatime -- /srv/x.img /srv/x"


def test_options_are_changed_by_a_remount():
    state = State(dev="/srv/x.img", mnt="/srv/x", type="ext4", mnt_opt=("nodev", "errors=remount-ro"), loop=True)
    assert differing(LOOP, state) == ["mnt_opt"]
    ops, found = moves(Verdict.LIVE, LOOP, Present(state, FILE))
    assert ops == {"prepare": [], "down": [], "live": ["remount"], "up": [], "commit": []}
    assert found.live[0].command() == "mount -o remount,rw,noatime,dev -- /srv/x"
    assert differing(LOOP, found.live[0].after(Present(state, FILE)).state) == []


def test_an_option_that_no_remount_changes_means_mounting_again():
    state = State(dev="tmpfs", mnt="/srv/t", type="tmpfs", mnt_opt=("size=1024k",), mount_only=("mode=755",))
    assert differing(TMPFS, state) == ["mount_only"]


def test_a_moved_mount_point_is_unmounted_there_and_mounted_here():
    state = State(dev="/srv/x.img", mnt="/srv/old", type="ext4", mnt_opt=("noatime",), loop=True)
    assert differing(LOOP, state) == ["mnt"]
    ops, found = moves(Verdict.REPLACE, LOOP, Present(state, Around(source="file", signature="ext4")))
    assert (ops["down"], ops["up"]) == (["unmount"], ["mkdir", "mount"])
    assert found.down[0].command() == "umount -- /srv/old"


@pytest.mark.parametrize("verdict", [Verdict.STOP, Verdict.REMOVE])
def test_going_down_is_one_unmount(verdict):
    state = State(dev="/srv/x.img", mnt="/srv/x", type="ext4", loop=True)
    ops, _ = moves(verdict, LOOP, Present(state, FILE))
    assert ops == {"prepare": [], "down": ["unmount"], "live": [], "up": [], "commit": []}
    assert moves(verdict, LOOP, Absent(FILE))[0]["down"] == []


def test_a_bounce_makes_the_mount_point_again_for_it_may_lie_in_what_was_replaced():
    state = State(dev="tmpfs", mnt="/srv/t", type="tmpfs", mnt_opt=("size=1024k",), mount_only=("mode=700",))
    ops, found = moves(Verdict.RESTART, TMPFS, Present(state, Around(point="dir")))
    assert (ops["down"], ops["up"]) == (["unmount"], ["mkdir", "mount"])
    assert found.up[-1].command() == "mount -t tmpfs -o size=1024k,mode=700 -- tmpfs /srv/t"


@pytest.mark.parametrize(
    ("desired", "around", "text"),
    [
        (LOOP, Around(point="dir"), "/srv/x.img does not exist"),
        (LOOP, Around(source="dir", point="dir"), "neither a block device nor a file"),
        (LOOP, FILE.model_copy(update={"signature": ""}), "carries no filesystem, and is not bare"),
        (LOOP, FILE.model_copy(update={"signature": "xfs"}), "carries xfs, not ext4"),
        (LOOP, FILE.model_copy(update={"elsewhere": ("/mnt",)}), "is mounted on /mnt already"),
        (LOOP, FILE.model_copy(update={"occupied": "xfs /dev/sdb"}), "xfs /dev/sdb is mounted on /srv/x, not by osvc"),
        (TMPFS, Around(point="file"), "is not a folder"),
        (BIND, Around(source="", point="dir"), "/srv/x/data does not exist"),
        (BIND, Around(source="file", point="dir"), "is a file, and /srv/y is none"),
    ],
)
def test_what_is_in_the_way_is_said_with_a_remedy(desired, around, text):
    objection = KIND.objection(desired, None, around)
    assert text in objection.reason
    assert objection.remedy and not objection.permission


def test_a_mount_that_is_hidden_is_not_up():
    state = State(dev="/srv/x.img", mnt="/srv/x", type="ext4", hidden="tmpfs tmpfs")
    assert not KIND.is_up(state)
    assert "tmpfs tmpfs is mounted over /srv/x" in KIND.objection(LOOP, state, FILE).reason
    assert KIND.evidence(LOOP, state, FILE) == "hidden by tmpfs tmpfs"


@pytest.mark.parametrize("remove", [False, True], ids=["stop", "remove"])
def test_a_mount_that_is_hidden_is_not_taken_down_for_what_lies_over_it_would_go_in_its_stead(remove):
    state = State(dev="/srv/x.img", mnt="/srv/x", type="ext4", hidden="tmpfs tmpfs")
    change = diff_down(KIND, "fs#1", LOOP, Present(state, FILE), Owned("fs", LOOP, LOOP), remove=remove)
    assert (change.verdict, change.reason) == (Verdict.REFUSE, "tmpfs tmpfs is mounted over /srv/x")
    assert change.remedy == "umount /srv/x, if nobody needs it"


def test_facts_and_claims():
    file = [Fact(Kind.PATH, "/srv/x.img"), Fact(Kind.DEVICE, "/srv/x.img")]
    assert [need.fact for need in KIND.needs(LOOP)] == [Fact(Kind.PATH, "/srv"), *file]
    block = LOOP.model_copy(update={"dev": "/dev/sdb"})
    assert [need.fact for need in KIND.needs(block)] == [Fact(Kind.PATH, "/srv"), Fact(Kind.DEVICE, "/dev/sdb")]
    assert [need.fact for need in KIND.needs(TMPFS)] == [Fact(Kind.PATH, "/srv")]
    assert KIND.provides(LOOP) == [Fact(Kind.MOUNT, "/srv/x")]
    assert [(claim.kind, claim.key) for claim in KIND.claims(LOOP)] == [("mount point", "/srv/x"), ("device", "/srv/x.img")]
    assert [claim.key for claim in KIND.claims(BIND)] == ["/srv/y"]
    assert KIND.sequence(LOOP) < KIND.sequence(LOOP.model_copy(update={"mnt": "/srv/x/a"})) < KIND.sequence(BIND)


def test_its_label_and_evidence():
    assert KIND.label(LOOP, None) == "ext4 /srv/x.img@/srv/x"
    assert KIND.evidence(LOOP, None, FILE) == "/srv/x is not mounted"
    assert not KIND.implied({}, ["fs"]) and not KIND.ours(State(dev="a", mnt="/b", type="ext4"))


def test_unmounting_a_tmpfs_loses_what_is_in_it():
    lost = Unmount(dev="tmpfs", mnt="/m", type="tmpfs")
    kept = Unmount(dev="/dev/loop0", mnt="/m", type="ext4")
    assert (lost.loses, kept.loses) == ("tmpfs: its content is lost", "")
    assert lost.says().endswith("(tmpfs: its content is lost)")
