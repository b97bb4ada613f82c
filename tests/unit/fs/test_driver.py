"""The driver on the fake machine: what the real one is tested for as root, without being root."""

from dataclasses import replace

import pytest

from reconciler.core.action import BARRIER
from reconciler.core.diff import diff_up
from reconciler.core.ids import ResourceId
from reconciler.core.node import Node
from reconciler.core.observed import Absent, Present, Unknown
from reconciler.core.policy import Policy
from reconciler.host.errors import Busy, Cancelled, Conflict, Permanent
from reconciler.resources.driver import Wanted
from reconciler.resources.fs.actions import Mount
from reconciler.resources.fs.driver import DRIVER
from reconciler.resources.fs.making_actions import MakeFile, MakeFilesystem
from reconciler.resources.fs.model import Desired, State
from reconciler.resources.fs.planning import KIND
from tests.fakehost import FakeHost, Machine
from tests.fakehost.filesystem import Loop
from tests.unit.fs.bench import OWN, Bench, changes


class Hurried:
    """The processes of a run that was asked to stop: no wait takes its time."""

    def __init__(self, processes):
        self.users, self.signal = processes.users, processes.signal

    def wait_gone(self, process, timeout):
        return False


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def bench(machine):
    return Bench(FakeHost(machine, Node()))


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("seed", range(20))
def test_whatever_options_follow_each_other_a_second_look_finds_nothing(machine, bench, seed, kind):
    machine.tree.make_dir("/srv/src", 0o755)
    machine.make_image("/srv/x.img", kind)
    machine.exports.add("filer:/export")
    for specs in changes("/srv", seed, kind):
        bench.up("fs#1", specs)
        effects = machine.effects
        assert bench.up("fs#1", specs) == "keep", specs
        assert machine.effects == effects
    bench.down("fs#1", specs)
    assert isinstance(bench.look(specs)["fs#1"], Absent)


def test_a_stray_unmount_is_drift_and_mounted_again(machine, bench):
    machine.make_image("/srv/x.img")
    specs = {"fs#1": Desired(dev="/srv/x.img", mnt="/srv/m", type="ext4")}
    bench.up("fs#1", specs)
    machine.tear_off("/srv/m")
    change = bench.change("fs#1", specs)
    assert (change.verdict.value, change.cause.value, change.reason) == ("create", "drift", "/srv/m is not mounted")
    assert bench.up("fs#1", specs) == "create"


def test_an_orphan_is_found_where_it_was_applied(machine, bench):
    machine.make_image("/srv/x.img")
    specs = {"fs#1": Desired(dev="/srv/x.img", mnt="/srv/m", type="ext4")}
    bench.up("fs#1", specs)
    orphan = Wanted(ResourceId("t", "fs#1"), None, bench.owned["fs#1"])
    seen = DRIVER.observe([orphan], bench.host)[orphan.id]
    assert isinstance(seen, Present)
    assert seen.state == State(dev="/srv/x.img", mnt="/srv/m", type="ext4", loop=True)


def test_a_backing_file_behind_a_mount_that_is_still_to_come_is_unknown(machine, bench):
    machine.make_image("/srv/x.img")
    outer = Desired(dev="/srv/x.img", mnt="/srv/m", type="ext4")
    specs = {"fs#1": outer, "fs#2": Desired(dev="/srv/m/y.img", mnt="/srv/n", type="ext4")}
    seen = bench.look(specs)["fs#2"]
    assert isinstance(seen, Unknown)
    assert (seen.behind, seen.basis) == ("fs#1", "comes with fs#1")
    assert KIND.objection(specs["fs#2"], None, seen.assume.around) is None
    bench.up("fs#1", specs)
    assert "does not exist" in bench.change("fs#2", specs).reason


