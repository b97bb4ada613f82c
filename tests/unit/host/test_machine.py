"""The fake machine itself: effects, deaths, faults, reboots, daemons. That it behaves like the real one is tests/contract."""

import math
from signal import SIGHUP, SIGKILL, SIGTERM

import pytest

from reconciler.host.errors import Busy, Conflict, NotFound, Transient
from tests.fakehost import Crash, FakeHost, Machine, UnmodelledCommand


def files(machine):
    return machine.tree.names("/srv")


def make_three(host):
    for name in "abc":
        host.files.make_dir(f"/srv/{name}")


@pytest.mark.parametrize(
    ("k", "when", "left"), [(1, "before", ()), (1, "after", ("a",)), (3, "before", ("a", "b")), (2, "after", ("a", "b"))]
)
def test_osvc_dies_around_an_effect(machine, host, k, when, left):
    machine.die_at(k, when)
    with pytest.raises(Crash):
        make_three(host)
    assert files(machine) == left
    for call in (lambda: host.files.stat("/"), lambda: host.commands.run(["true"]), lambda: host.clock.sleep(1)):
        with pytest.raises(Crash):
            call()
    machine.revive()
    make_three(FakeHost(machine))
    assert files(machine) == ("a", "b", "c")


def test_only_changes_that_happened_are_counted(machine, host):
    host.files.stat("/srv")
    host.commands.run(["iptables", "-w", "-t", "nat", "-N", "X"])
    with pytest.raises(Conflict):
        host.commands.run(["iptables", "-w", "-t", "nat", "-N", "X"])
    with pytest.raises(NotFound):
        host.commands.run(["iptables", "-w", "-t", "nat", "-C", "X", "-j", "ACCEPT"])
    assert machine.done == ["iptables -w -t nat -N X"]
    assert machine.effects == 1


def test_a_fault_meets_the_next_call_that_matches(machine, host):
    machine.fail_next("make_dir /srv/b", Busy("not now"))
    with pytest.raises(Busy, match="not now"):
        make_three(host)
    assert files(machine) == ("a",)
    make_three(host)
    assert files(machine) == ("a", "b", "c")


def test_a_fault_for_reads_and_for_ever(machine, host):
    machine.fail_next(lambda label: label.startswith("stat /hung"), Transient("no answer"), times=math.inf)
    for _ in range(3):
        with pytest.raises(Transient):
            host.files.stat("/hung/x")
    assert host.files.stat("/srv") is not None
    machine.heal()
    assert host.files.stat("/hung/x") is None


def test_an_unknown_command_is_loud():
    machine = Machine()
    for argv in (
        ["mkfs.jfs", "/dev/x"],
        ["mount", "--move", "/a", "/b"],
        ["ip", "tunnel"],
        ["rm", "-r", "/"],
        ["umount", "-l", "/"],
    ):
        with pytest.raises(UnmodelledCommand):
            FakeHost(machine).commands.run(argv)
    assert len(machine.unmodelled) == 5
    assert machine.done == []


def test_a_program_that_is_not_installed(machine, host):
    machine.tree.remove("/usr/sbin/iptables")
    with pytest.raises(NotFound, match="cannot run iptables"):
        host.commands.run(["iptables", "-w", "-t", "nat", "-N", "X"])


def test_time_passes_when_somebody_sleeps(machine, host):
    before = host.clock.now()
    host.clock.sleep(2.5)
    assert (host.clock.now() - before).total_seconds() == 2.5
    assert host.clock.monotonic() == machine.ticks


def test_a_filesystem_torn_off_under_its_holder(machine, host):
    machine.make_image("/img/a")
    host.commands.run(["mkdir", "-p", "--", "/srv/a"])
    host.commands.run(["mount", "-t", "ext4", "-o", "loop", "--", "/img/a", "/srv/a"])
    holder = machine.start_process(("mysqld",))
    machine.hold(holder, "/srv/a")
    with pytest.raises(Busy):
        host.commands.run(["umount", "--", "/srv/a"])
    machine.tear_off("/srv/a")
    assert host.files.names("/srv/a") == ()


