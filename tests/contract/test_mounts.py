"""Mounts, and the mount and umount that change them."""

import gc
import os
from dataclasses import replace

import pytest

from reconciler.host.errors import Busy, Conflict, HostError, NotFound, Permanent
from reconciler.host.linux.table import parse
from reconciler.host.ports import Mount
from tests.contract.stage import Stage


def mount(stage: Stage, *words: str) -> None:
    stage.host.commands.run(["mount", *words])


def umount(stage: Stage, target: str) -> None:
    stage.host.commands.run(["umount", "--", target])


def seen(stage: Stage, target: str) -> list[Mount]:
    return [mount for mount in stage.host.mounts.table() if mount.target == target]


def words(mount: Mount) -> set[str]:
    """Its options; some kernels show of every tmpfs that its inode numbers have 64 bits."""
    return {*mount.options} - ({"inode64"} if mount.fstype == "tmpfs" else set())


@pytest.fixture
def point(stage):
    path = f"{stage.dir}/m"
    stage.host.files.make_dir(path)
    return path


@pytest.fixture
def image(stage):
    path = f"{stage.dir}/image file"
    stage.image(path)
    return path


class TestTmpfs:
    def test_mount_and_unmount(self, stage, point):
        mount(stage, "-t", "tmpfs", "--", "name", point)
        (found,) = seen(stage, point)
        assert (found.fstype, found.source, found.root, found.backing) == ("tmpfs", "name", "/", "")
        assert words(found) == {"rw", "relatime"}
        umount(stage, point)
        assert seen(stage, point) == []

    def test_options_as_the_kernel_shows_them(self, stage, point):
        mount(stage, "-t", "tmpfs", "-o", "size=64m,mode=0700,nosuid,noexec,sync,noatime", "--", "tmpfs", point)
        assert words(seen(stage, point)[0]) == {"rw", "nosuid", "noexec", "noatime", "size=65536k", "mode=700", "sync"}
        assert stage.host.files.stat(point).mode == 0o700

    def test_strictatime_is_the_absence_of_a_word(self, stage, point):
        mount(stage, "-t", "tmpfs", "-o", "strictatime", "--", "tmpfs", point)
        assert words(seen(stage, point)[0]) == {"rw"}

    def test_defaults_are_not_shown(self, stage, point):
        mount(stage, "-t", "tmpfs", "-o", "defaults,async,suid,mode=1777", "--", "tmpfs", point)
        assert words(seen(stage, point)[0]) == {"rw", "relatime"}

    def test_unknown_option(self, stage, point):
        with pytest.raises(Permanent, match="wrong fs type, bad option"):
            mount(stage, "-t", "tmpfs", "-o", "bogus", "--", "tmpfs", point)
        assert seen(stage, point) == []

    def test_read_only(self, stage, point):
        mount(stage, "-t", "tmpfs", "-o", "ro", "--", "tmpfs", point)
        assert words(seen(stage, point)[0]) == {"ro", "relatime"}
        with pytest.raises(HostError, match="read-only"):
            stage.host.files.write(f"{point}/f", "")

    def test_content_is_lost(self, stage, point):
        mount(stage, "-t", "tmpfs", "--", "tmpfs", point)
        stage.host.files.write(f"{point}/f", "x")
        umount(stage, point)
        assert stage.host.files.names(point) == ()