def test_one_resource_that_cannot_be_seen_leaves_the_others_alone(machine, bench):
    machine.make_image("/srv/x.img")
    machine.fail_next(lambda label: "/srv/bad" in label, Permanent("input/output error"), times=100)
    specs = {
        "fs#1": Desired(dev="/srv/bad.img", mnt="/srv/bad", type="ext4"),
        "fs#2": Desired(dev="/srv/x.img", mnt="/srv/m", type="ext4"),
    }
    seen = bench.look(specs)
    assert isinstance(seen["fs#1"], Unknown)
    assert "input/output error" in seen["fs#1"].reason
    assert isinstance(seen["fs#2"], Absent)


def test_a_busy_mount_stays_and_says_so(machine, bench):
    specs = {"fs#1": Desired(dev="tmpfs", mnt="/srv/t", type="tmpfs")}
    bench.up("fs#1", specs)
    holder = machine.start_process(("mysqld",))
    machine.hold(holder, "/srv/t")
    with pytest.raises(Busy, match="cannot unmount /srv/t: busy"):
        bench.down("fs#1", specs)
    assert isinstance(bench.look(specs)["fs#1"], Present)


DISKS = ["ext2", "ext3", "ext4", "xfs", "btrfs", "vfat"]


@pytest.mark.parametrize("kind", DISKS)
def test_each_type_is_mounted_found_and_unmounted(machine, bench, kind):
    machine.make_image("/srv/x.img", kind)
    specs = {"fs#1": Desired(dev="/srv/x.img", mnt="/srv/m", type=kind)}
    assert [bench.up("fs#1", specs), bench.up("fs#1", specs)] == ["create", "keep"]
    bench.down("fs#1", specs)
    assert isinstance(bench.look(specs)["fs#1"], Absent)


@pytest.mark.parametrize(
    ("dev", "links"),
    [
        ("/dev/dm-3", {}),
        ("/dev/vg/lv", {"/dev/vg/lv": "/dev/dm-3"}),
        ("/dev/mapper/vg-lv", {"/dev/mapper/vg-lv": "/dev/dm-3"}),
        ("UUID=7-7", {}),
        ("LABEL=data", {}),
        ("PARTUUID=8", {}),
        ("PARTLABEL=p", {}),
    ],
)
def test_a_device_is_known_by_whatever_name(machine, bench, dev, links):
    machine.add_disk("/dev/dm-3", "xfs", "253:3")
    for path, target in links.items():
        machine.add_link(path, target)
    machine.tags["/dev/dm-3"] = {"UUID=7-7", "LABEL=data", "PARTUUID=8", "PARTLABEL=p"}
    plain = {"fs#1": Desired(dev="/dev/dm-3", mnt="/srv/m", type="xfs")}
    bench.up("fs#1", plain)
    named = {"fs#1": Desired(dev=dev, mnt="/srv/m", type="xfs")}
    fresh = Bench(bench.host)
    assert fresh.change("fs#1", named).verdict.value == "adopt"
    bench.down("fs#1", plain)
    assert [fresh.up("fs#1", named), fresh.up("fs#1", named)] == ["create", "keep"]
    fresh.down("fs#1", named)
    assert isinstance(fresh.look(named)["fs#1"], Absent)


def test_two_nodes_of_one_number_are_one_device(machine, bench):
    disk = machine.add_disk("/dev/dm-3", "xfs", "253:3")
    machine.add_disk("/dev/mapper/vg-lv", device="253:3").image = disk.image
    bench.up("fs#1", {"fs#1": Desired(dev="/dev/dm-3", mnt="/srv/m", type="xfs")})
    other = {"fs#1": Desired(dev="/dev/mapper/vg-lv", mnt="/srv/m", type="xfs")}
    assert Bench(bench.host).change("fs#1", other).verdict.value == "adopt"


