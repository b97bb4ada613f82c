"""Files."""

import os

import pytest

from reconciler.host.errors import Conflict, HostError, NotFound, Permanent
from reconciler.host.ports import Account


def test_groups(stage):
    files = stage.host.files
    assert files.has_group("root") and files.has_group("daemon") and not files.has_group("no-such-group")
    assert (files.group_of(0), files.group_of(1), files.group_of(4_000_000)) == ("root", "daemon", "4000000")


def test_a_user_has_a_group_and_a_home(stage):
    files = stage.host.files
    assert files.account("root") == Account("root", "root", "/root")
    assert files.account("nobody") == Account("nobody", "nogroup", "/nonexistent")
    assert files.account("no-such-user") is None


def test_what_is_not_there(stage):
    files, none = stage.host.files, f"{stage.dir}/none"
    assert files.stat(none) is None
    assert files.read(none) is None
    assert files.names(none) is None
    assert files.remove(none) is False
    assert files.remove_dir(none) is False


def test_below_a_file_is_not_there(stage):
    files, below = stage.host.files, f"{stage.dir}/f/x"
    files.write(f"{stage.dir}/f", "")
    assert files.stat(below) is None
    assert files.read(below) is None
    assert files.names(f"{stage.dir}/f") is None
    assert files.remove(below) is False


def test_write_and_read(stage):
    files, path = stage.host.files, f"{stage.dir}/f"
    files.write(path, "grüße\n", mode=0o640)
    assert files.read(path) == "grüße\n"
    stat = files.stat(path)
    assert (stat.kind, stat.mode, stat.size) == ("file", 0o640, 8)


def test_write_replaces_as_a_whole(stage):
    files, path = stage.host.files, f"{stage.dir}/f"
    files.write(path, "one", mode=0o644)
    before = files.stat(path)
    files.write(path, "two")
    after = files.stat(path)
    assert files.read(path) == "two"
    assert after.inode != before.inode
    assert after.mode == 0o600
    assert files.names(stage.dir) == ("f",)


def test_write_replaces_a_link_and_does_not_follow_it(stage):
    files = stage.host.files
    files.write(f"{stage.dir}/target", "safe")
    stage.symlink(f"{stage.dir}/l", f"{stage.dir}/target")
    files.write(f"{stage.dir}/l", "new")
    assert files.read(f"{stage.dir}/target") == "safe"
    assert files.stat(f"{stage.dir}/l", follow=False).kind == "file"


def test_write_over_a_folder(stage):
    stage.host.files.make_dir(f"{stage.dir}/d")
    with pytest.raises(Conflict, match="cannot write"):
        stage.host.files.write(f"{stage.dir}/d", "")


def test_write_where_no_folder_is(stage):
    with pytest.raises(NotFound, match="cannot write"):
        stage.host.files.write(f"{stage.dir}/none/f", "")


def test_read_within_the_limit(stage):
    stage.host.files.write(f"{stage.dir}/f", "12345")
    assert stage.host.files.read(f"{stage.dir}/f", limit=5) == "12345"
    with pytest.raises(Permanent, match="cannot read"):
        stage.host.files.read(f"{stage.dir}/f", limit=4)


def test_read_of_a_folder(stage):
    with pytest.raises(Permanent, match="not a regular file"):
        stage.host.files.read(stage.dir)


def test_make_dir_with_parents(stage):
    files = stage.host.files
    assert files.make_dir(f"{stage.dir}/a/b/c", mode=0o710) is True
    assert files.make_dir(f"{stage.dir}/a/b/c", mode=0o700) is False
    assert files.stat(f"{stage.dir}/a/b/c").mode == 0o710
    assert files.stat(f"{stage.dir}/a").mode == 0o755


def test_make_dir_where_something_else_is(stage):
    stage.host.files.write(f"{stage.dir}/f", "")
    with pytest.raises(Conflict, match=r"something else is there|file exists"):
        stage.host.files.make_dir(f"{stage.dir}/f")


def test_names_are_sorted(stage):
    for name in ("b", "a", ".c"):
        stage.host.files.write(f"{stage.dir}/{name}", "")
    assert stage.host.files.names(stage.dir) == (".c", "a", "b")


def test_remove_dir(stage):
    files = stage.host.files
    files.make_dir(f"{stage.dir}/d/e")
    assert files.remove_dir(f"{stage.dir}/d") is False
    assert files.remove_dir(f"{stage.dir}/d/e") is True
    assert files.names(f"{stage.dir}/d") == ()
    files.write(f"{stage.dir}/f", "")
    assert files.remove_dir(f"{stage.dir}/f") is False


def test_remove(stage):
    files = stage.host.files
    files.write(f"{stage.dir}/f", "")
    stage.symlink(f"{stage.dir}/l", f"{stage.dir}/f")
    assert files.remove(f"{stage.dir}/l") is True
    assert files.stat(f"{stage.dir}/f") is not None
    assert files.remove(f"{stage.dir}/f") is True
    with pytest.raises(Conflict, match="cannot remove"):
        files.remove(stage.dir)