class TestRemount:
    def test_named_options_change_and_the_others_stay(self, stage, point):
        mount(stage, "-t", "tmpfs", "-o", "size=64m,nosuid,noexec", "--", "tmpfs", point)
        mount(stage, "-o", "remount,ro", "--", point)
        assert words(seen(stage, point)[0]) == {"ro", "nosuid", "noexec", "relatime", "size=65536k"}
        mount(stage, "-o", "remount,rw,exec,noatime,size=32m", "--", point)
        assert words(seen(stage, point)[0]) == {"rw", "nosuid", "noatime", "size=32768k"}
        mount(stage, "-o", "remount,rw,suid,atime,relatime", "--", point)
        assert words(seen(stage, point)[0]) == {"rw", "relatime", "size=32768k"}

    def test_ext_options_return_to_their_defaults(self, stage, point, image):
        mount(stage, "-t", "ext4", "-o", "loop,commit=30,errors=remount-ro,discard", "--", image, point)
        assert words(seen(stage, point)[0]) == {"rw", "relatime", "commit=30", "errors=remount-ro", "discard"}
        mount(stage, "-o", "remount,rw,commit=5,nodiscard", "--", point)
        assert words(seen(stage, point)[0]) == {"rw", "relatime", "errors=remount-ro"}

    @pytest.mark.parametrize(
        ("first", "then", "access"),
        [
            ("noatime", "relatime", "noatime"),
            ("noatime", "atime", "noatime"),
            ("noatime", "atime,relatime", "relatime"),
            ("noatime", "strictatime", ""),
            ("noatime", "ro", "noatime"),
            ("strictatime", "ro", ""),
            ("strictatime", "relatime", "relatime"),
            ("strictatime", "nodiratime", "relatime"),
            ("relatime", "noatime", "noatime"),
            ("noatime,relatime", "rw", "noatime"),
        ],
    )
    def test_access_times(self, stage, point, first, then, access):
        mount(stage, "-t", "tmpfs", "-o", first, "--", "tmpfs", point)
        mount(stage, "-o", f"remount,{then}", "--", point)
        assert words(seen(stage, point)[0]) & {"noatime", "relatime"} == {access} - {""}

    def test_of_what_is_not_mounted(self, stage, point):
        with pytest.raises(NotFound, match="not mounted or bad option"):
            mount(stage, "-o", "remount,ro", "--", point)

    def test_of_a_bind_leaves_its_source_alone(self, stage, point):
        inner = f"{stage.dir}/b"
        stage.host.files.make_dir(inner)
        mount(stage, "-t", "tmpfs", "-o", "nosuid,noatime", "--", "tmpfs", point)
        mount(stage, "-o", "bind", "--", point, inner)
        assert {"nosuid", "noatime"} <= words(seen(stage, inner)[0])
        mount(stage, "-o", "remount,bind,ro", "--", inner)
        assert seen(stage, inner)[0].options[0] == "ro"
        assert seen(stage, point)[0].options[0] == "rw"
        mount(stage, "-o", "remount,bind,rw,suid,atime,relatime", "--", inner)
        assert words(seen(stage, inner)[0]) == {"rw", "relatime"}


class TestImage:
    def test_through_a_loop_device(self, stage, point, image):
        mount(stage, "-t", "ext4", "-o", "loop", "--", image, point)
        (found,) = seen(stage, point)
        assert (found.fstype, found.root, found.backing) == ("ext4", "/", image)
        assert found.source.startswith("/dev/loop")
        assert found.device == f"7:{found.source.removeprefix('/dev/loop')}"
        assert stage.host.files.names(point) == ("lost+found",)

    def test_content_stays(self, stage, point, image):
        mount(stage, "-t", "ext4", "-o", "loop", "--", image, point)
        stage.host.files.write(f"{point}/f", "kept")
        inode = stage.host.files.stat(f"{point}/f").inode
        umount(stage, point)
        assert stage.host.files.names(point) == ()
        mount(stage, "-t", "ext4", "-o", "loop", "--", image, point)
        assert stage.host.files.read(f"{point}/f") == "kept"
        assert stage.host.files.stat(f"{point}/f").inode == inode

    def test_twice_shares_one_loop_device(self, stage, point, image):
        second = f"{stage.dir}/n"
        stage.host.files.make_dir(second)
        mount(stage, "-t", "ext4", "-o", "loop", "--", image, point)
        mount(stage, "-t", "ext4", "-o", "loop,nosuid", "--", image, second)
        assert seen(stage, point)[0].device == seen(stage, second)[0].device
        umount(stage, point)
        assert seen(stage, second)[0].backing == image

    def test_a_read_only_loop_device_stays_so(self, stage, point, image):
        second = f"{stage.dir}/n"
        stage.host.files.make_dir(second)
        mount(stage, "-t", "ext4", "-o", "loop,ro", "--", image, point)
        loop = seen(stage, point)[0].source.removeprefix("/dev/")
        assert stage.host.files.read(f"/sys/class/block/{loop}/ro") == "1\n"
        with pytest.raises(Permanent, match="write-protected"):
            mount(stage, "-o", "remount,rw", "--", point)
        mount(stage, "-t", "ext4", "-o", "loop", "--", image, second)
        assert words(seen(stage, second)[0]) == {"ro", "relatime"}

    def test_one_superblock_is_read_only_or_not(self, stage, point, image):
        second = f"{stage.dir}/n"
        stage.host.files.make_dir(second)
        mount(stage, "-t", "ext4", "-o", "loop,commit=7", "--", image, point)
        with pytest.raises(Conflict, match="already mounted on"):
            mount(stage, "-t", "ext4", "-o", "loop,ro", "--", image, second)
        mount(stage, "-t", "ext4", "-o", "loop,nosuid,commit=9", "--", image, second)
        assert words(seen(stage, second)[0]) == {"rw", "nosuid", "relatime", "commit=7"}

    def test_no_such_image(self, stage, point):
        with pytest.raises(Permanent, match="failed to setup loop device"):
            mount(stage, "-t", "ext4", "-o", "loop", "--", f"{stage.dir}/none", point)

    def test_another_filesystem_in_it(self, stage, point, image):
        with pytest.raises(Permanent, match="wrong fs type"):
            mount(stage, "-t", "ext2", "-o", "loop,bogus", "--", image, point)

    def test_signature(self, stage, image):
        stage.host.files.write(f"{stage.dir}/empty", "")
        stage.host.files.write(f"{stage.dir}/text", "just text")
        assert stage.host.mounts.signature(image) == "ext4"
        assert stage.host.mounts.signature(f"{stage.dir}/empty") == ""
        assert stage.host.mounts.signature(f"{stage.dir}/text") == ""
        with pytest.raises(NotFound, match="cannot read"):
            stage.host.mounts.signature(f"{stage.dir}/none")


