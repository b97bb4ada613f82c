"""fs on the real machine: tmpfs, bind and ext4 on a loop device, through the driver alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reconciler.core.diff import diff_up
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.core.policy import Policy
from reconciler.host.errors import Busy, Conflict, HostError, Permanent, Transient
from reconciler.host.linux.host import linux_host
from reconciler.resources.fs.actions import Mount
from reconciler.resources.fs.holders import mounters
from reconciler.resources.fs.making_actions import MakeFilesystem
from reconciler.resources.fs.model import ON_DISK, Desired
from reconciler.resources.fs.planning import KIND
from tests.integration.fslab import SIZES, gone, image, loop_device, mute_filesystem, process, workplace
from tests.unit.fs.bench import HERE, Bench, changes

pytestmark = pytest.mark.real


@pytest.fixture
def folder():
    with workplace() as made:
        yield made


@pytest.fixture
def host():
    return linux_host(Node())


@pytest.fixture
def bench(host):
    return Bench(host)


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


@pytest.mark.parametrize("kind", ["ext2", "ext3", "xfs", "btrfs"])
def test_each_type(folder, bench, kind):
    specs = {"fs#1": Desired(dev=image(folder, kind=kind), mnt=f"{folder}/m", type=kind)}
    assert [bench.up("fs#1", specs), bench.up("fs#1", specs)] == ["create", "keep"]
    bench.down("fs#1", specs)


def test_a_block_device(folder, bench):
    path = image(folder)
    with loop_device(path) as loop:
        specs = {"fs#1": Desired(dev=loop, mnt=f"{folder}/m", type="ext4")}
        assert [bench.up("fs#1", specs), bench.up("fs#1", specs)] == ["create", "keep"]
        bench.down("fs#1", specs)


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
    [("", "carries no filesystem"), ("ext2", "carries ext2, not ext4"), (None, "does not exist")],
)
def test_no_filesystem_is_made_unasked(folder, bench, kind, text):
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
        assert any("mounted on" in user for user in mounters(path, bench.host))
        bench.do("fs#1", Mount(dev=path, mnt=f"{folder}/m", type="ext4", loop=True))
        assert "left unchecked" in bench.said[-1]
        subprocess.run(["umount", f"{folder}/m"], check=True)
    finally:
        other.communicate("\n")
    assert gone(path)
    bench.said.clear()
    bench.do("fs#1", Mount(dev=path, mnt=f"{folder}/m", type="ext4", loop=True))
    assert bench.said == []


def test_a_check_leaves_alone_what_is_mounted_under_another_name(folder, bench):
    """In another namespace, from a path that leads nowhere in this one."""
    os.mkdir(f"{folder}/a")
    path = image(f"{folder}/a")
    for name in ("b", "m"):
        os.mkdir(f"{folder}/{name}")
    script = 'mount --bind "$1/a" "$1/b" && mount -o loop "$1/b/x.img" "$1/m" && echo up && read -r line; umount "$1/m"'
    other = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script, "sh", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "up\n"
        bench.do("fs#1", Mount(dev=path, mnt=f"{folder}/m", type="ext4", loop=True))
        assert "left unchecked: in use by" in bench.said[-1]
        subprocess.run(["umount", f"{folder}/m"], check=True)
    finally:
        other.communicate("\n")
    assert gone(path)


def test_a_device_that_is_write_protected_is_mounted_unchecked(folder, bench):
    path = image(folder)
    loop = subprocess.run(["losetup", "-r", "-f", "--show", path], capture_output=True, text=True, check=True).stdout.strip()
    try:
        specs = {"fs#1": Desired(dev=loop, mnt=f"{folder}/m", type="ext4", mnt_opt=("ro",))}
        assert [bench.up("fs#1", specs), bench.up("fs#1", specs)] == ["create", "keep"]
        assert bench.said[0].endswith("write-protected, and nothing could be mended")
        bench.down("fs#1", specs)
    finally:
        subprocess.run(["losetup", "-d", loop], check=True)


def test_a_backing_file_that_was_exchanged_under_its_mount(folder, bench):
    path = image(folder)
    specs = {"fs#1": Desired(dev=path, mnt=f"{folder}/m", type="ext4")}
    bench.up("fs#1", specs)
    os.rename(image(folder, "new.img"), path)
    assert bench.change("fs#1", specs).reason.startswith(f"{path} is gone from under it")
    bench.down("fs#1", specs)
    assert [bench.up("fs#1", specs), bench.up("fs#1", specs)] == ["create", "keep"]
    bench.down("fs#1", specs)


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


@pytest.mark.parametrize("kind", HERE)
@pytest.mark.parametrize("seed", range(5))
def test_whatever_options_follow_each_other_a_second_look_finds_nothing(folder, bench, seed, kind):
    os.mkdir(f"{folder}/src")
    image(folder, kind=kind if kind in ON_DISK else "ext4")
    for specs in changes(folder, seed, kind):
        assert bench.up("fs#1", specs) in {"create", "update", "replace", "keep"}
        assert bench.up("fs#1", specs) == "keep", specs
    bench.down("fs#1", specs)


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_a_broken_filesystem_that_checks_itself_names_its_tool(folder, bench, kind):
    path = image(folder, kind=kind)
    os.mkdir(f"{folder}/m")
    offset, length = {"xfs": (0x64, 4), "btrfs": (0x10000 + 0x100, 64)}[kind]
    with open(path, "r+b") as stream:
        stream.seek(offset)
        stream.write(b"\xff" * length)
    with pytest.raises(HostError, match={"xfs": r"xfs_repair -n \S+x\.img shows", "btrfs": "btrfs check"}[kind]):
        bench.do("fs#1", Mount(dev=path, mnt=f"{folder}/m", type=kind, loop=True))


def test_subvolumes_of_a_btrfs(folder, bench):
    path = image(folder, kind="btrfs")
    whole = {"fs#1": Desired(dev=path, mnt=f"{folder}/all", type="btrfs")}
    bench.up("fs#1", whole)
    for name in ("a", "b"):
        subprocess.run(["btrfs", "-q", "subvolume", "create", f"{folder}/all/{name}"], check=True)
    parts = {
        "fs#1": whole["fs#1"],
        "fs#2": Desired(dev=path, mnt=f"{folder}/a", type="btrfs", mnt_opt=("subvol=a", "noatime")),
        "fs#3": Desired(dev=path, mnt=f"{folder}/b", type="btrfs", mnt_opt=("subvol=/b",)),
    }
    assert [bench.up("fs#2", parts), bench.up("fs#2", parts)] == ["create", "keep"]
    moved = {**parts, "fs#2": Desired(dev=path, mnt=f"{folder}/a", type="btrfs", mnt_opt=("subvol=b", "noatime"))}
    assert [bench.up("fs#2", moved), bench.up("fs#2", moved)] == ["replace", "keep"]
    bench.down("fs#2", moved)
    bench.down("fs#1", parts)


def test_a_device_by_its_names(folder, bench):
    path = image(folder, kind="")
    subprocess.run(["mkfs.ext4", "-q", "-L", os.path.basename(folder), "-U", "random", path], check=True)
    os.mkdir(f"{folder}/m")
    with loop_device(path) as loop:
        uuid = subprocess.run(
            ["blkid", "-o", "value", "-s", "UUID", loop], capture_output=True, text=True, check=True
        ).stdout.strip()
        os.symlink(loop, f"{folder}/link")
        os.mknod(f"{folder}/node", 0o60600, os.stat(loop).st_rdev)
        for dev in (loop, f"UUID={uuid}", f"LABEL={os.path.basename(folder)}", f"{folder}/link", f"{folder}/node"):
            specs = {"fs#1": Desired(dev=dev, mnt=f"{folder}/m", type="ext4")}
            fresh = Bench(bench.host)
            assert [fresh.up("fs#1", specs), fresh.up("fs#1", specs)] == ["create", "keep"], dev
            other = {"fs#1": Desired(dev=loop, mnt=f"{folder}/m", type="ext4")}
            assert Bench(bench.host).change("fs#1", other).verdict.value == "adopt", dev
            fresh.down("fs#1", specs)


def test_a_backing_file_with_a_loop_device_of_its_own(folder, bench):
    path = image(folder)
    with loop_device(path) as loop:
        specs = {"fs#1": Desired(dev=path, mnt=f"{folder}/m", type="ext4")}
        assert [bench.up("fs#1", specs), bench.up("fs#1", specs)] == ["create", "keep"]
        assert bench.said == [f"{path} is checked through {loop}, which stands on it"]
        bench.down("fs#1", specs)
        assert isinstance(bench.look(specs)["fs#1"], Absent)


def test_a_busy_mount_is_freed_of_those_in_it_and_of_nobody_else(folder, bench):
    path, point = image(folder), f"{folder}/m"
    specs = {"fs#1": Desired(dev=path, mnt=point, type="ext4", kill_grace=0.5)}
    bench.up("fs#1", specs)
    os.mkdir(f"{folder}/bound")
    subprocess.run(["mount", "--bind", point, f"{folder}/bound"], check=True)
    Path(point, "f").write_text("text")
    stubborn = "f = open(path + '/f'); signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    with (
        process("os.chdir(path)", point) as inside,
        process(stubborn, point) as deaf,
        process("f = open(path + '/f')", f"{folder}/bound") as beside,
        process("os.chdir(path)", folder) as outside,
    ):
        end, _ = KIND.moves(bench.falling("fs#1", specs)).down
        assert sorted(holder.pid for holder in end.holders) == sorted([inside.pid, deaf.pid])
        bench.down("fs#1", specs)
        assert inside.wait(5) == -signal.SIGTERM
        assert deaf.wait(5) == -signal.SIGKILL
        assert (beside.poll(), outside.poll()) == (None, None)
        assert not os.path.ismount(point)


def test_nobody_is_signalled_where_nothing_is_mounted(folder, bench):
    specs = {"fs#1": Desired(dev="tmpfs", mnt=f"{folder}/m", type="tmpfs", kill_grace=0.1)}
    bench.up("fs#1", specs)
    with process("os.chdir(path)", f"{folder}/m"):
        end, _ = KIND.moves(bench.falling("fs#1", specs)).down
    bench.down("fs#1", specs)
    with process("os.chdir(path)", f"{folder}/m") as there:
        bench.do("fs#1", end)
        assert there.poll() is None


def test_what_does_not_answer_costs_its_time_and_nothing_else(folder, host, bench):
    os.mkdir(f"{folder}/mute")
    specs = {
        "fs#1": Desired(dev="filer:/export", mnt=f"{folder}/mute", type="nfs", stat_timeout=0.4),
        "fs#2": Desired(dev="tmpfs", mnt=f"{folder}/t", type="tmpfs"),
        "fs#3": Desired(dev=f"{folder}/mute/data", mnt=f"{folder}/b", type="bind", mnt_opt=("bind",)),
    }
    bench.up("fs#2", specs)
    with mute_filesystem(f"{folder}/mute"):
        begun = time.monotonic()
        seen = bench.look(specs)
        assert "does not answer within 0.4 s" in seen["fs#1"].reason
        assert isinstance(seen["fs#2"], Present)
        assert isinstance(seen["fs#3"], Unknown) and "did not answer a moment ago" in seen["fs#3"].reason
        assert time.monotonic() - begun < 15
        os.symlink(f"{folder}/mute", f"{folder}/way")
        for look in (host.files.stat, host.files.names, host.files.read, host.files.resolve):
            with pytest.raises(Transient, match="answer"):
                look(f"{folder}/way/x")
        assert host.files.stat(f"{folder}/way", follow=False).kind == "link"
    assert isinstance(bench.look(specs)["fs#1"], Absent)


def test_who_lets_root_not_in_has_answered(folder, host):
    os.mkdir(f"{folder}/m")
    with mute_filesystem(f"{folder}/m", user=65534):
        (found,) = [mount for mount in host.mounts.table() if mount.target == f"{folder}/m"]
        assert host.mounts.silent({found.target: (found, 2.0)}) == frozenset()


def test_the_backing_file_that_is_cut_off_under_its_mount(folder, bench):
    path = image(folder)
    specs = {"fs#1": Desired(dev=path, mnt=f"{folder}/m", type="ext4", mnt_opt=("errors=continue",))}
    bench.up("fs#1", specs)
    os.unlink(path)
    change = bench.change("fs#1", specs)
    assert (change.verdict.value, change.reason.split(":")[0]) == ("keep", f"{path} is gone from under it")
    bench.down("fs#1", specs)
    assert bench.change("fs#1", specs).reason == f"{path} does not exist"


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_a_filesystem_is_made_where_there_is_nothing(folder, bench, kind):
    spec = Desired(dev=f"{folder}/new.img", mnt=f"{folder}/m", type=kind, provision=True, size=SIZES.get(kind, 16 << 20))
    specs = {"fs#1": spec}
    change = diff_up(KIND, "fs#1", spec, bench.look(specs)["fs#1"], None, Policy(force=frozenset({"provision"})))
    for action in KIND.moves(change).up:
        bench.do("fs#1", action)
        assert action.shown(bench.look(specs)["fs#1"]), action.says()
        bench.do("fs#1", action)
    assert os.stat(f"{folder}/new.img").st_mode & 0o777 == 0o600
    assert [bench.up("fs#1", specs), bench.up("fs#1", specs)] == ["adopt", "keep"]
    bench.down("fs#1", specs)


@pytest.mark.parametrize("kind", ["ext2", "xfs", "swap"])
def test_nothing_is_ever_made_over_anything(folder, bench, kind):
    path = image(folder, kind="" if kind == "swap" else kind)
    if kind == "swap":
        subprocess.run(["mkswap", path], check=True, capture_output=True)
    before = Path(path).read_bytes()
    spec = Desired(dev=path, mnt=f"{folder}/m", type="ext4", provision=True)
    change = diff_up(KIND, "fs#1", spec, bench.look({"fs#1": spec})["fs#1"], None, Policy(force=frozenset({"provision"})))
    assert change.verdict.value == "refuse"
    with pytest.raises(Conflict, match="something is on it"):
        bench.do("fs#1", MakeFilesystem(dev=path, device=path, type="ext4"))
    assert Path(path).read_bytes() == before


def test_what_e2fsck_mends_is_mounted(folder, bench):
    path = image(folder)
    for value in ("free_inodes_count 5", "state 0"):
        subprocess.run(["debugfs", "-w", "-R", f"set_super_value {value}", path], check=True, capture_output=True)
    specs = {"fs#1": Desired(dev=path, mnt=f"{folder}/m", type="ext4")}
    assert [bench.up("fs#1", specs), bench.up("fs#1", specs)] == ["create", "keep"]
    bench.down("fs#1", specs)
    done = subprocess.run(["e2fsck", "-p", "--", path], capture_output=True, text=True, check=True)
    assert "clean" in done.stdout