def test_a_tag_that_nothing_bears_and_one_that_two_bear(machine, bench):
    specs = {"fs#1": Desired(dev="LABEL=data", mnt="/srv/m", type="xfs")}
    change = bench.change("fs#1", specs)
    assert (change.verdict.value, change.reason) == ("refuse", "no device bears LABEL=data")
    for name in ("/dev/sdb", "/dev/sdc"):
        machine.add_disk(name, "xfs")
        machine.tags[name] = {"LABEL=data"}
    seen = bench.look(specs)["fs#1"]
    assert isinstance(seen, Unknown) and "borne by several devices (/dev/sdb, /dev/sdc)" in seen.reason


def test_nfs_is_mounted_without_a_device_and_found_as_what_it_is_shown(machine, bench):
    machine.exports.add("filer:/export")
    specs = {"fs#1": Desired(dev="filer:/export", mnt="/srv/m", type="nfs", mnt_opt=("vers=4", "soft", "rsize=65536"))}
    assert [bench.up("fs#1", specs), bench.up("fs#1", specs)] == ["create", "keep"]
    assert bench.look(specs)["fs#1"].state.type == "nfs4"
    bench.down("fs#1", specs)


def test_each_subvolume_of_a_btrfs_in_its_place(machine, bench):
    machine.make_image("/srv/x.img", "btrfs")
    specs = {
        "fs#1": Desired(dev="/srv/x.img", mnt="/srv/a", type="btrfs", mnt_opt=("subvol=a",)),
        "fs#2": Desired(dev="/srv/x.img", mnt="/srv/b", type="btrfs", mnt_opt=("subvol=/b",)),
    }
    assert [claim.key for claim in KIND.claims(specs["fs#1"])][1] == "/srv/x.img subvol=/a"
    assert bench.up("fs#1", specs) == "create"
    changed = {"fs#1": Desired(dev="/srv/x.img", mnt="/srv/a", type="btrfs", mnt_opt=("subvol=b",))}
    assert [bench.up("fs#1", changed), bench.up("fs#1", changed)] == ["replace", "keep"]
    bench.down("fs#1", changed)


class TestChecks:
    @pytest.fixture
    def image(self, machine):
        return lambda kind: machine.make_image("/srv/x.img", kind)

    def mount(self, bench, kind):
        bench.up("fs#1", {"fs#1": Desired(dev="/srv/x.img", mnt="/srv/m", type=kind)})

    @pytest.mark.parametrize("code", [0, 1])
    def test_what_e2fsck_mends_is_mounted(self, bench, image, code):
        image("ext4").fsck = code
        self.mount(bench, "ext4")

    @pytest.mark.parametrize(("code", "text"), [(4, "run e2fsck /srv/x.img by hand"), (8, "cannot check"), (32, "cannot check")])
    def test_what_it_does_not_mend_is_not(self, bench, image, code, text):
        image("ext4").fsck = code
        with pytest.raises(Permanent, match=text):
            self.mount(bench, "ext4")

    def test_a_fat_that_was_mended_is_mounted_and_one_that_was_not_needs_a_person(self, bench, image, machine):
        image("vfat").fsck = 1
        self.mount(bench, "vfat")
        bench.down("fs#1", {"fs#1": Desired(dev="/srv/x.img", mnt="/srv/m", type="vfat")})
        machine.tree.find("/srv/x.img").image.fsck = 2
        with pytest.raises(Permanent, match=r"run fsck\.fat -r /srv/x\.img by hand"):
            self.mount(bench, "vfat")

    @pytest.mark.parametrize(("kind", "text"), [("xfs", "xfs_repair -n /srv/x.img"), ("btrfs", "btrfs check /srv/x.img")])
    def test_what_checks_itself_names_its_tool_when_it_cannot_be_mounted(self, machine, bench, image, kind, text):
        image(kind)
        machine.fail_next("mount -t", Permanent("structure needs cleaning"))
        with pytest.raises(Permanent, match=f"structure needs cleaning; {text}"):
            self.mount(bench, kind)

    def test_a_loop_device_that_stands_on_it_is_what_is_checked(self, machine, bench, image):
        image("ext4")
        inode = machine.tree.find("/srv/x.img")
        machine.tree.loops["/dev/loop3"] = Loop(inode, "/srv/x.img", machine.tree.mounts[0])
        self.mount(bench, "ext4")
        assert bench.said == ["/srv/x.img is checked through /dev/loop3, which stands on it"]
        assert "e2fsck -p -- /dev/loop3" in machine.done
        assert machine.tree.top_at("/srv/m").source == "/dev/loop3"

    def test_what_somebody_else_has_is_left_unchecked(self, machine, bench):
        machine.add_disk("/dev/sdb", "ext4")
        machine.claimed.add("/dev/sdb")
        specs = {"fs#1": Desired(dev="/dev/sdb", mnt="/srv/m", type="ext4")}
        bench.up("fs#1", specs)
        assert bench.said == ["/dev/sdb is left unchecked: it is mounted somewhere, or a part of another device"]
        assert not [words for words in machine.done if words.startswith("e2fsck")]

    def test_what_is_write_protected_is_left_unchecked(self, machine, bench, image):
        image("ext4")
        machine.tree.make_dir("/srv/m", 0o755)
        machine.tree.mounts[0].readonly = True
        bench.do("fs#1", Mount(dev="/srv/x.img", mnt="/srv/m", type="ext4", mnt_opt=("ro",), loop=True))
        assert bench.said == ["/srv/x.img is left unchecked: it is write-protected, and nothing could be mended"]


