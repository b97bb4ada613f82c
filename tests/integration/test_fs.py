"""fs on the real machine: tmpfs, bind and ext4 on a loop device, through the driver alone."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from reconciler.core.diff import diff_up
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.core.policy import Policy
from reconciler.host.errors import Busy, Conflict, Permanent
from reconciler.host.linux.host import linux_host
from reconciler.resources.fs.actions import Mount
from reconciler.resources.fs.holders import users
from reconciler.resources.fs.model import Desired
from reconciler.resources.fs.planning import KIND
from tests.unit.fs.bench import Bench, changes

pytestmark = pytest.mark.real


@pytest.fixture
def folder():
    made = tempfile.mkdtemp(prefix="o-", dir="/tmp")
    yield made
    for target in sorted((mount.target for mount in linux_host(Node()).mounts.table() if inside(mount.target, made)), reverse=True):
        subprocess.run(["umount", "--", target], check=False)
    left = [mount.target for mount in linux_host(Node()).mounts.table() if inside(mount.target, made)]
    if not left:
        shutil.rmtree(made)
    assert left == []


def inside(target, folder):
    return target.startswith(folder + "/")


@pytest.fixture
def host():
    return linux_host(Node())


@pytest.fixture
def bench(host):
    return Bench(host)


def image(folder, name="x.img", kind="ext4"):
    path = f"{folder}/{name}"
    with open(path, "wb") as stream:
        stream.truncate(16 << 20)
    if kind:
        subprocess.run([f"mkfs.{kind}", "-q", path], check=True)
    return path


def loops(path):
    return subprocess.run(["losetup", "-j", path], capture_output=True, text=True, check=True).stdout


def gone(path):
    """A loop device lets go of its file a moment after the unmount."""
    for _ in range(100):
        if not loops(path):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("options", "changed", "verdict"),
    [
        ("", "noatime,nodev", "update"),
        ("noexec,noatime,errors=remount-ro", "", "update"),
        ("ro", "rw", "replace"),
        ("rw", "ro", "update"),
        ("commit=30,discard", "", "update"),
        ("strictatime,nosuid", "commit=7,lazytime", "update"),
    ],
)
def test_ext4_on_a_backing_file(folder, bench, options, changed, verdict):
    path = image(folder)
    specs = {"fs#1": Desired(dev=path, mnt=f"{folder}/a/b", type="ext4", mnt_opt=tuple(filter(None, options.split(","))))}
    assert bench.up("fs#1", specs) == "create"
    assert bench.up("fs#1", specs) == "keep"
    assert bench.look(specs)["fs#1"].state.loop
    specs = {"fs#1": specs["fs#1"].model_copy(update={"mnt_opt": tuple(filter(None, changed.split(",")))})}
    assert bench.up("fs#1", specs) == verdict
    assert bench.up("fs#1", specs) == "keep"
    bench.down("fs#1", specs)
    assert isinstance(bench.look(specs)["fs#1"], Absent)
    assert os.path.isdir(f"{folder}/a/b")
    assert gone(path)


@pytest.mark.parametrize(("kind"), ["ext2", "ext3"])
def test_the_older_ext_types(folder, bench, kind):
    specs = {"fs#1": Desired(dev=image(folder, kind=kind), mnt=f"{folder}/m", type=kind)}
    assert [bench.up("fs#1", specs), bench.up("fs#1", specs)] == ["create", "keep"]
    bench.down("fs#1", specs)


def test_a_block_device(folder, bench):
    path = image(folder)
    loop = subprocess.run(["losetup", "-f", "--show", path], capture_output=True, text=True, check=True).stdout.strip()
    try:
        specs = {"fs#1": Desired(dev=loop, mnt=f"{folder}/m", type="ext4")}
        assert [bench.up("fs#1", specs), bench.up("fs#1", specs)] == ["create", "keep"]
        bench.down("fs#1", specs)
    finally:
        subprocess.run(["losetup", "-d", loop], check=True)


def test_tmpfs(folder, bench):
    def spec(options):
        return {"fs#1": Desired(dev="tmpfs", mnt=f"{folder}/t", type="tmpfs", mnt_opt=options)}

    assert bench.up("fs#1", spec(("size=1m", "mode=700", "noexec"))) == "create"
    assert bench.up("fs#1", spec(("size=1m", "mode=700", "noexec"))) == "keep"
    Path(folder, "t", "kept").write_text("x")
    assert bench.up("fs#1", spec(("size=2m", "mode=700"))) == "update"
    assert bench.up("fs#1", spec(("mode=700",))) == "update"
    assert bench.up("fs#1", spec(("mode=700",))) == "keep"
    assert Path(folder, "t", "kept").read_text() == "x"
    assert bench.up("fs#1", spec(("mode=750",))) == "replace"
    assert bench.up("fs#1", spec(("mode=750",))) == "keep"
    bench.down("fs#1", spec(()))


def test_bind_takes_over_and_overrides_options(folder, bench):
    os.mkdir(f"{folder}/src")
    outer = Desired(dev="tmpfs", mnt=f"{folder}/t", type="tmpfs", mnt_opt=("size=1m", "nosuid", "noexec"))
    inner = Desired(dev=f"{folder}/t/data", mnt=f"{folder}/b", type="bind", mnt_opt=("bind", "ro"))
    specs = {"fs#1": outer, "fs#2": inner}
    seen = bench.look(specs)["fs#2"]
    assert isinstance(seen, Unknown) and seen.behind == "fs#1" and isinstance(seen.assume, Absent)
    assert KIND.objection(inner, None, seen.assume.around) is None
    bench.up("fs#1", specs)
    os.mkdir(f"{folder}/t/data")
    assert [bench.up("fs#2", specs), bench.up("fs#2", specs)] == ["create", "keep"]
    assert "noexec" in bench.look(specs)["fs#2"].state.mnt_opt
    specs["fs#2"] = inner.model_copy(update={"mnt_opt": ("bind", "exec", "rw", "nodev")})
    assert [bench.up("fs#2", specs), bench.up("fs#2", specs)] == ["update", "keep"]
    assert "noexec" not in bench.look(specs)["fs#2"].state.mnt_opt
    specs["fs#2"] = inner.model_copy(update={"mnt_opt": ("bind",)})
    assert [bench.up("fs#2", specs), bench.up("fs#2", specs)] == ["update", "keep"]
    subprocess.run(["umount", "-l", outer.mnt], check=True)
    assert isinstance(bench.look(specs)["fs#2"], Present)
    bench.down("fs#2", specs)
    assert bench.up("fs#1", specs) == "create"
    bench.down("fs#1", specs)


def test_nested_mounts_and_a_stray_unmount(folder, bench):
    outer = Desired(dev=image(folder), mnt=f"{folder}/m", type="ext4")
    specs = {"fs#1": outer, "fs#2": Desired(dev="tmpfs", mnt=f"{folder}/m/in", type="tmpfs")}
    assert KIND.sequence(specs["fs#1"]) < KIND.sequence(specs["fs#2"])
    bench.up("fs#1", specs)
    bench.up("fs#2", specs)
    with pytest.raises(Busy, match=r"busy .*/m/in is mounted below it"):
        bench.down("fs#1", specs)
    bench.down("fs#2", specs)
    bench.down("fs#1", specs)
    change = bench.change("fs#2", specs)
    assert [action.op for action in KIND.moves(change).up] == ["mkdir", "mount"]
    assert bench.up("fs#1", specs) == "create"
    assert bench.up("fs#2", specs) == "create"
    bench.down("fs#2", specs)
    bench.down("fs#1", specs)


def test_a_moved_mount_point_and_another_device(folder, bench):
    first, second = image(folder), image(folder, "y.img")
    old = {"fs#1": Desired(dev=first, mnt=f"{folder}/old", type="ext4")}
    bench.up("fs#1", old)
    new = {"fs#1": Desired(dev=first, mnt=f"{folder}/new", type="ext4")}
    assert [bench.up("fs#1", new), bench.up("fs#1", new)] == ["replace", "keep"]
    assert not os.path.ismount(f"{folder}/old")
    other = {"fs#1": Desired(dev=second, mnt=f"{folder}/new", type="ext4")}
    assert [bench.up("fs#1", other), bench.up("fs#1", other)] == ["replace", "keep"]
    bench.down("fs#1", other)


def test_a_foreign_mount_is_never_covered_and_one_on_top_of_ours_never_unmounted(folder, bench):
    specs = {"fs#1": Desired(dev=image(folder), mnt=f"{folder}/m", type="ext4")}
    os.mkdir(f"{folder}/m")
    subprocess.run(["mount", "-t", "tmpfs", "foreign", f"{folder}/m"], check=True)
    change = bench.change("fs#1", specs)
    assert (change.verdict.value, change.reason) == ("refuse", f"tmpfs foreign is mounted on {folder}/m, not by osvc")
    with pytest.raises(Conflict, match="tmpfs foreign is mounted there"):
        bench.do(
            "fs#1", KIND.moves(diff_up(KIND, "fs#1", specs["fs#1"], Absent(KIND.around(source="file")), None, Policy())).up[-1]
        )
    subprocess.run(["umount", f"{folder}/m"], check=True)
    bench.up("fs#1", specs)
    unmount = KIND.moves(bench.falling("fs#1", specs)).down[-1]
    subprocess.run(["mount", "-t", "tmpfs", "foreign", f"{folder}/m"], check=True)
    change = bench.change("fs#1", specs)
    assert (change.verdict.value, change.reason) == ("refuse", f"tmpfs foreign is mounted over {folder}/m")
    assert bench.falling("fs#1", specs).verdict.value == "refuse", "nothing is stopped for what could not be unmounted then"
    with pytest.raises(Conflict, match="tmpfs foreign is mounted over it"):
        bench.do("fs#1", unmount)
    subprocess.run(["umount", f"{folder}/m"], check=True)
    assert bench.up("fs#1", specs) == "keep"
    bench.down("fs#1", specs)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("", "carries no filesystem, and osvc makes none"), ("ext2", "carries ext2, not ext4"), (None, "does not exist")],
)
def test_no_filesystem_is_ever_made(folder, bench, kind, text):
    path = image(folder, kind=kind) if kind is not None else f"{folder}/x.img"
    change = bench.change("fs#1", {"fs#1": Desired(dev=path, mnt=f"{folder}/m", type="ext4")})
    assert change.verdict.value == "refuse"
    assert text in change.reason


def test_a_device_that_is_mounted_elsewhere_is_refused(folder, bench):
    path = image(folder)
    os.mkdir(f"{folder}/e")
    subprocess.run(["mount", "-o", "loop", path, f"{folder}/e"], check=True)
    specs = {"fs#1": Desired(dev=path, mnt=f"{folder}/m", type="ext4")}
    assert bench.change("fs#1", specs).reason == f"{path} is mounted on {folder}/e already"
    subprocess.run(["umount", f"{folder}/e"], check=True)


def test_a_busy_mount_names_who_holds_it(folder, bench):
    specs = {"fs#1": Desired(dev=image(folder), mnt=f"{folder}/m", type="ext4")}
    bench.up("fs#1", specs)
    program = "import sys; f = open(sys.argv[1], 'w'); print('open', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", program, f"{folder}/m/file"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(Busy, match=rf"cannot unmount {folder}/m: busy \(pid {holder.pid} python"):
            bench.down("fs#1", specs)
    finally:
        holder.communicate("")
    bench.down("fs#1", specs)


def test_a_check_leaves_alone_what_another_namespace_has_mounted(folder, bench):
    path = image(folder)
    os.mkdir(f"{folder}/m")
    script = 'mount -o loop "$1" "$2" && echo up && read -r line; umount "$2"'
    other = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script, "sh", path, f"{folder}/m"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == "up\n"
        assert any("mounted on" in user for user in users(path, bench.host))
        bench.do("fs#1", Mount(dev=path, mnt=f"{folder}/m", type="ext4", loop=True))
        assert "left unchecked" in bench.said[-1]
        subprocess.run(["umount", f"{folder}/m"], check=True)
    finally:
        other.communicate("\n")
    assert gone(path)
    bench.said.clear()
    bench.do("fs#1", Mount(dev=path, mnt=f"{folder}/m", type="ext4", loop=True))
    assert bench.said == []


def test_a_filesystem_with_errors_needs_a_person(folder, bench):
    path = image(folder)
    os.mkdir(f"{folder}/m")
    subprocess.run(["debugfs", "-w", "-R", "set_inode_field <2> links_count 9", path], check=True, capture_output=True)
    subprocess.run(["debugfs", "-w", "-R", "set_inode_field <2> mode 0100644", path], check=True, capture_output=True)
    subprocess.run(["debugfs", "-w", "-R", "set_super_value state 2", path], check=True, capture_output=True)
    with pytest.raises(Permanent, match=f"{path} has errors that need a person"):
        bench.do("fs#1", Mount(dev=path, mnt=f"{folder}/m", type="ext4", loop=True))


def test_undo_leaves_the_machine_as_it_was(folder, bench):
    specs = {"fs#1": Desired(dev=image(folder), mnt=f"{folder}/a/b", type="ext4")}
    start = bench.look(specs)["fs#1"]
    done = []
    for action in KIND.moves(bench.change("fs#1", specs)).up:
        before = bench.look(specs)["fs#1"]
        bench.do("fs#1", action)
        done.append((action, before))
    for action, before in reversed(done):
        for back in action.undo(before):
            bench.do("fs#1", back)
    assert bench.look(specs)["fs#1"] == start
    assert not os.path.exists(f"{folder}/a")


def test_mounts_of_others_are_adopted_only_as_they_are(folder, bench):
    os.mkdir(f"{folder}/m")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", f"{folder}/m"], check=True)
    same = {"fs#1": Desired(dev="tmpfs", mnt=f"{folder}/m", type="tmpfs", mnt_opt=("size=4m",))}
    assert bench.change("fs#1", same).verdict.value == "adopt"
    other = {"fs#1": Desired(dev="tmpfs", mnt=f"{folder}/m", type="tmpfs", mnt_opt=("size=8m",))}
    assert bench.change("fs#1", other).verdict.value == "refuse"


@pytest.mark.parametrize("seed", range(12))
def test_whatever_options_follow_each_other_a_second_look_finds_nothing(folder, bench, seed):
    os.mkdir(f"{folder}/src")
    image(folder)
    for specs in changes(folder, seed):
        assert bench.up("fs#1", specs) in {"create", "update", "replace", "keep"}
        assert bench.up("fs#1", specs) == "keep", specs
    bench.down("fs#1", specs)