class TestBind:
    @pytest.fixture
    def source(self, stage):
        stage.host.files.make_dir(f"{stage.dir}/s/deep")
        stage.host.files.write(f"{stage.dir}/s/deep/f", "x")
        return f"{stage.dir}/s/deep"

    def test_shows_the_same_files(self, stage, point, source):
        mount(stage, "-o", "bind", "--", source, point)
        assert stage.host.files.stat(f"{point}/f") == stage.host.files.stat(f"{source}/f")
        (found,) = seen(stage, point)
        assert found.root.endswith("/s/deep")
        below = [one for one in stage.host.mounts.table() if one.target in ("/", "/tmp", stage.dir)]
        assert found.device == max(below, key=lambda one: len(one.target)).device

    def test_options_given_replace_the_source_s_but_for_atime(self, stage, point):
        inner = f"{stage.dir}/b"
        stage.host.files.make_dir(inner)
        mount(stage, "-t", "tmpfs", "-o", "nosuid,noatime", "--", "tmpfs", point)
        mount(stage, "-o", "bind,ro,noexec", "--", point, inner)
        assert seen(stage, inner)[0].options[:3] == ("ro", "noexec", "noatime")
        with pytest.raises(HostError, match="read-only"):
            stage.host.files.write(f"{inner}/f", "")
        stage.host.files.write(f"{point}/f", "")

    def test_no_source(self, stage, point):
        with pytest.raises(NotFound, match=r"special device .* does not exist"):
            mount(stage, "-o", "bind", "--", f"{stage.dir}/none", point)

    def test_lives_on_when_its_source_is_unmounted(self, stage, point):
        outer = f"{stage.dir}/o"
        stage.host.files.make_dir(outer)
        mount(stage, "-t", "tmpfs", "--", "tmpfs", outer)
        stage.host.files.make_dir(f"{outer}/d")
        stage.host.files.write(f"{outer}/d/f", "x")
        mount(stage, "-o", "bind", "--", f"{outer}/d", point)
        umount(stage, outer)
        assert stage.host.files.read(f"{point}/f") == "x"
        assert seen(stage, point)[0].root == "/d"