class TestBusy:
    SPEC = {"fs#1": Desired(dev="tmpfs", mnt="/srv/t", type="tmpfs", kill_grace=10)}

    @pytest.fixture
    def holder(self, machine, bench):
        bench.up("fs#1", self.SPEC)
        process = machine.start_process(("/usr/sbin/mysqld", "--safe"))
        machine.hold(process, "/srv/t")
        return process

    def test_who_is_named_gets_term_and_the_mount_is_freed(self, machine, bench, holder):
        other = machine.start_process(("vi",))
        end, _ = KIND.moves(bench.falling("fs#1", self.SPEC)).down
        assert end.says() == f"end who keeps /srv/t busy: pid {holder.pid} mysqld (TERM, and KILL after 10 s)"
        assert end.command() == f"kill -TERM {holder.pid}"
        assert not end.shown(bench.look(self.SPEC)["fs#1"])
        bench.down("fs#1", self.SPEC)
        assert (holder.signals, other.signals) == ([15], [])
        assert isinstance(bench.look(self.SPEC)["fs#1"], Absent)

    def test_who_does_not_heed_term_gets_kill_after_its_time(self, machine, bench, holder):
        holder.ignores.add(15)
        begun = machine.ticks
        bench.down("fs#1", self.SPEC)
        assert holder.signals == [15, 9] and machine.ticks - begun >= 10

    def test_who_lets_go_of_it_after_term_lives_on(self, machine, bench, holder):
        def let_go(process, number):
            process.holds.clear()
            return True

        machine.on_signal.append(let_go)
        bench.down("fs#1", self.SPEC)
        assert holder.signals == [15] and holder.pid in machine.processes

    def test_who_came_later_than_the_plan_is_not_signalled(self, machine, bench, holder):
        end, unmount = KIND.moves(bench.falling("fs#1", self.SPEC)).down
        late = machine.start_process(("backup",))
        machine.hold(late, "/srv/t")
        bench.do("fs#1", end)
        assert late.signals == []
        with pytest.raises(Busy, match=rf"busy \(pid {late.pid} backup\)"):
            bench.do("fs#1", unmount)

    def test_another_process_of_the_same_number_is_not_signalled(self, machine, bench, holder):
        end, _ = KIND.moves(bench.falling("fs#1", self.SPEC)).down
        machine.kill(holder.pid)
        other = machine.start_process(("sshd",), pid=holder.pid)
        other.started = holder.started + 5
        machine.hold(other, "/srv/t")
        bench.do("fs#1", end)
        assert other.signals == []

    def test_nobody_is_signalled_once_something_else_is_mounted_there(self, machine, bench, holder):
        end, _ = KIND.moves(bench.falling("fs#1", self.SPEC)).down
        machine.tear_off("/srv/t")
        bench.do("fs#1", end)
        bench.host.commands.run(["mount", "-t", "tmpfs", "--", "foreign", "/srv/t"])
        bench.do("fs#1", end)
        assert holder.signals == []

    def test_nobody_is_signalled_where_it_stays_busy_all_the_same(self, machine, bench, holder):
        end, _ = KIND.moves(bench.falling("fs#1", self.SPEC)).down
        spared = machine.start_process(("dockerd",), cgroup="docker/x")
        machine.hold(spared, "/srv/t")
        with pytest.raises(Busy, match=rf"nobody is ended for it: busy by pid {spared.pid} dockerd \(of an engine\)"):
            bench.do("fs#1", end)
        spared.holds.clear()
        machine.tree.make_dir("/srv/t/in", 0o755)
        bench.host.commands.run(["mount", "-t", "tmpfs", "--", "tmpfs", "/srv/t/in"])
        with pytest.raises(Busy, match="/srv/t/in is mounted below it"):
            bench.do("fs#1", end)
        assert holder.signals == []

    def test_nobody_is_killed_before_its_time_when_the_run_is_asked_to_stop(self, machine, bench, holder):
        end, _ = KIND.moves(bench.falling("fs#1", self.SPEC)).down
        holder.ignores.add(15)
        hurried = replace(bench.host, processes=Hurried(bench.host.processes))
        with pytest.raises(Cancelled, match=f"asked to stop while pid {holder.pid} mysqld had time left"):
            Bench(hurried).do("fs#1", end)
        assert holder.signals == [15]

    def test_nobody_is_killed_when_something_else_is_mounted_there_meanwhile(self, machine, bench, holder):
        end, _ = KIND.moves(bench.falling("fs#1", self.SPEC)).down
        ours = machine.tree.top_at("/srv/t")

        def exchanged(process, number):
            machine.tree.detach(ours)
            bench.host.commands.run(["mount", "-t", "tmpfs", "--", "other", "/srv/t"])
            machine.tree.top_at("/srv/t").id = ours.id
            process.holds = [machine.tree.top_at("/srv/t")]
            return True

        machine.on_signal.append(exchanged)
        bench.do("fs#1", end)
        assert holder.signals == [15]

    def test_the_name_of_a_program_cannot_pass_for_more(self, machine, bench):
        bench.up("fs#1", self.SPEC)
        machine.hold(machine.start_process(("x\n+ fs#2\x1b[31m: mount " + "y" * 99,)), "/srv/t")
        (found,) = bench.look(self.SPEC)["fs#1"].state.holders
        assert found.name == "x"

    def test_engines_and_osvc_are_spared_and_named(self, machine, bench, holder):
        holder.cgroup = "osvc-12"
        machine.hold(machine.processes[99], "/srv/t")
        seen = bench.look(self.SPEC)["fs#1"].state.holders
        assert [(one.name, one.spared) for one in seen] == [("osvc", "osvc itself"), ("mysqld", "of an engine")]
        assert [action.op for action in KIND.moves(bench.falling("fs#1", self.SPEC)).down] == ["unmount"]
        with pytest.raises(Busy, match="busy"):
            bench.down("fs#1", self.SPEC)
        assert holder.signals == []

    def test_users_of_the_source_of_a_bind_mount_are_none_of_its_own(self, machine, bench):
        bench.up("fs#1", self.SPEC)
        machine.tree.make_dir("/srv/t/data", 0o755)
        specs = {**self.SPEC, "fs#2": Desired(dev="/srv/t/data", mnt="/srv/b", type="bind", mnt_opt=("bind",), kill_grace=1)}
        bench.up("fs#2", specs)
        holder = machine.start_process(("mysqld",))
        machine.hold(holder, "/srv/t/data")
        assert bench.look(specs)["fs#2"].state.holders == ()
        bench.down("fs#2", specs)
        assert holder.signals == []

    def test_without_a_grace_nobody_is_looked_for(self, machine, bench):
        bench.up("fs#1", {"fs#1": Desired(dev="tmpfs", mnt="/srv/t", type="tmpfs")})
        assert not [look for look in machine.looks if look.startswith("users of")]


