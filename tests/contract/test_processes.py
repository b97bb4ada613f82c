"""Processes."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core import units
from reconciler.host.errors import Busy, Denied, NotFound, Permanent
from reconciler.host.linux import processes
from reconciler.host.linux.clock import LinuxClock
from reconciler.host.linux.processes import _DETACH, LinuxProcesses
from reconciler.host.ports import Process
from tests.contract.stage import FakeStage, own_network


@pytest.fixture
def daemon(stage):
    """A detached process in a cgroup of its own; its words name the stage's folder, so that the stage ends it."""
    argv = ["tail", "-f", f"{stage.dir}/log"]
    return stage.host.processes.spawn(argv, log=f"{stage.dir}/log", env={"PATH": "/usr/bin:/bin"}, cgroup=stage.name)


def test_spawned_process_is_seen(stage, daemon):
    assert daemon.argv == ("tail", "-f", f"{stage.dir}/log")
    assert daemon.exe.endswith("/tail")
    assert daemon.cwd == "/"
    assert stage.host.processes.get(daemon.pid) == daemon
    everything = stage.host.processes.all()
    assert replace(daemon, exe="", cwd="") in everything
    assert [process.pid for process in everything] == sorted(process.pid for process in everything)


def test_spawn_appends_to_its_log(stage):
    log = f"{stage.dir}/log"
    stage.host.files.write(log, "before\n")
    stage.host.processes.spawn(["tail", "-f", log], log=log, env={}, cgroup=stage.name)
    assert stage.host.files.read(log).startswith("before\n")


def test_who_has_a_file_open_is_named(stage, daemon):
    log = f"{stage.dir}/log"
    if isinstance(stage, FakeStage):
        stage.machine.opened[log] = daemon.pid
    assert [one.pid for one in stage.host.processes.openers(log)] == [daemon.pid]
    assert stage.host.processes.openers(f"{stage.dir}/none") == ()


def test_spawn_of_no_program(stage):
    with pytest.raises(NotFound, match="cannot start /none/program"):
        stage.host.processes.spawn(["/none/program"], log=f"{stage.dir}/log", env={}, cgroup=stage.name)
    assert stage.host.processes.has_cgroup(stage.name) is False


def test_spawn_without_a_folder_for_the_log(stage):
    with pytest.raises(NotFound, match="cannot start tail"):
        stage.host.processes.spawn(["tail", "-f", stage.dir], log=f"{stage.dir}/none/log", env={}, cgroup=stage.name)
    assert stage.host.processes.has_cgroup(stage.name) is False


def test_signal_ends_it_once(stage, daemon):
    processes = stage.host.processes
    assert processes.signal(daemon, signal.SIGTERM) is True
    assert processes.wait_gone(daemon, 10) is True
    assert processes.get(daemon.pid) is None
    assert processes.lives(daemon.pid) is False
    assert processes.signal(daemon, signal.SIGTERM) is False


def test_signal_zero_only_asks(stage, daemon):
    assert stage.host.processes.signal(daemon, 0) is True
    assert stage.host.processes.get(daemon.pid) == daemon
    assert stage.host.processes.lives(daemon.pid) is True


def test_another_process_of_that_number_is_left_alone(stage, daemon):
    other = Process(daemon.pid, daemon.started - 1, daemon.argv)
    assert stage.host.processes.signal(other, signal.SIGKILL) is False
    assert stage.host.processes.wait_gone(other, 10) is True
    assert stage.host.processes.get(daemon.pid) == daemon


def test_wait_in_vain(stage, daemon):
    assert stage.host.processes.wait_gone(daemon, 0.01) is False


def test_init_is_never_signalled(stage):
    with pytest.raises(Denied, match="refused to signal pid 1"):
        stage.host.processes.signal(stage.host.processes.get(1), 0)


def test_nobody_is_never_signalled(stage):
    with pytest.raises(Denied, match="refused to signal pid 0"):
        stage.host.processes.signal(Process(0, 0, ()), 0)


def test_no_such_process(stage):
    assert stage.host.processes.get(4194303) is None
    assert stage.host.processes.lives(4194303) is False
    assert stage.host.processes.wait_gone(Process(4194303, 1, ()), 0) is True


