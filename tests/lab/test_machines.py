"""The lab itself: what the other scenarios take for granted."""

import time

import pytest

from tests.lab.place import Place

pytestmark = [pytest.mark.real, pytest.mark.lab, pytest.mark.timeout(1800)]


def test_scripts_have_their_output_input_and_exit_code_and_leave_things_running(place: Place) -> None:
    with place.machine("one") as one:
        done = one.run("cat; echo more >&2; exit 7", given="a line\nand {another}\n", ok=(7,))
        assert (done.out, done.err) == ("a line\nand {another}\n", "more\n")
        began = time.monotonic()
        one.run("sleep 1000 & echo $! >/run/left")
        assert time.monotonic() - began < 60, "what is left running keeps nobody waiting"
        one.run("kill $(cat /run/left)")
        with pytest.raises(AssertionError, match="took longer than it may"):
            one.run("sleep 1000", patience=1)
        assert one.run("hostname").out == "one\n"


def test_a_power_cut_loses_what_was_not_written_and_nothing_else(place: Place) -> None:
    disk = place.disk(64)
    with place.machine("one", disks=[disk]) as one:
        one.run("mkfs.ext4 -q /dev/vdc && mount /dev/vdc /mnt && echo kept >/mnt/kept && sync")
        one.run("echo root >/root/kept && sync")
        boot = one.read("/proc/sys/kernel/random/boot_id")
        one.run("echo lost >/mnt/lost")
        one.cut()
        one.boot()
        assert one.read("/proc/sys/kernel/random/boot_id") != boot
        one.run("mount /dev/vdc /mnt")
        assert one.read("/mnt/kept") == "kept\n"
        assert one.read("/root/kept") == "root\n"
        one.run("test ! -s /mnt/lost")


def test_machines_share_a_disk_and_reach_each_other_also_after_a_power_cut(place: Place) -> None:
    disk = place.disk(64, shared=True)
    with (
        place.machine("a", address="10.9.0.1/24", disks=[disk], memory=768) as a,
        place.machine("b", address="10.9.0.2/24", disks=[disk], memory=768) as b,
    ):
        a.run("echo from a | dd of=/dev/vdc bs=512 conv=sync,fsync oflag=direct 2>/dev/null")
        assert b.run("dd if=/dev/vdc bs=512 count=1 iflag=direct 2>/dev/null | tr -d '\\0'").out.startswith("from a\n")
        a.run("ping -c 1 -W 20 10.9.0.2")
        taken, free = "arping -D -q -c 2 -w 10 -I eth0 10.9.0.1", "arping -D -q -c 2 -w 10 -I eth0 10.9.0.77"
        assert b.run(taken, ok=(0, 1)).code == 1
        b.run(free)
        a.cut()
        b.run(taken)
        a.boot()
        b.run("ping -c 1 -W 20 10.9.0.1")