class TestSilent:
    def test_what_does_not_answer_is_unknown_and_the_others_are_seen(self, machine, bench):
        machine.exports.add("filer:/export")
        specs = {
            "fs#1": Desired(dev="filer:/export", mnt="/srv/m", type="nfs", stat_timeout=3),
            "fs#2": Desired(dev="tmpfs", mnt="/srv/t", type="tmpfs"),
            "fs#3": Desired(dev="/srv/m/x.img", mnt="/srv/x", type="ext4"),
        }
        bench.up("fs#1", specs)
        bench.up("fs#2", specs)
        machine.silent.add("/srv/m")
        begun = machine.ticks
        seen = bench.look(specs)
        assert seen["fs#1"] == Unknown("/srv/m does not answer within 3 s: the server of filer:/export is gone or slow")
        assert isinstance(seen["fs#2"], Present)
        assert isinstance(seen["fs#3"], Unknown) and "/srv/m/x.img does not answer" in seen["fs#3"].reason
        assert machine.ticks - begun <= 3 + 5
        machine.silent.clear()
        assert bench.up("fs#1", specs) == "keep"

    def test_a_device_that_went_away_under_its_mount(self, machine, bench):
        machine.add_disk("/dev/sdb", "xfs", "8:16")
        specs = {"fs#1": Desired(dev="/dev/sdb", mnt="/srv/m", type="xfs")}
        bench.up("fs#1", specs)
        machine.tree.remove("/dev/sdb")
        change = bench.change("fs#1", specs)
        assert (change.verdict.value, change.fields) == ("keep", ())
        assert change.reason.startswith("/dev/sdb is gone from under it")
        bench.down("fs#1", specs)
        assert bench.change("fs#1", specs).reason == "/dev/sdb does not exist"

    def test_another_device_that_took_its_name_is_not_taken_for_it(self, machine, bench):
        machine.add_disk("/dev/sdb", "xfs", "8:16")
        specs = {"fs#1": Desired(dev="/dev/sdb", mnt="/srv/m", type="xfs")}
        bench.up("fs#1", specs)
        machine.tree.remove("/dev/sdb")
        machine.add_disk("/dev/sdb", "xfs", "8:32")
        assert bench.change("fs#1", specs).reason.startswith("/dev/sdb is gone from under it")
        assert Bench(bench.host).change("fs#1", specs).reason == "xfs /dev/sdb is mounted on /srv/m, not by osvc"
        bench.down("fs#1", specs)
        assert bench.up("fs#1", specs) == "create"
        assert machine.tree.top_at("/srv/m").fs.device == "8:32"

    def test_a_backing_file_that_was_exchanged_is_said_to_be_gone(self, machine, bench):
        machine.make_image("/srv/x.img")
        specs = {"fs#1": Desired(dev="/srv/x.img", mnt="/srv/m", type="ext4")}
        bench.up("fs#1", specs)
        machine.tree.remove("/srv/x.img")
        machine.make_image("/srv/x.img")
        assert bench.change("fs#1", specs).reason.startswith("/srv/x.img is gone from under it")
        bench.down("fs#1", specs)
        assert [bench.up("fs#1", specs), bench.up("fs#1", specs)] == ["create", "keep"]

    def test_a_tag_that_another_device_bears_by_now_is_not_mounted(self, machine, bench):
        for name in ("/dev/sdb", "/dev/sdc"):
            machine.add_disk(name, "xfs")
        machine.tags["/dev/sdc"] = {"UUID=7-7"}
        with pytest.raises(Conflict, match="it is not /dev/sdb any more"):
            bench.do("fs#1", Mount(dev="UUID=7-7", mnt="/srv", type="xfs", device="/dev/sdb"))
        with pytest.raises(Conflict, match="it is not /dev/sdb any more"):
            bench.do("fs#1", MakeFilesystem(dev="PARTUUID=8", device="/dev/sdb", type="xfs"))
        assert machine.done == []