class TestTree:
    def test_stacked(self, stage, point):
        mount(stage, "-t", "tmpfs", "--", "lower", point)
        stage.host.files.write(f"{point}/f", "")
        mount(stage, "-t", "tmpfs", "--", "upper", point)
        lower, upper = seen(stage, point)
        assert (lower.source, upper.source, upper.parent) == ("lower", "upper", lower.id)
        assert stage.host.files.names(point) == ()
        umount(stage, point)
        assert stage.host.files.names(point) == ("f",)

    def test_hidden_by_an_outer_mount(self, stage, point):
        stage.host.files.make_dir(f"{point}/in")
        mount(stage, "-t", "tmpfs", "--", "inner", f"{point}/in")
        stage.host.files.write(f"{point}/in/f", "")
        mount(stage, "-t", "tmpfs", "--", "outer", point)
        assert stage.host.files.stat(f"{point}/in") is None
        umount(stage, point)
        assert stage.host.files.names(f"{point}/in") == ("f",)

    def test_no_mount_point(self, stage):
        with pytest.raises(NotFound, match="mount point does not exist"):
            mount(stage, "-t", "tmpfs", "--", "tmpfs", f"{stage.dir}/none")

    def test_a_mount_point_that_is_a_file(self, stage):
        stage.host.files.write(f"{stage.dir}/f", "")
        with pytest.raises(Permanent):
            mount(stage, "-t", "tmpfs", "--", "tmpfs", f"{stage.dir}/f")

    def test_a_mount_point_cannot_be_removed(self, stage, point):
        mount(stage, "-t", "tmpfs", "--", "tmpfs", point)
        with pytest.raises(Busy, match="cannot remove the folder"):
            stage.host.files.remove_dir(point)
        with pytest.raises(Busy, match="resource busy"):
            stage.host.commands.run(["rmdir", "--ignore-fail-on-non-empty", "--", point])

    def test_a_mount_point_behind_a_link_is_shown_resolved(self, stage, point):
        stage.symlink(f"{stage.dir}/l", point)
        mount(stage, "-t", "tmpfs", "--", "tmpfs", f"{stage.dir}/l")
        assert len(seen(stage, point)) == 1
        umount(stage, f"{stage.dir}/l")
        assert seen(stage, point) == []

    def test_names_with_blanks_and_backslashes(self, stage):
        path = f"{stage.dir}/a b\\c"
        stage.host.files.make_dir(path)
        mount(stage, "-t", "tmpfs", "--", "tmpfs", path)
        assert len(seen(stage, path)) == 1


class TestUsers:
    """Who keeps a mount busy: this very mount, and not its filesystem by another way."""

    def pids(self, stage, target):
        (found,) = seen(stage, target)
        return [user.process.pid for user in stage.host.processes.users(found)]

    def test_who_sits_in_it_and_not_who_sits_beside(self, stage, point):
        stage.host.files.make_dir(f"{stage.dir}/beside")
        mount(stage, "-t", "tmpfs", "--", "tmpfs", point)
        inside, outside = stage.sit(point), stage.sit(f"{stage.dir}/beside")
        assert self.pids(stage, point) == [inside]
        stage.end(inside)
        assert self.pids(stage, point) == []
        assert stage.host.processes.get(outside) is not None

    def test_who_uses_the_source_of_a_bind_mount_does_not_use_the_bind_mount(self, stage, point):
        inner = f"{stage.dir}/b"
        stage.host.files.make_dir(inner)
        mount(stage, "-t", "tmpfs", "--", "tmpfs", point)
        mount(stage, "-o", "bind", "--", point, inner)
        pid = stage.sit(point)
        assert (self.pids(stage, point), self.pids(stage, inner)) == ([pid], [])

    @pytest.mark.real
    @pytest.mark.parametrize(
        ("words", "how"),
        [
            ("os.chdir(path)", "cwd"),
            ("os.chroot(path)", "root"),
            ("f = open(path + '/f')", "open file"),
            (
                "import ctypes; f = os.open(path + '/f', os.O_RDONLY); null, long = ctypes.c_void_p(), ctypes.c_long; "
                "ctypes.CDLL(None).mmap(null, long(4), 1, 2, f, long(0)); os.close(f)",
                "mapped file",
            ),
        ],
    )
    def test_in_each_way(self, real_stage, words, how):
        path = f"{real_stage.dir}/m"
        real_stage.host.files.make_dir(path)
        mount(real_stage, "-t", "tmpfs", "--", "tmpfs", path)
        real_stage.host.files.write(f"{path}/f", "text")
        pid = real_stage.use(words, path)
        (found,) = seen(real_stage, path)
        assert [(user.process.pid, user.how, user.spared) for user in real_stage.host.processes.users(found)] == [(pid, how, "")]

    @pytest.mark.real
    def test_in_another_mount_namespace(self, real_stage):
        path = f"{real_stage.dir}/m"
        real_stage.host.files.make_dir(path)
        mount(real_stage, "-t", "tmpfs", "--", "tmpfs", path)
        real_stage.host.files.write(f"{path}/f", "text")
        words = "f = open(path + '/f'); import ctypes; assert ctypes.CDLL(None).unshare(0x20000) == 0"
        pid = real_stage.use(words, path)
        assert self.pids(real_stage, path) == [pid]
        with pytest.raises(Busy):
            umount(real_stage, path)

    @pytest.mark.real
    def test_osvc_itself_is_spared(self, real_stage):
        path = f"{real_stage.dir}/m"
        real_stage.host.files.make_dir(path)
        mount(real_stage, "-t", "tmpfs", "--", "tmpfs", path)
        real_stage.host.files.write(f"{path}/f", "text")
        with open(f"{path}/f", encoding="ascii"):
            (found,) = seen(real_stage, path)
            assert [user.spared for user in real_stage.host.processes.users(found)] == ["osvc itself"]