def test_fsck_tells_what_it_found(machine, host):
    image = machine.make_image("/img/a")
    image.fsck = 1
    assert host.commands.run(["e2fsck", "-p", "--", "/img/a"], ok=(0, 1)).code == 1
    assert host.commands.run(["e2fsck", "-p", "--", "/img/a"]).code == 0
    image.fsck = 4
    assert "RUN fsck MANUALLY" in host.commands.run(["e2fsck", "-p", "--", "/img/a"], ok=range(9)).stdout


def test_rm_stays_on_its_filesystem(machine, host):
    host.files.make_dir("/run/x/in/deep")
    host.commands.run(["mount", "-t", "tmpfs", "--", "tmpfs", "/run/x/in"])
    with pytest.raises(Busy):
        host.commands.run(["rm", "-rf", "--one-file-system", "--", "/run/x"])
    host.commands.run(["umount", "--", "/run/x/in"])
    host.commands.run(["rm", "-rf", "--one-file-system", "--", "/run/x"])
    assert host.files.stat("/run/x") is None


class TestDaemon:
    ARGV = ("dockerd", "--host=unix:///run/e/s", "--pidfile=/run/e/pid", "--data-root=/srv/e", "--exec-root=/run/e/x")

    @pytest.fixture
    def start(self, host):
        host.files.make_dir("/run/e")
        return lambda *more: host.processes.spawn((*self.ARGV, *more), log="/run/e/log", env={}, cgroup="osvc-e")

    def test_it_comes_up_and_is_found_by_its_socket(self, host, start):
        daemon = start()
        assert host.processes.peer("/run/e/s") == daemon
        assert host.files.read("/run/e/pid") == str(daemon.pid)
        assert host.files.stat("/srv/e").kind == "dir"

    def test_term_takes_socket_and_pid_file_away_kill_does_not(self, host, start):
        host.processes.signal(start(), SIGTERM)
        assert not {"s", "pid"} & set(host.files.names("/run/e"))
        host.processes.signal(start(), SIGKILL)
        assert {"s", "pid"} <= set(host.files.names("/run/e"))
        assert host.processes.peer("/run/e/s") is None

    def test_hup_leaves_it_running(self, host, start):
        daemon = start()
        host.processes.signal(daemon, SIGHUP)
        assert host.processes.get(daemon.pid) == daemon

    def test_a_second_one_ends_at_once(self, host, start):
        first = start()
        second = start()
        assert host.processes.get(second.pid) is None
        assert host.processes.get(first.pid) == first
        assert "pid file found" in host.files.read("/run/e/log")

    @pytest.mark.parametrize("word", ["--bridge=osvc-none", "--containerd=/run/e/c.sock"])
    def test_it_needs_its_bridge_and_its_containerd(self, host, start, word):
        assert host.processes.get(start(word).pid) is None
        assert "failed to start" in host.files.read("/run/e/log")

    def test_it_keeps_its_filesystem_busy(self, host, start):
        host.files.make_dir("/srv/e")
        host.commands.run(["mount", "-t", "tmpfs", "--", "tmpfs", "/srv/e"])
        daemon = start()
        with pytest.raises(Busy):
            host.commands.run(["umount", "--", "/srv/e"])
        host.processes.signal(daemon, SIGTERM)
        host.commands.run(["umount", "--", "/srv/e"])


def test_a_reboot_leaves_what_lies_on_disk(machine, host):
    machine.make_image("/img/a")
    for argv in (["mkdir", "-p", "--", "/srv/a"], ["mount", "-t", "ext4", "-o", "loop", "--", "/img/a", "/srv/a"]):
        host.commands.run(argv)
    host.commands.run(["ip", "link", "add", "name", "osvc-1", "type", "bridge"])
    host.commands.run(["sysctl", "-w", "net.ipv4.ip_forward=1"])
    host.files.make_dir("/run/osvc/web")
    host.files.write("/srv/a/kept", "x")
    before = machine.boot_id
    machine.reboot()
    assert machine.boot_id != before
    assert len(host.mounts.table()) == 1
    assert host.files.names("/run") == host.files.names("/srv/a") == ()
    assert [link.name for link in host.net.links()] == ["lo", "eth0"]
    assert host.net.forwarding() is False
    host.commands.run(["mount", "-t", "ext4", "-o", "loop", "--", "/img/a", "/srv/a"])
    assert host.files.read("/srv/a/kept") == "x"