def test_cgroup_goes_when_it_is_empty(stage, daemon):
    processes = stage.host.processes
    assert processes.has_cgroup(stage.name) is True
    with pytest.raises(Busy, match=f"busy .pid {daemon.pid}"):
        processes.drop_cgroup(stage.name)
    processes.signal(daemon, signal.SIGKILL)
    assert processes.wait_gone(daemon, 10)
    assert processes.drop_cgroup(stage.name) is True
    assert processes.has_cgroup(stage.name) is False
    assert processes.drop_cgroup(stage.name) is False


@pytest.mark.parametrize("name", ["", "..", "a/../b", "/a", "-a", "a b"])
def test_cgroup_names(stage, name):
    for call in (stage.host.processes.drop_cgroup, stage.host.processes.has_cgroup):
        with pytest.raises(Permanent, match="name of a cgroup"):
            call(name)
    with pytest.raises(Permanent, match="name of a cgroup"):
        stage.host.processes.spawn(["true"], log=f"{stage.dir}/log", env={}, cgroup=name)


def children():
    """The pids of this process's own, those that have ended and were not waited for among them."""
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def call(stage, *words, timeout=30.0):
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return stage.host.processes.call(words, log=f"{stage.dir}/log", env=env, cgroup=stage.name, timeout=timeout)


def test_a_command_is_called_and_its_exit_code_told(stage):
    assert call(stage, "true") == 0
    assert call(stage, "false") == 1
    with pytest.raises(NotFound, match="cannot start /none/program"):
        call(stage, "/none/program")


def test_what_a_called_command_leaves_stays_in_its_group(stage):
    path = stage.launcher(f"{stage.dir}/app")
    processes = stage.host.processes
    assert processes.members(stage.name) == ()
    assert call(stage, path, "start") == 0
    (left,) = processes.members(stage.name)
    assert left.argv == ("tail", "-f", f"{path}.data")
    assert processes.get(left.pid) == left
    assert call(stage, path, "stop") == 0
    assert processes.wait_gone(left, 10)
    assert processes.members(stage.name) == ()
    assert processes.drop_cgroup(stage.name) is True


def test_a_called_command_that_does_not_end_is_killed(stage):
    path = stage.launcher(f"{stage.dir}/app", hangs="start")
    with pytest.raises(Permanent, match=r"did not end within 0.2 s, and was killed"):
        call(stage, path, "start", timeout=0.2)
    for process in stage.host.processes.members(stage.name):
        assert stage.host.processes.wait_gone(process, 10)


def test_members_come_oldest_first_with_those_of_groups_within(stage, daemon):
    argv = ["tail", "-f", f"{stage.dir}/other"]
    stage.host.files.write(f"{stage.dir}/other", "")
    inner = stage.host.processes.spawn(argv, log=f"{stage.dir}/log", env={"PATH": "/usr/bin:/bin"}, cgroup=f"{stage.name}/in")
    assert [one.pid for one in stage.host.processes.members(stage.name)] == [daemon.pid, inner.pid]
    assert [one.pid for one in stage.host.processes.members(f"{stage.name}/in")] == [inner.pid]
    stage.host.processes.signal(inner, signal.SIGKILL)
    assert stage.host.processes.wait_gone(inner, 10)


def test_peer_of_a_unix_socket(stage):
    path = f"{stage.dir}/s"
    assert stage.host.processes.peer(path) is None
    pid = stage.listen_unix(path)
    assert stage.host.processes.peer(path).pid == pid
    stage.symlink(f"{stage.dir}/l", path)
    assert stage.host.processes.peer(f"{stage.dir}/l").pid == pid
    stage.end(pid)
    assert stage.host.files.stat(path).kind == "socket"
    assert stage.host.processes.peer(path) is None


def test_stat_in_a_process(stage, daemon):
    processes, files = stage.host.processes, stage.host.files
    files.make_dir(f"{stage.dir}/d")
    stage.symlink(f"{stage.dir}/l", f"{stage.dir}/d")
    assert processes.stat_in(daemon, f"{stage.dir}/d") == files.stat(f"{stage.dir}/d")
    assert processes.stat_in(daemon, f"{stage.dir}/l") == files.stat(f"{stage.dir}/d")
    assert processes.stat_in(daemon, f"{stage.dir}/l/../l/none") is None
    assert processes.stat_in(daemon, "/") == files.stat("/")
    processes.signal(daemon, signal.SIGKILL)
    processes.wait_gone(daemon, 10)
    with pytest.raises(NotFound, match="has ended"):
        processes.stat_in(daemon, stage.dir)