class TestCarried:
    def test_what_is_bare(self, stage, image):
        files, mounts = stage.host.files, stage.host.mounts
        files.write(f"{stage.dir}/empty", "")
        files.write(f"{stage.dir}/text", "just text")
        stage.host.commands.run(["truncate", "-s", "1048576", "--", f"{stage.dir}/hole"])
        assert [mounts.bare(f"{stage.dir}/{name}") for name in ("empty", "hole", "text")] == [True, True, False]
        assert mounts.bare(image) is False
        with pytest.raises(NotFound):
            mounts.bare(f"{stage.dir}/none")

    @pytest.mark.parametrize("fstype", ["ext2", "ext3", "ext4", "xfs", "btrfs", "vfat"])
    def test_what_is_made_is_what_is_carried(self, stage, fstype):
        path, run = f"{stage.dir}/made", stage.host.commands.run
        run(["truncate", "-s", str({"xfs": 320 << 20, "btrfs": 128 << 20}.get(fstype, 16 << 20)), "--", path])
        quiet = () if fstype == "vfat" else ("-q",)
        run([f"mkfs.{fstype}", *quiet, "--", path])
        assert (stage.host.mounts.signature(path), stage.host.mounts.bare(path)) == (fstype, False)

    @pytest.mark.parametrize("fstype", ["xfs", "btrfs"])
    def test_a_signature_is_not_made_over(self, stage, image, fstype):
        stage.host.commands.run(["truncate", "-s", str(320 << 20), "--", image])
        with pytest.raises(HostError):
            stage.host.commands.run([f"mkfs.{fstype}", "-q", "--", image])
        assert stage.host.mounts.signature(image) == "ext4"

    def test_a_fat_is_checked(self, stage):
        path, run = f"{stage.dir}/fat", stage.host.commands.run
        run(["truncate", "-s", str(16 << 20), "--", path])
        run(["mkfs.vfat", "--", path])
        for flag in ("-a", "-n"):
            assert run(["fsck.fat", flag, "--", path]).code == 0

    def test_a_tag_that_nothing_bears(self, stage):
        assert stage.host.mounts.device("UUID=00000000-1111-2222-3333-444444444444") == ""

    @pytest.mark.real
    def test_the_partition_table_of_a_disk_is_a_signature(self, real_stage):
        path = f"{real_stage.dir}/disk"
        with open(path, "wb") as stream:
            stream.truncate(8 << 20)
            stream.seek(510)
            stream.write(b"\x55\xaa")
            stream.seek(446)
            stream.write(bytes([0, 0, 2, 0, 0x83, 0, 3, 0, 0, 8, 0, 0, 0, 8, 0, 0]))
        assert real_stage.host.mounts.signature(path) == ""
        assert real_stage.host.mounts.bare(path) is False

    @pytest.mark.real
    def test_a_device_by_what_it_bears(self, real_stage):
        path = f"{real_stage.dir}/disk"
        with open(path, "wb") as stream:
            stream.truncate(8 << 20)
        label = real_stage.name
        run = real_stage.host.commands.run
        run(["mkfs.ext4", "-q", "-L", label, path])
        loop = run(["losetup", "-f", "--show", path]).stdout.strip()
        try:
            assert real_stage.host.mounts.device(f"LABEL={label}") == loop
            stat = real_stage.host.files.stat(loop)
            assert (stat.kind, stat.number) == ("block", f"7:{loop.removeprefix('/dev/loop')}")
        finally:
            run(["losetup", "-d", loop])