class TestMaking:
    @pytest.fixture
    def spec(self):
        return Desired(dev="/srv/x.img", mnt="/srv/m", type="ext4", provision=True, size=64 << 20, mkfs_opt=("-L", "web"))

    def go(self, bench, spec, force=("provision",)):
        specs = {"fs#1": spec}
        change = diff_up(KIND, "fs#1", spec, bench.look(specs)["fs#1"], None, Policy(force=frozenset(force)))
        for action in KIND.moves(change).up:
            bench.do("fs#1", action)
            assert action.shown(bench.look(specs)["fs#1"]), action.says()
            bench.do("fs#1", action)
        return change

    def test_a_file_and_a_filesystem_are_made_and_mounted(self, machine, bench, spec):
        assert self.go(bench, spec).verdict.value == "create"
        assert machine.done[:3] == [
            "truncate -s '>67108864' -- /srv/x.img",
            "chmod 600 /srv/x.img",
            "mkfs.ext4 -q -L web -- /srv/x.img",
        ]
        assert bench.up("fs#1", {"fs#1": spec}) == "adopt"

    @pytest.mark.parametrize("force", [(), ("force",), ("adopt",)])
    def test_not_without_the_permission(self, machine, bench, spec, force):
        change = self.go(bench, spec, force)
        assert (change.verdict.value, change.remedy) == ("refuse", "osvc apply --provision makes a file of 64m with ext4 in it")
        assert machine.done == []

    def test_not_without_the_spec_either(self, machine, bench, spec):
        assert self.go(bench, spec.model_copy(update={"provision": False})).verdict.value == "refuse"
        assert machine.done == []

    @pytest.mark.parametrize("text", ["signature: LVM2_member", "precious"])
    def test_never_over_anything(self, machine, bench, spec, text):
        machine.add_file("/srv/x.img", text)
        change = self.go(bench, spec)
        assert change.verdict.value == "refuse" and machine.done == []
        with pytest.raises(Conflict):
            bench.do("fs#1", MakeFilesystem(dev="/srv/x.img", device="/srv/x.img", type="ext4"))
        with pytest.raises(Conflict, match="something is there already"):
            bench.do("fs#1", MakeFile(path="/srv/x.img", size=64 << 20))
        assert machine.done == []

    def test_never_on_what_is_a_part_of_something(self, machine, bench):
        machine.add_disk("/dev/sdb")
        machine.claimed.add("/dev/sdb")
        with pytest.raises(Busy, match="in use by another device"):
            bench.do("fs#1", MakeFilesystem(dev="/dev/sdb", device="/dev/sdb", type="ext4"))
        assert machine.done == []

    def test_what_was_cut_off_after_the_file_is_gone_on_with(self, machine, bench, spec):
        machine.add_file("/srv/x.img").size = 64 << 20
        assert [action.op for action in KIND.moves(self.go(bench, spec)).up] == ["make", "mkdir", "mount"]

    def test_undoing_stops_at_what_was_made(self, machine, bench, spec):
        seen = bench.look({"fs#1": spec})["fs#1"]
        for action in (MakeFile(path="/srv/x.img", size=1), MakeFilesystem(dev="/a", device="/a", type="ext4")):
            assert action.undo(seen) is BARRIER
            assert action.undo(action.after(seen)) == ()
