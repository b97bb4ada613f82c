"""The Lvm port, and the commands that change volume groups: on the fake, and on a machine of the lab (tests/lab)
on the real one; what reports of several versions of LVM come to."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from reconciler.host.errors import HostError, NotFound, Permanent
from reconciler.host.linux import faults
from reconciler.host.linux.lvm import REPORT, LinuxLvm, parse
from reconciler.host.ports import Completed, Holder, VolumeGroup
from tests.contract.groups import FakeGroups, Groups, RealGroups

REPORTS = Path(__file__).parent / "lvm_reports"


@pytest.fixture(params=["fake", pytest.param("real", marks=[pytest.mark.real, pytest.mark.lab])])
def groups(request: pytest.FixtureRequest) -> Iterator[Groups]:
    """A machine with a group "o-data" of two disks: "root" with ext4 on it, "app-data" with one partition; neither active."""
    if request.param == "fake":
        fake = FakeGroups()
        yield fake
        assert fake.machine.unmodelled == []
        return
    real = RealGroups()
    try:
        yield real
    finally:
        real.close()


def seen(groups: Groups) -> VolumeGroup:
    (found,) = [group for group in groups.host.lvm.groups() if group.name == "o-data"]
    return found


def active(groups: Groups) -> list[str]:
    return [volume.name for volume in seen(groups).volumes if volume.active]


def run(groups: Groups, *words: str) -> None:
    groups.host.commands.run(words)


class TestGroups:
    def test_a_group_that_is_down(self, groups):
        found = seen(groups)
        assert (found.tags, found.exported, found.missing, len(found.devices)) == ((), False, (), 2)
        assert [volume.name for volume in found.volumes] == ["app-data", "root"]
        assert {(volume.active, volume.number, volume.opened, volume.skipped) for volume in found.volumes} == {
            (False, "", False, False)
        }
        assert all(volume.size > 0 and volume.uuid for volume in found.volumes)
        assert groups.host.files.stat("/dev/o-data/root") is None

    def test_tags_are_words_whether_or_not_an_at_is_written(self, groups):
        run(groups, "vgchange", "--addtag", "@deb1.opensvc.com", "o-data")
        run(groups, "vgchange", "--addtag", "@deb1.opensvc.com", "--addtag", "@b", "o-data")
        assert seen(groups).tags == ("b", "deb1.opensvc.com")
        run(groups, "vgchange", "--deltag", "@none", "o-data")
        run(groups, "vgchange", "--deltag", "@b", "--deltag", "@deb1.opensvc.com", "o-data")
        assert seen(groups).tags == ()

    def test_activation_brings_the_devices_under_both_names(self, groups):
        for _ in range(2):
            run(groups, "vgchange", "-a", "y", "o-data")
            assert active(groups) == ["app-data", "root"]
        for path in ("/dev/o-data/app-data", "/dev/mapper/o--data-app--data"):
            assert groups.host.files.stat(path).kind == "block"
        assert groups.host.mounts.signature("/dev/o-data/root") == "ext4"
        for _ in range(2):
            run(groups, "vgchange", "-a", "n", "o-data")
            assert active(groups) == [] and groups.host.files.stat("/dev/mapper/o--data-root") is None

    def test_single_volumes(self, groups):
        run(groups, "lvchange", "-a", "y", "-K", "o-data/root")
        assert active(groups) == ["root"]
        run(groups, "vgchange", "-a", "y", "o-data")
        run(groups, "lvchange", "-a", "n", "o-data/root", "o-data/app-data")
        assert active(groups) == []
        with pytest.raises(HostError, match='Failed to find logical volume "o-data/none"'):
            run(groups, "lvchange", "-a", "n", "o-data/none")

    def test_a_mounted_volume_keeps_its_group_active(self, groups):
        run(groups, "vgchange", "-a", "y", "o-data")
        groups.mount("/dev/o-data/root")
        (root,) = [volume for volume in seen(groups).volumes if volume.name == "root"]
        (mount,) = [mount for mount in groups.host.mounts.table() if mount.source == "/dev/mapper/o--data-root"]
        assert root.opened and root.number == mount.device and root.holders == ()
        for words in (("vgchange", "-a", "n", "o-data"), ("lvchange", "-a", "n", "o-data/root")):
            with pytest.raises(HostError, match=r"open logical volume|filesystem in use"):
                run(groups, *words)
        assert active(groups) == ["app-data", "root"]

    def test_partition_mappings_are_told_from_other_holders(self, groups):
        run(groups, "vgchange", "-a", "y", "o-data")
        run(groups, "kpartx", "-a", "/dev/o-data/app-data")
        groups.lay("o-secret", "o-data", "root")
        volumes = {volume.name: volume for volume in seen(groups).volumes}
        assert volumes["app-data"].holders == (Holder("o--data-app--data1", partition=True),)
        assert volumes["root"].holders == (Holder("o-secret"),)
        with pytest.raises(HostError, match="open logical volume"):
            run(groups, "vgchange", "-a", "n", "o-data")
        for _ in range(2):
            run(groups, "kpartx", "-d", "/dev/o-data/app-data")
        assert seen(groups).volumes[0].holders == ()

    def test_what_is_not_there(self, groups):
        for words in (("-a", "y"), ("--addtag", "@x")):
            with pytest.raises(HostError, match="o-none"):
                run(groups, "vgchange", *words, "o-none")

    def test_an_exported_group_is_not_activated(self, groups):
        groups.export("o-data")
        assert seen(groups).exported
        with pytest.raises(HostError, match="is exported"):
            run(groups, "vgchange", "-a", "y", "o-data")

    def test_a_disk_that_is_away_is_missing(self, groups):
        groups.pull("o-data")
        found = seen(groups)
        assert (len(found.missing), len(found.devices)) == (1, 1)
        run(groups, "vgchange", "--addtag", "@x", "o-data")
        assert seen(groups).tags == ("x",)


class TestMaking:
    def test_a_group_and_a_volume(self, groups):
        disk = groups.disk()
        assert groups.host.mounts.bare(disk)
        run(groups, "vgcreate", "-s", "8m", "o-new", disk)
        run(groups, "lvcreate", "-n", "lv", "-L", "8192k", "-W", "y", "o-new")
        (found,) = [group for group in groups.host.lvm.groups() if group.name == "o-new"]
        assert (found.devices, found.tags) == ((disk,), ())
        assert [(volume.name, volume.active, volume.size) for volume in found.volumes] == [("lv", True, 8 << 20)]
        assert not groups.host.mounts.bare(disk)
        for words in (("vgcreate", "o-new", disk), ("lvcreate", "-n", "lv", "-L", "8192k", "-W", "y", "o-new")):
            with pytest.raises(HostError) as told:
                run(groups, *words)
            assert "already" in told.value.output

    def test_nothing_is_made_over_a_signature(self, groups):
        disk = groups.disk(fstype="ext4")
        with pytest.raises(HostError) as told:
            run(groups, "vgcreate", "o-new", disk)
        assert "Aborted wiping of ext4" in told.value.output
        assert groups.host.mounts.signature(disk) == "ext4"
        assert [group.name for group in groups.host.lvm.groups()] == ["o-data"]

    def test_no_volume_is_made_over_older_data(self, groups):
        groups.spoil()
        with pytest.raises(HostError) as told:
            run(groups, "lvcreate", "-n", "new", "-L", "16384k", "-W", "y", "o-data")
        assert "wiping" in told.value.output
        assert [volume.name for volume in seen(groups).volumes] == ["app-data", "root"]

    def test_a_disk_that_is_not_there(self, groups):
        with pytest.raises(HostError, match="/dev/o-none"):
            run(groups, "vgcreate", "o-new", "/dev/o-none")


def test_a_machine_without_lvm_says_so(machine, host):
    machine.tree.remove("/usr/sbin/lvm")
    with pytest.raises(NotFound, match="LVM is not installed here: apt-get install lvm2"):
        host.lvm.groups()


class Recorded:
    """Commands that answer with what LVM once said."""

    def __init__(self, text="", error=None, code=0, stderr=""):
        self.text, self.error, self.asked, self.code, self.stderr = text, error, [], code, stderr

    def begin(self, argv, **more):
        return partial(self.run, argv, **more)

    def run(self, argv, **more):
        self.asked.append(argv)
        if self.error:
            raise self.error
        if self.code not in more.get("ok", (0,)):
            raise faults.of_output(argv[0], self.code, self.text, self.stderr)
        return Completed(tuple(argv), self.code, self.text, self.stderr)


def recorded(name):
    return {
        (group.name, group.uuid): group for group in parse((REPORTS / f"{name}.json").read_text(), lambda number: (Holder(number),))
    }


class TestReports:
    """Each was recorded in a virtual machine; the name begins with LVM's version."""

    def test_no_groups(self):
        assert recorded("2.03.16-nothing") == {}

    def test_active_open_skipped_and_snapshots(self):
        data, gone = recorded("2.03.16-active").values()
        assert (data.name, data.tags, data.devices, data.missing) == (
            "data",
            ("deb1.opensvc.com", "x"),
            ("/dev/loop0", "/dev/loop1"),
            (),
        )
        assert [(one.name, one.active, one.opened, one.skipped, one.number) for one in data.volumes] == [
            ("app-data", True, True, False, "254:1"),
            ("off", False, False, True, ""),
            ("root", True, True, False, "254:0"),
            ("snap", True, False, False, "254:4"),
        ]
        assert [one.holders for one in data.volumes] == [(Holder("254:1"),), (), (Holder("254:0"),), ()]
        assert (gone.name, gone.volumes, gone.exported) == ("gone", (), False)

    def test_inactive(self):
        data = next(iter(recorded("2.03.16-inactive").values()))
        assert {(one.active, one.opened, one.number) for one in data.volumes} == {(False, False, "")}

    def test_a_missing_disk_and_an_exported_group(self):
        data, gone = recorded("2.03.16-partial").values()
        assert (data.devices, len(data.missing), gone.exported) == (("/dev/loop0",), 1, True)

    def test_a_pool_is_no_volume_to_be_used(self):
        (thin,) = [group for group in recorded("2.03.16-thin").values() if group.name == "data2"]
        assert [(one.name, one.active, one.skipped) for one in thin.volumes] == [("thin", True, False), ("tsnap", False, True)]

    def test_two_groups_of_one_name(self):
        assert [name for name, _ in recorded("2.03.16-twice")].count("data2") == 2

    def test_a_kernel_without_device_mapper_cannot_tell(self):
        text = (REPORTS / "2.03.16-inactive.json").read_text().replace('"lv_active":""', '"lv_active":"unknown"')
        assert {one.active for group in parse(text, lambda number: ()) for one in group.volumes} == {None}

    def test_what_cannot_be_understood_is_an_error(self):
        for text in ("", "{}", '{"report": [{"vg": [{"vg_name": "a"}]}]}', '{"report": 1}'):
            with pytest.raises(Permanent, match="cannot understand what lvm fullreport says"):
                parse(text, lambda number: ())

    def test_the_adapter_asks_once(self):
        commands = Recorded((REPORTS / "2.03.16-active.json").read_text())
        assert len(LinuxLvm(commands, sys="/nonexistent").groups().found) == 2 and commands.asked == [REPORT]
        assert LinuxLvm(commands, sys="/nonexistent").begin()() == LinuxLvm(commands, sys="/nonexistent").groups()
        lacking = LinuxLvm(Recorded(error=NotFound("cannot run lvm: no such file or directory")))
        for asked in (lacking.groups, lacking.begin()):
            with pytest.raises(NotFound, match="apt-get install lvm2"):
                asked()

    def test_a_group_that_cannot_be_read_takes_nothing_from_the_others(self):
        said = "  WARNING: PV /dev/sdx is used by another machine.\n  Cannot access VG foreign with system ID deb9.\n"
        text = (REPORTS / "2.03.16-active.json").read_text()
        groups = LinuxLvm(Recorded(text, code=5, stderr=said), sys="/nonexistent").groups()
        assert [group.name for group in groups] == ["data", "gone"]
        assert groups.unread == "Cannot access VG foreign with system ID deb9"
        assert LinuxLvm(Recorded(text), sys="/nonexistent").groups().unread == ""
        for report, code in (("", 5), ("  {", 5), (text, 3)):
            with pytest.raises(Permanent, match="Cannot access VG foreign with system ID deb9"):
                LinuxLvm(Recorded(report, code=code, stderr=said)).groups()

    def test_what_lies_on_a_device_is_read_from_sysfs(self, tmp_path):
        for name, uuid, dm in (("dm-1", "part1-LVM-x", "data-a1"), ("dm-2", "", "secret")):
            (tmp_path / "dev/block/254:1/holders" / name).mkdir(parents=True)
            (tmp_path / "class/block" / name / "dm").mkdir(parents=True)
            (tmp_path / "class/block" / name / "dm/name").write_text(f"{dm}\n")
            (tmp_path / "class/block" / name / "dm/uuid").write_text(f"{uuid}\n")
        lvm = LinuxLvm(Recorded((REPORTS / "2.03.16-active.json").read_text()), sys=str(tmp_path))
        assert lvm.groups().found[0].volumes[0].holders == (Holder("data-a1", partition=True), Holder("secret"))