class TestUnmount:
    def test_of_what_is_not_mounted(self, stage, point):
        with pytest.raises(NotFound, match="not mounted"):
            umount(stage, point)
        with pytest.raises(NotFound, match="no mount point specified"):
            umount(stage, f"{point}/none")

    def test_busy_by_a_process(self, stage, point):
        mount(stage, "-t", "tmpfs", "--", "tmpfs", point)
        pid = stage.sit(point)
        with pytest.raises(Busy, match="target is busy"):
            umount(stage, point)
        stage.end(pid)
        umount(stage, point)

    def test_busy_by_an_inner_mount(self, stage, point):
        mount(stage, "-t", "tmpfs", "--", "tmpfs", point)
        stage.host.files.make_dir(f"{point}/in")
        mount(stage, "-t", "tmpfs", "--", "tmpfs", f"{point}/in")
        with pytest.raises(Busy, match="target is busy"):
            umount(stage, point)

    def test_busy_by_a_backing_file(self, stage, point):
        outer = f"{stage.dir}/o"
        stage.host.files.make_dir(outer)
        mount(stage, "-t", "tmpfs", "--", "tmpfs", outer)
        stage.image(f"{outer}/i")
        mount(stage, "-t", "ext4", "-o", "loop", "--", f"{outer}/i", point)
        with pytest.raises(Busy, match="target is busy"):
            umount(stage, outer)
        umount(stage, point)
        umount(stage, outer)


def test_what_drivers_read_below_proc_of_whoever_sits_on_a_mount(stage, point):
    mount(stage, "-t", "tmpfs", "--", "tmpfs", point)
    pid = stage.sit(point)
    assert stage.host.files.stat(f"/proc/{pid}/cwd") == stage.host.files.stat(point)
    text = stage.host.files.read(f"/proc/{pid}/mountinfo")
    assert any(line.split()[4] == point for line in text.splitlines())


def test_what_drivers_read_of_loop_devices(stage, point, image):
    mount(stage, "-t", "ext4", "-o", "loop", "--", image, point)
    loop = seen(stage, point)[0].source.removeprefix("/dev/")
    assert loop in stage.host.files.names("/sys/class/block")
    assert stage.host.files.read(f"/sys/class/block/{loop}/dev") == f"{seen(stage, point)[0].device}\n"
    assert stage.host.files.read(f"/sys/class/block/{loop}/loop/backing_file") == f"{image}\n"


class TestParse:
    def test_optional_fields_and_escapes(self):
        line = r"36 35 98:0 /mnt1 /a\040b\134c\011 rw,noatime master:1 shared:7 - ext3 /dev/root\040x rw,errors=continue"
        assert parse(line) == Mount(
            36, 35, "98:0", "/mnt1", "/a b\\c\t", ("rw", "noatime", "errors=continue"), "ext3", "/dev/root x"
        )

    def test_an_empty_source(self):
        assert parse("47 27 0:40 / /x rw,relatime -  tmpfs  rw".replace("-  tmpfs  rw", "- tmpfs  rw")).source == ""

    def test_superblock_read_only_stays_visible(self):
        assert parse("1 1 0:1 / / rw - ext4 /dev/a ro").options == ("rw", "ro")

    def test_nonsense(self):
        with pytest.raises(Permanent, match="cannot understand"):
            parse("36 35 98:0 / / rw")