def test_links(stage):
    files = stage.host.files
    files.make_dir(f"{stage.dir}/d")
    files.write(f"{stage.dir}/d/f", "x")
    stage.symlink(f"{stage.dir}/l", "d")
    stage.symlink(f"{stage.dir}/broken", "nowhere")
    assert files.read(f"{stage.dir}/l/f") == "x"
    assert files.stat(f"{stage.dir}/l").kind == "dir"
    assert files.stat(f"{stage.dir}/l", follow=False).kind == "link"
    assert files.stat(f"{stage.dir}/broken") is None
    assert files.stat(f"{stage.dir}/broken", follow=False).kind == "link"
    assert files.names(f"{stage.dir}/l") == ("f",)


def test_resolve(stage):
    files = stage.host.files
    files.make_dir(f"{stage.dir}/d")
    stage.symlink(f"{stage.dir}/l", f"{stage.dir}/d")
    assert files.resolve(f"{stage.dir}/l/x/../y") == f"{stage.dir}/d/y"
    assert files.resolve(f"{stage.dir}/l/none/deep") == f"{stage.dir}/d/none/deep"
    assert files.resolve("/") == "/"


def test_a_loop_of_links(stage):
    stage.symlink(f"{stage.dir}/a", "b")
    stage.symlink(f"{stage.dir}/b", "a")
    with pytest.raises(HostError, match="too many levels"):
        stage.host.files.stat(f"{stage.dir}/a")


def test_one_inode_by_two_ways(stage):
    files = stage.host.files
    files.write(f"{stage.dir}/f", "")
    stage.symlink(f"{stage.dir}/l", "f")
    assert files.stat(f"{stage.dir}/l") == files.stat(f"{stage.dir}/f")


def test_mtime_moves_on(stage):
    files = stage.host.files
    files.write(f"{stage.dir}/f", "a")
    before = files.stat(f"{stage.dir}/f")
    files.write(f"{stage.dir}/f", "a")
    assert (files.stat(f"{stage.dir}/f").inode, files.stat(f"{stage.dir}/f").mtime_ns) != (before.inode, before.mtime_ns)


@pytest.mark.parametrize("path", ["relative", "", "/a\0b"])
def test_paths_are_absolute(stage, path):
    files = stage.host.files
    for call in (files.stat, files.read, files.names, files.make_dir, files.remove_dir, files.remove, files.resolve):
        with pytest.raises(Permanent, match="not an absolute path"):
            call(path)
    with pytest.raises(Permanent, match="not an absolute path"):
        files.write(path, "")


@pytest.mark.real
class TestReal:
    def test_a_pipe_is_not_waited_for(self, real_stage):
        os.mkfifo(f"{real_stage.dir}/p")
        assert real_stage.host.files.stat(f"{real_stage.dir}/p").kind == "other"
        with pytest.raises(Permanent, match="not a regular file"):
            real_stage.host.files.read(f"{real_stage.dir}/p")

    def test_bytes_that_are_not_text(self, real_stage):
        with open(f"{real_stage.dir}/b", "wb") as stream:
            stream.write(b"\xff\xfe")
        with pytest.raises(Permanent, match="not UTF-8"):
            real_stage.host.files.read(f"{real_stage.dir}/b")

    def test_what_a_killed_write_left_is_cleared_away(self, real_stage):
        with open(f"{real_stage.dir}/.f.osvc-tmp", "w") as stream:
            stream.write("half")
        real_stage.host.files.write(f"{real_stage.dir}/f", "whole")
        assert real_stage.host.files.names(real_stage.dir) == ("f",)
        assert real_stage.host.files.read(f"{real_stage.dir}/f") == "whole"

    def test_a_planted_temporary_link_is_not_followed(self, real_stage):
        real_stage.host.files.write(f"{real_stage.dir}/victim", "safe")
        os.symlink(f"{real_stage.dir}/victim", f"{real_stage.dir}/.f.osvc-tmp")
        real_stage.host.files.write(f"{real_stage.dir}/f", "new")
        assert real_stage.host.files.read(f"{real_stage.dir}/victim") == "safe"

    def test_the_umask_has_no_say(self, real_stage):
        before = os.umask(0o077)
        try:
            real_stage.host.files.write(f"{real_stage.dir}/f", "", mode=0o664)
            real_stage.host.files.make_dir(f"{real_stage.dir}/d", mode=0o775)
        finally:
            os.umask(before)
        assert real_stage.host.files.stat(f"{real_stage.dir}/f").mode == 0o664
        assert real_stage.host.files.stat(f"{real_stage.dir}/d").mode == 0o775

    def test_kernel_files_of_size_zero_are_read(self, real_stage):
        assert len(real_stage.host.files.read("/proc/sys/kernel/random/boot_id").strip()) == 36
