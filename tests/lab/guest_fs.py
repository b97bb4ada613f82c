"""Filesystems that the kernel at hand does not know, and devices that it does not have: run inside a machine of the lab."""

import subprocess
import time

import pytest

from reconciler.core.node import Node
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.host.linux.host import linux_host
from reconciler.resources.fs.model import Desired
from tests.integration.fslab import image, loop_device, workplace
from tests.unit.fs.bench import Bench, changes

pytestmark = pytest.mark.real


@pytest.fixture
def folder():
    with workplace() as made:
        yield made


@pytest.fixture
def bench():
    return Bench(linux_host(Node()))


@pytest.mark.parametrize("seed", range(5))
def test_whatever_options_of_a_fat_follow_each_other_a_second_look_finds_nothing(folder, bench, seed):
    fat(folder)
    for specs in changes(folder, seed, "vfat"):
        assert bench.up("fs#1", specs) in {"create", "update", "replace", "keep"}
        assert bench.up("fs#1", specs) == "keep", specs
    bench.down("fs#1", specs)


def test_a_fat_that_was_not_unmounted_is_checked_and_mounted(folder, bench):
    path = fat(folder)
    with open(path, "r+b") as stream:
        stream.seek(0x25)
        stream.write(b"\x01")
    specs = {"fs#1": Desired(dev=path, mnt=f"{folder}/m", type="vfat")}
    assert [bench.up("fs#1", specs), bench.up("fs#1", specs)] == ["create", "keep"]
    bench.down("fs#1", specs)
    assert isinstance(bench.look(specs)["fs#1"], Absent)


def test_a_device_that_is_suspended_costs_nothing_but_is_unknown(folder, bench):
    name = folder.rsplit("/", 1)[-1]
    with loop_device(image(folder)) as loop:
        size = int(subprocess.run(["blockdev", "--getsz", loop], capture_output=True, text=True, check=True).stdout)
        subprocess.run(["dmsetup", "create", name], input=f"0 {size} linear {loop} 0\n", text=True, check=True)
        specs = {
            "fs#1": Desired(dev=f"/dev/mapper/{name}", mnt=f"{folder}/m", type="ext4"),
            "fs#2": Desired(dev=f"{folder}/m/data", mnt=f"{folder}/b", type="bind", mnt_opt=("bind",)),
            "fs#3": Desired(dev="tmpfs", mnt=f"{folder}/t", type="tmpfs"),
        }
        try:
            assert bench.up("fs#1", specs) == "create"
            assert bench.up("fs#3", specs) == "create"
            subprocess.run(["dmsetup", "suspend", "--nolockfs", name], check=True)
            try:
                begun = time.monotonic()
                seen = bench.look(specs)
                assert isinstance(seen["fs#1"], Unknown) and "does not answer" in seen["fs#1"].reason
                assert isinstance(seen["fs#3"], Present)
                assert time.monotonic() - begun < 60
            finally:
                subprocess.run(["dmsetup", "resume", name], check=True)
            assert bench.up("fs#1", specs) == "keep"
            for rid in ("fs#1", "fs#3"):
                bench.down(rid, specs)
        finally:
            subprocess.run(["dmsetup", "remove", name], check=True)


def fat(folder):
    path = f"{folder}/x.img"
    with open(path, "wb") as stream:
        stream.truncate(16 << 20)
    subprocess.run(["mkfs.vfat", path], check=True, capture_output=True)
    return path