class TestListener:
    @pytest.mark.parametrize(
        ("bound", "asked", "meets"),
        [
            ("127.0.0.1", "127.0.0.1", True),
            ("127.0.0.1", "0.0.0.0", True),
            ("127.0.0.1", "::", True),
            ("127.0.0.1", "127.0.0.2", False),
            ("127.0.0.1", "::1", False),
            ("0.0.0.0", "127.0.0.1", True),
            ("0.0.0.0", "::1", False),
            ("::", "127.0.0.1", True),
            ("::1", "0.0.0.0", False),
            ("::1", "::1", True),
        ],
    )
    def test_addresses(self, net_stage, bound, asked, meets):
        pid = net_stage.listen("tcp", bound, 8123)
        found = net_stage.host.processes.listener(asked, 8123)
        assert (found.pid if found else None) == (pid if meets else None)

    def test_protocols_and_ports(self, net_stage):
        pid = net_stage.listen("udp", "127.0.0.1", 8123)
        processes = net_stage.host.processes
        assert processes.listener("0.0.0.0", 8123) is None
        assert processes.listener("0.0.0.0", 8124, "udp") is None
        assert processes.listener("0.0.0.0", 8123, "udp").pid == pid

    def test_nonsense(self, net_stage):
        with pytest.raises(Permanent, match="not an address"):
            net_stage.host.processes.listener("localhost", 80)
        with pytest.raises(Permanent, match="protocol"):
            net_stage.host.processes.listener("0.0.0.0", 80, "sctp")