@pytest.mark.real
def test_the_backing_file_of_an_unlinked_image_keeps_its_name(real_stage):
    path, point = f"{real_stage.dir}/i", f"{real_stage.dir}/m"
    real_stage.image(path)
    real_stage.host.files.make_dir(point)
    mount(real_stage, "-t", "ext4", "-o", "loop", "--", path, point)
    real_stage.host.files.remove(path)
    assert seen(real_stage, point)[0].backing == path


@pytest.mark.real
def test_several_signatures_are_not_nothing(real_stage):
    path = f"{real_stage.dir}/i"
    real_stage.image(path)
    with open(path, "r+b") as stream:
        stream.seek(0x10040)
        stream.write(b"_BHRfS_M")
    try:
        found = real_stage.host.mounts.signature(path)
    except (Permanent, Conflict) as error:
        assert "several signatures" in str(error)
    else:
        assert found != ""


@pytest.mark.real
class TestWhoHasIt:
    """What a device or file is used for, by whatever name and in whatever mount namespace."""

    @pytest.fixture
    def path(self, real_stage):
        path = f"{real_stage.dir}/i"
        real_stage.image(path)
        return path

    @pytest.fixture
    def loop(self, real_stage, path):
        run = real_stage.host.commands.run
        loop = run(["losetup", "-f", "--show", path]).stdout.strip()
        yield loop
        run(["losetup", "-d", loop])

    def test_a_loop_device_is_found_by_the_file_and_not_by_its_name(self, real_stage, path, loop):
        mounts = real_stage.host.mounts
        assert mounts.loops(path) == (loop,)
        os.rename(path, f"{path}2")
        os.link(f"{path}2", f"{path}3")
        real_stage.host.files.write(path, "another")
        assert (mounts.loops(f"{path}2"), mounts.loops(f"{path}3"), mounts.loops(path)) == ((loop,), (loop,), ())

    def test_what_is_mounted_is_claimed(self, real_stage, path, loop):
        mounts, point = real_stage.host.mounts, f"{real_stage.dir}/m"
        real_stage.host.files.make_dir(point)
        assert (mounts.claimed(loop), mounts.claimed(path)) == (False, False)
        mount(real_stage, "-t", "ext4", "--", loop, point)
        assert mounts.claimed(loop)
        umount(real_stage, point)
        assert not mounts.claimed(loop)

    def test_a_device_without_a_signature_is_not_bare_while_it_holds_data(self, real_stage, path, loop):
        mounts = real_stage.host.mounts
        with open(loop, "r+b") as device:
            device.write(bytes(4 << 20))
        assert (mounts.signature(loop), mounts.bare(loop)) == ("", True)
        with open(loop, "r+b") as device:
            device.seek(4000)
            device.write(b"precious")
        assert (mounts.signature(loop), mounts.bare(loop)) == ("", False)


@pytest.mark.real
def test_the_same_path_in_another_namespace_is_another_place(real_stage):
    """A far filesystem is never asked, and told by its path: that means something in this mount namespace alone."""
    point = f"{real_stage.dir}/m"
    real_stage.host.files.make_dir(point)
    mount(real_stage, "-t", "tmpfs", "--", "tmpfs", point)
    (found,) = seen(real_stage, point)
    far = replace(found, fstype="nfs4")
    inside = real_stage.sit(point)
    script = f"ctypes.CDLL(None).unshare(0x20000); import subprocess; os.chdir('/'); os.chdir('{point}')"
    real_stage.use(f"import ctypes; {script}", "/")
    assert [user.process.pid for user in real_stage.host.processes.users(far)] == [inside]


@pytest.mark.real
def test_what_was_mounted_once_is_not_remembered(real_stage):
    """What looks at the mount table for years sees more mounts than are ever there at once."""
    points = [f"{real_stage.dir}/m{n}" for n in range(20)]
    for point in points:
        real_stage.host.files.make_dir(point)
        mount(real_stage, "-t", "tmpfs", "--", "tmpfs", point)
        assert seen(real_stage, point)
        umount(real_stage, point)
    real_stage.host.mounts.table()
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, Mount) and one.target in points]
