"""Loop devices: what is read of them, and the commands that attach, detach and make a backing file."""

import subprocess

import pytest

from reconciler.host.errors import HostError
from reconciler.resources.loops_host import holders, loops
from tests.contract.stage import FakeStage, Stage

MAKE = ("conv=excl", "status=none")


@pytest.fixture
def image(stage):
    """A backing file that is attached to nothing, before and after."""
    path = f"{stage.dir}/image file"
    stage.image(path)
    yield path
    for loop in found(stage, path):
        if not isinstance(stage, FakeStage):
            subprocess.run(["losetup", "-d", loop.device], check=False)


def found(stage: Stage, path: str):
    return [loop for loop in loops(stage.host) if loop.backs(path, stage.host)]


def attach(stage: Stage, path: str) -> str:
    return stage.host.commands.run(["losetup", "-f", "--show", "--nooverlap", "--", path]).stdout.strip()


def test_a_file_is_attached_once(stage, image):
    device = attach(stage, image)
    assert attach(stage, image) == device
    (loop,) = found(stage, image)
    assert (loop.device, loop.file, loop.fleeting, loop.part) == (device, image, False, False)
    assert holders(device, stage.host) == ()
    stage.host.commands.run(["losetup", "-d", device])
    assert found(stage, image) == []


def test_a_file_that_is_not_there(stage):
    with pytest.raises(HostError, match="No such file"):
        attach(stage, f"{stage.dir}/none")


def test_a_mount_uses_the_device_that_is_there_and_leaves_it(stage, image):
    device, point = attach(stage, image), f"{stage.dir}/m"
    stage.host.files.make_dir(point)
    stage.host.commands.run(["mount", "-t", "ext4", "-o", "loop", "--", image, point])
    (mount,) = [mount for mount in stage.host.mounts.table() if mount.target == point]
    assert (mount.source, mount.backing) == (device, image)
    stage.host.commands.run(["umount", "--", point])
    assert [loop.device for loop in found(stage, image)] == [device]


def test_a_device_that_is_used_is_detached_later_and_nothing_is_said_of_that(stage, image):
    device, point = attach(stage, image), f"{stage.dir}/m"
    stage.host.files.make_dir(point)
    stage.host.commands.run(["mount", "-t", "ext4", "-o", "loop", "--", image, point])
    stage.host.commands.run(["losetup", "-d", device])
    assert [(loop.device, loop.fleeting) for loop in found(stage, image)] == [(device, True)]
    stage.host.commands.run(["umount", "--", point])
    assert found(stage, image) == []


def test_a_device_that_a_mount_makes_goes_with_it(stage, image):
    point = f"{stage.dir}/m"
    stage.host.files.make_dir(point)
    stage.host.commands.run(["mount", "-t", "ext4", "-o", "loop", "--", image, point])
    assert [loop.fleeting for loop in found(stage, image)] == [True]
    stage.host.commands.run(["umount", "--", point])
    assert found(stage, image) == []


def test_a_file_is_made_where_there_is_none(stage):
    path = f"{stage.dir}/new"
    stage.host.commands.run(["dd", "if=/dev/null", f"of={path}", *MAKE])
    assert stage.host.files.stat(path).size == 0
    stage.host.commands.run(["chmod", "--", "0600", path])
    stage.host.commands.run(["truncate", "-s", "1048576", "--", path])
    assert (stage.host.files.stat(path).size, stage.host.files.stat(path).mode) == (1 << 20, 0o600)
    with pytest.raises(HostError, match="File exists"):
        stage.host.commands.run(["dd", "if=/dev/null", f"of={path}", *MAKE])
    assert stage.host.files.stat(path).size == 1 << 20
    assert stage.host.mounts.bare(path)


def test_a_file_with_a_filesystem_in_it_is_not_bare(stage, image):
    assert not stage.host.mounts.bare(image)