@pytest.mark.real
class TestReal:
    def spawn(self, stage, script, *, generous=False, **env):
        """Run a script as a daemon, and give what it wrote once it said "end"; it goes on until the stage ends it."""
        log = f"{stage.dir}/log"
        stage.host.files.write(f"{log}.more", "")
        argv = ["sh", "-c", f"{script}; echo end; exec tail -f {log}.more"]
        env = {"PATH": "/usr/bin:/bin", **env}
        process = stage.host.processes.spawn(argv, log=log, env=env, cgroup=stage.name, generous=generous)
        deadline = time.monotonic() + 30
        while not (text := stage.host.files.read(log)).endswith("end\n"):
            assert time.monotonic() < deadline, text
        stage.host.processes.signal(process, signal.SIGKILL)
        assert stage.host.processes.wait_gone(process, 10)
        return text.splitlines()

    def test_environment_is_what_was_given(self, real_stage):
        lines = self.spawn(real_stage, "tr '\\0' '\\n' < /proc/self/environ", A="b c", SECRET="x")
        assert sorted(lines[:-1]) == ["A=b c", "PATH=/usr/bin:/bin", "PWD=/", "SECRET=x"] or sorted(lines[:-1]) == [
            "A=b c",
            "PATH=/usr/bin:/bin",
            "SECRET=x",
        ]

    def test_it_belongs_to_init_and_to_a_session_of_its_own(self, real_stage):
        log = f"{real_stage.dir}/log"
        process = real_stage.host.processes.spawn(["tail", "-f", log], log=log, env={}, cgroup=real_stage.name)
        words = real_stage.host.files.read(f"/proc/{process.pid}/stat").rpartition(")")[2].split()
        parent, session, terminal = int(words[1]), int(words[3]), int(words[4])
        assert (parent, session, terminal) == (1, process.pid, 0)

    def test_its_limits_are_as_high_as_they_can_be(self, real_stage):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        try:
            lines = self.spawn(real_stage, "ulimit -Sn; ulimit -Hn; ulimit -Su; ulimit -Hu", generous=True)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert lines[0] == lines[1] != "256"
        assert lines[2] == lines[3]

    def test_its_limits_are_the_callers_where_nobody_asks_for_more(self, real_stage):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        try:
            lines = self.spawn(real_stage, "ulimit -Sn")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert lines == ["256", "end"]

    def test_a_called_command_that_a_signal_ends(self, real_stage):
        assert call(real_stage, "sh", "-c", "kill -9 $$") == 137

    def test_it_leaves_no_zombie(self, real_stage):
        before = children()
        self.spawn(real_stage, "true")
        assert children() <= before

    def test_umask_folder_files_and_signals(self, real_stage):
        before = os.umask(0o077)
        descriptor = os.open("/etc/passwd", os.O_RDONLY)
        os.set_inheritable(descriptor, True)
        try:
            script = "umask; pwd; for f in /proc/$$/fd/*; do readlink $f; done; grep -E 'Sig(Ign|Blk)' /proc/self/status"
            lines = self.spawn(real_stage, script)
        finally:
            os.umask(before)
            os.close(descriptor)
        log = f"{real_stage.dir}/log"
        assert lines[0] in ("0022", "022")
        assert lines[1] == "/"
        assert lines[2] == "/dev/null"
        assert set(lines[3:-3]) == {log}
        blocked, ignored = (int(line.split()[1], 16) for line in lines[-3:-1])
        # 32 and 33 are the C library's own: nobody can reset them.
        assert (blocked, ignored & ~0x180000000) == (0, 0)

    def test_it_is_in_its_cgroup_in_every_hierarchy(self, real_stage):
        lines = self.spawn(real_stage, "cat /proc/$$/cgroup")
        assert lines[:-1]
        assert {line.rpartition(":")[2] for line in lines[:-1]} == {f"/{real_stage.name}"}
        assert real_stage.host.processes.drop_cgroup(real_stage.name) is True

    @pytest.fixture
    def unit(self, real_stage, monkeypatch):
        """A unit that systemd would make; in its place stands a program that says at first that the unit is there already."""
        (tmp := Path(real_stage.dir, "bin")).mkdir()
        (tmp / "systemd-run").write_text(
            f"""#!/bin/sh
            echo "$@" >>{tmp}/asked
            [ -e {tmp}/gone ] || {{ : >{tmp}/gone; echo 'Unit was already loaded.' >&2; exit 1; }}
            until [ "$1" = -- ]; do shift; done; shift; exec "$@"
            """
        )
        (tmp / "systemd-run").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp}:{os.environ['PATH']}")
        slices = {path for path in Path("/sys/fs/cgroup").glob("*/system.slice") if path.is_dir()}
        yield f"{real_stage.name}.scope"
        real_stage.host.processes.drop_cgroup(units.cgroup(f"{real_stage.name}.scope"))
        for path in set(Path("/sys/fs/cgroup").glob("*/system.slice")) - slices:
            path.rmdir()

    def test_a_unit_is_made_when_what_it_had_has_gone_and_is_entered_while_something_lives_in_it(self, real_stage, unit):
        processes, log, group = real_stage.host.processes, f"{real_stage.dir}/log", units.cgroup(unit, "daemons")
        for _ in range(2):
            process = processes.spawn(["tail", "-f", log], log=log, env={}, cgroup=group)
            assert set(re.findall(r":(/.*)", Path(f"/proc/{process.pid}/cgroup").read_text())) == {f"/{group}"}
        asked = Path(real_stage.dir, "bin/asked").read_text().splitlines()
        assert len(asked) == 2 and all(f"--unit={unit}" in line for line in asked), "refused, and taken; the second needed none"
        for process in processes.members(units.cgroup(unit)):
            processes.signal(process, signal.SIGKILL)
            assert processes.wait_gone(process, 10)

    def test_what_systemd_says_of_a_unit_that_it_does_not_make_is_told(self, real_stage, unit, monkeypatch):
        monkeypatch.setattr("reconciler.host.linux.processes._UNIT", 0.0)
        with pytest.raises(Permanent, match=f"cannot start a daemon in {unit}: Unit was already loaded"):
            real_stage.host.processes.spawn(["true"], log=f"{real_stage.dir}/log", env={}, cgroup=units.cgroup(unit, "daemons"))

    def test_nested_cgroups_go_together(self, real_stage):
        log = f"{real_stage.dir}/log"
        process = real_stage.host.processes.spawn(["tail", "-f", log], log=log, env={}, cgroup=f"{real_stage.name}/in")
        real_stage.host.processes.signal(process, signal.SIGKILL)
        real_stage.host.processes.wait_gone(process, 10)
        assert real_stage.host.processes.drop_cgroup(real_stage.name) is True
        assert real_stage.host.processes.has_cgroup(real_stage.name) is False

    def test_a_log_that_is_a_link_is_not_followed(self, real_stage):
        real_stage.host.files.write(f"{real_stage.dir}/victim", "safe")
        real_stage.symlink(f"{real_stage.dir}/log", f"{real_stage.dir}/victim")
        with pytest.raises(Permanent, match="cannot start tail"):
            real_stage.host.processes.spawn(["tail"], log=f"{real_stage.dir}/log", env={}, cgroup=real_stage.name)

    def test_osvc_and_its_ancestors_are_never_signalled(self, real_stage):
        for pid in (os.getpid(), os.getppid()):
            with pytest.raises(Denied, match="refused to signal"):
                real_stage.host.processes.signal(real_stage.host.processes.get(pid), 0)

    def test_a_zombie_has_ended(self, real_stage):
        pid = os.posix_spawn("/bin/true", ["true"], {})
        try:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            assert real_stage.host.processes.get(pid) is None
            assert pid not in [process.pid for process in real_stage.host.processes.all()]
        finally:
            os.waitpid(pid, 0)

    def test_a_listener_in_another_namespace_is_not_ours(self, real_stage):
        with own_network():
            real_stage.listen("tcp", "127.0.0.1", 8123)
        with own_network():
            assert real_stage.host.processes.listener("0.0.0.0", 8123) is None

    def test_a_unix_path_that_is_too_long(self, real_stage):
        with pytest.raises(Permanent, match="108"):
            real_stage.host.processes.peer("/tmp/" + "x" * 120)

    def test_waiting_ends_when_the_run_is_asked_to_stop(self, real_stage):
        class Asked:
            def is_set(self):
                return True

            def wait(self, timeout=None):
                return True

        processes = LinuxProcesses(Asked())
        assert processes.wait_gone(processes.get(real_stage.sit("/")), 600) is False
        LinuxClock(Asked()).sleep(600)

    def test_links_inside_another_root_stay_inside(self, real_stage):
        root = f"{real_stage.dir}/root"
        real_stage.host.files.make_dir(f"{root}/etc/inner")
        real_stage.symlink(f"{root}/l", "/etc/inner")
        real_stage.symlink(f"{root}/up", "../../../../etc/inner")
        real_stage.host.files.make_dir(f"{root}/bin")
        script = f"import os,time; os.chroot('{root}'); print(1, flush=True); time.sleep(600)"
        pid = real_stage._start(script)
        processes = real_stage.host.processes
        process = processes.get(pid)
        wanted = real_stage.host.files.stat(f"{root}/etc/inner")
        assert processes.stat_in(process, "/l") == processes.stat_in(process, "/up") == wanted
        assert processes.stat_in(process, "/etc/passwd") is None


def test_the_program_that_starts_daemons_imports_nothing_that_takes_long():
    words = f"import sys; exec(compile(open({_DETACH!r}).read(), 'detach', 'exec'), {{'__name__': 'detach'}}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-B", "-c", words], capture_output=True, text=True, check=True)
    slow = {"collections", "contextlib", "enum", "functools", "json", "re", "signal", "subprocess", "typing"}
    assert slow.isdisjoint(done.stdout.split())


def test_the_program_that_starts_daemons_understands_an_older_osvc_above_it(tmp_path):
    """One that still runs where this one was installed: it speaks JSON."""
    mark = tmp_path / "mark"
    task = {
        "argv": ["/bin/touch", str(mark)],
        "env": {},
        "log": str(tmp_path / "log"),
        "cgroups": [],
        "generous": False,
        "wait": 10,
    }
    done = subprocess.run(
        [sys.executable, "-I", "-S", _DETACH], input=json.dumps(task), capture_output=True, text=True, check=False
    )
    assert (json.loads(done.stdout), done.stderr) == ({"code": 0}, "") and mark.exists()


def test_a_program_that_starts_daemons_and_is_just_being_exchanged_is_told(tmp_path, monkeypatch):
    """As when osvc is upgraded beneath a watch: it is tried again as anything else is, and nothing is held."""
    monkeypatch.setattr(processes, "_RUNS", processes._RUNS.replace("import detach", "import detach_that_is_away as detach"))
    held = os.listdir("/proc/self/fd")
    with pytest.raises(Permanent, match=r"cannot start a daemon: .*No module named 'detach_that_is_away'"):
        LinuxProcesses().spawn(["/bin/true"], log=str(tmp_path / "log"), env={}, cgroup="osvc-test-away")
    assert os.listdir("/proc/self/fd") == held
