"""Private engines on the real machine (private-engine.md): each test leaves the machine as it found it, and compares."""

import os
import signal
import socket
import subprocess
import time
from itertools import permutations

import pytest

from reconciler.core.change import Verdict
from reconciler.core.observed import Absent, Unknown
from reconciler.host.errors import Busy, Conflict, Permanent
from reconciler.resources.dockerd.actions import StartDaemon, StopContainers
from reconciler.resources.dockerd.driver import DRIVER
from reconciler.resources.dockerd.observing import find_containerd
from reconciler.resources.dockerd.planning import KIND
from tests.integration.enginelab import IMAGE, EngineLab, docker, picture
from tests.integration.netlab import Lab, free_port, own_network, run

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture
def lab():
    with own_network(), EngineLab() as made:
        yield made


def test_a_start_is_adopted_and_a_stop_leaves_nothing(lab):
    before = picture(lab)
    web = lab.service("web")
    assert web.plan_up().verdict is Verdict.CREATE
    web.up()
    state = web.state()
    assert state.running and state.answers and state.containerd and state.bridge_up
    assert web.plan_up().verdict is Verdict.KEEP, web.plan_up().fields
    web.load(lab.archive)
    port = free_port()
    web.web("one", port, "hello")
    assert web.plan_up().verdict is Verdict.KEEP, web.plan_up().fields
    assert len(web.state().shims) == 1
    forgotten = lab.service("web")
    assert forgotten.plan_up().verdict is Verdict.ADOPT
    done = web.down()
    assert [action.op for action in done][:2] == ["stop", "stop-containerd"]
    assert isinstance(web.observe(), Absent)
    assert picture(lab) == before
    assert web.plan_up().verdict is Verdict.CREATE
    web.up()
    assert "one" in web.docker("ps", "-a", "--format", "{{.Names}}")
    web.down()
    assert picture(lab) == before


def test_engines_side_by_side_in_every_order(lab):
    """Two private engines and one with its firewall on (it flushes what other engines have): started and stopped in every order,
    each published port answers from another namespace, and each container reaches out of its bridge."""
    one, two, system = lab.service("one"), lab.service("two"), lab.system()
    ports = {"one": free_port(), "two": free_port(), "sys": free_port()}
    with Lab() as net:
        net.serve(lab.dir / "www", "outside", 8080)

        def start(name):
            if name == "sys":
                system.start(lab.archive)
                system.web("sys", ports["sys"], "sys")
            else:
                service = {"one": one, "two": two}[name]
                service.up()
                service.docker("start", service.name)

        def stop(name):
            if name == "sys":
                docker(system.socket, "rm", "-f", "sys")
                system.stop()
            else:
                {"one": one, "two": two}[name].down()

        def check(running):
            for name in running:
                socket = system.socket if name == "sys" else {"one": one, "two": two}[name].desired.socket
                assert net.ask(net.here, ports[name]) == name, (name, running)
                asked = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {net.there} 8080"
                answer = docker(socket, "exec", name, "sh", "-c", asked).splitlines()[-1]
                assert answer == "outside", (name, running)
            for service in (one, two):
                if service.name in running:
                    assert service.plan_up().verdict is Verdict.KEEP, service.plan_up().fields

        for service in (one, two):
            service.up()
            service.load(lab.archive)
            service.web(service.name, ports[service.name], service.name)
            service.down()
        empty = picture(lab)
        orders = list(permutations(("one", "two", "sys")))
        for starts, stops in zip(orders, reversed(orders), strict=True):
            for n, name in enumerate(starts):
                start(name)
                check(starts[: n + 1])
            for n, name in enumerate(stops):
                stop(name)
                check(stops[n + 1 :])
            system.clean()
            assert lab.host.net.forwarding() is (starts[0] == "sys" or stops[-1] == "sys"), "restored by the last private engine"
            run("sysctl", "-w", "net.ipv4.ip_forward=0")
            assert picture(lab) == {**empty, "files": {*empty["files"], "sys0"}}


def test_a_killed_engine_finds_its_containers_alive(lab):
    before = picture(lab)
    web = lab.service("web")
    web.up()
    web.load(lab.archive)
    port = free_port()
    web.web("one", port, "hello")
    started = web.docker("inspect", "-f", "{{.State.StartedAt}} {{.State.Pid}}", "one")
    kill(web.state().pid)
    dead = web.state()
    assert not dead.running and dead.shims and len(dead.stale) == 2
    change = web.plan_up()
    assert change.verdict is Verdict.START
    assert "1 of its containers live on" in change.reason
    web.up()
    assert web.docker("inspect", "-f", "{{.State.StartedAt}} {{.State.Pid}}", "one") == started
    assert web.plan_up().verdict is Verdict.KEEP, web.plan_up().fields
    with Lab() as net:
        assert net.ask(net.here, port) == "hello"
    web.down()
    assert picture(lab) == before


def test_a_dead_engine_with_live_containers_is_stopped_properly(lab):
    before = picture(lab)
    web = lab.service("web")
    web.up()
    web.load(lab.archive)
    web.web("one", free_port(), "hello")
    kill(web.state().pid)
    web.down()
    assert isinstance(web.observe(), Absent)
    assert picture(lab) == before


def test_a_killed_containerd_is_started_again_under_the_running_daemon(lab):
    web = lab.service("web")
    web.up()
    web.load(lab.archive)
    web.web("one", free_port(), "hello")
    pid = web.state().pid
    kill(find_containerd(web.desired, lab.host.processes.all(), lab.host).pid)
    change = web.plan_up()
    assert change.verdict is Verdict.LIVE and [field.path for field in change.fields] == ["containerd"]
    web.perform(change)
    assert web.state().pid == pid
    web.docker("exec", "one", "true")
    web.docker("run", "--rm", "--network", "none", IMAGE, "true")
    web.down()


def test_an_engine_that_accepts_and_never_answers_is_unknown_and_left_alone(lab):
    web = lab.service("web")
    web.up()
    pid = web.state().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        seen = web.observe()
        assert isinstance(seen, Unknown) and f"pid {pid} dockerd listens on" in seen.reason and seen.assume is None
        assert time.monotonic() - began < 10
        for change in (web.plan_up(), web.plan_down()):
            assert change.verdict is Verdict.DEFER and not any(KIND.moves(change))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert web.plan_up().verdict is Verdict.KEEP and web.state().pid == pid
    web.down()


def test_a_pid_file_with_a_reused_pid_is_not_ours(lab):
    web = lab.service("web")
    web.up()
    state = web.state()
    kill(state.pid)
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        with open(web.desired.pid_file, "w") as file:
            file.write(str(stranger.pid))
        assert not web.state().running
        web.up()
        assert web.state().pid != stranger.pid
        web.down()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_foreign_daemon_on_the_socket_is_refused(lab):
    web = lab.service("web")
    os.makedirs(web.desired.folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(web.desired.socket)
        server.listen()
        change = web.plan_up()
        assert change.verdict is Verdict.REFUSE
        assert f"another engine answers on {web.desired.socket}: pid {os.getpid()}" in change.reason
        with pytest.raises(Conflict, match="is not this engine"):
            DRIVER.perform(web.id, StartDaemon(want=web.desired.with_subnet("10.208.0.0/22")), lab.host, print)


def test_a_hostile_daemon_json_and_a_system_containerd_are_not_touched(lab):
    """Bound over the machine's own, so that nobody else's is changed: in a mount namespace this test would see nothing."""
    web = lab.service("web")
    hostile = lab.dir / "etc"
    hostile.mkdir()
    (hostile / "daemon.json").write_text('{"data-root": "/nonexistent/elsewhere", "hosts": ["tcp://127.0.0.1:1"]}')
    asked: list[object] = []
    os.makedirs("/etc/docker", exist_ok=True)
    run("mount", "--bind", str(hostile), "/etc/docker")
    made = False
    try:
        path = "/run/containerd/containerd.sock"
        made = not os.path.exists(path)
        os.makedirs("/run/containerd", exist_ok=True)
        with socket.socket(socket.AF_UNIX) as server:
            if made:
                server.bind(path)
                server.listen()
                server.setblocking(False)
            web.up()
            around = web.observe().around
            assert around.daemon_json and around.system_containerd
            web.load(lab.archive)
            web.web("one", free_port(), "hello")
            if made:
                with pytest.raises(BlockingIOError):
                    asked.append(server.accept())
            assert not asked
            web.down()
    finally:
        if made:
            os.unlink("/run/containerd/containerd.sock")
        run("umount", "/etc/docker")


def test_drift_of_bridge_rules_forwarding_and_settings_is_mended_live(lab):
    web = lab.service("web", docker_daemon_args="--insecure-registry a.example:5000")
    web.up()
    pid, desired = web.state().pid, web.desired
    run("ip", "link", "set", desired.bridge, "down")
    run("iptables", "-w", "-F", f"OSVC-{desired.tag}")
    run("iptables", "-w", "-t", "nat", "-I", f"OSVC-{desired.tag}", "-j", "RETURN")
    run("sysctl", "-w", "net.ipv4.ip_forward=0")
    change = web.plan_up()
    assert change.verdict is Verdict.LIVE
    assert {field.path for field in change.fields} == {"bridge_up", "rules", "forwarding"}
    web.perform(change)
    assert web.plan_up().verdict is Verdict.KEEP, web.plan_up().fields
    web.raw["docker_daemon_args"] = "--insecure-registry b.example:5000 -D"
    change = web.plan_up()
    assert change.verdict is Verdict.LIVE
    web.up()
    assert "b.example:5000" in web.docker("info") and "a.example:5000" not in web.docker("info")
    assert web.state().pid == pid
    with open(desired.config_file, "w") as file:
        file.write('{"debug": false}')
    assert [field.path for field in web.plan_up().fields] == ["loaded"]
    web.up()
    assert web.plan_up().verdict is Verdict.KEEP
    web.raw["docker_daemon_args"] = "--log-level warn"
    web.load(lab.archive)
    web.web("one", free_port(), "hello")
    started = web.docker("inspect", "-f", "{{.State.Pid}}", "one")
    change = web.plan_up()
    assert change.verdict is Verdict.RESTART and not KIND.releases(change.desired, change)
    web.up()
    assert web.state().pid != pid
    assert web.docker("inspect", "-f", "{{.State.Pid}}", "one") == started
    assert web.plan_up().verdict is Verdict.KEEP, web.plan_up().fields
    web.down()


def test_the_group_of_the_socket_reaches_the_engine_and_nobody_else_does(lab):
    os.chmod(lab.dir, 0o711)
    web = lab.service("web", docker_socket_group="staff")
    web.up()
    assert web.plan_up().verdict is Verdict.KEEP, web.plan_up().fields
    pid = web.state().pid

    def reached_by(group):
        words = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--groups", group]
        words += ["docker", "-H", f"unix://{web.desired.socket}", "version", "--format", "{{.Server.Version}}"]
        done = subprocess.run(words, capture_output=True, check=False, env={"PATH": os.environ["PATH"], "HOME": "/"})
        return done.returncode == 0

    assert reached_by("staff") and not reached_by("operator")
    web.raw["docker_socket_group"] = "operator"
    assert [action.op for action in web.up()] == ["share"]
    assert reached_by("operator") and not reached_by("staff")
    run("chgrp", "staff", web.desired.folder, web.desired.socket)
    os.chmod(web.desired.socket, 0o666)
    assert reached_by("staff")
    change = web.plan_up()
    assert change.verdict is Verdict.LIVE
    assert {field.path for field in change.fields} == {"docker_socket_group", "folder_group", "socket_mode"}
    web.perform(change)
    assert reached_by("operator") and not reached_by("staff")
    assert web.state().pid == pid, "the daemon ran on"
    web.raw["docker_daemon_args"] = "--log-level warn"
    web.up()
    assert web.state().pid != pid and reached_by("operator"), "a new daemon is told the group"
    assert web.plan_up().verdict is Verdict.KEEP, web.plan_up().fields
    web.raw["docker_socket_group"] = "no-such-group"
    assert "groupadd --system no-such-group" in web.plan_up().remedy
    del web.raw["docker_socket_group"]
    web.up()
    assert not reached_by("operator")
    web.down()
    assert isinstance(web.observe(), Absent)


def test_a_container_started_by_hand_is_listed_and_stopped_never_removed(lab):
    web = lab.service("web")
    web.up()
    web.load(lab.archive)
    web.docker("run", "-d", "--name", "stray", "--network", "none", IMAGE, "sleep", "600")
    change = web.plan_down()
    first = KIND.moves(change).down[0]
    assert isinstance(first, StopContainers) and first.names == ("stray",) and "stray" in first.says()
    web.docker("run", "-d", "--name", "later", "--network", "none", IMAGE, "sleep", "600")
    with pytest.raises(Busy, match="not in the plan: later"):
        web.perform(change)
    web.down()
    web.up()
    assert set(web.docker("ps", "-a", "--format", "{{.Names}}").split()) == {"stray", "later"}
    assert web.state().strays == ()
    web.down()


def test_a_data_root_that_lost_its_filesystem_is_refused(lab):
    web = lab.service("web")
    web.up()
    web.down()
    root = web.desired.data_root
    os.rename(root, root + ".away")
    os.mkdir(root)
    change = web.plan_up()
    assert change.verdict is Verdict.REFUSE and "lost its filesystem?" in change.reason
    os.rmdir(root)
    os.rename(root + ".away", root)
    assert web.plan_up().verdict is Verdict.CREATE
    web.raw["container_data_dir"] = root + "-other"
    change = web.plan_up()
    assert change.verdict is Verdict.REFUSE and "the data root moves" in change.reason
    os.rename(root, root + "-other")
    assert web.plan_up().verdict is Verdict.CREATE
    web.up()
    web.raw["container_data_dir"] = root
    change = web.plan_up()
    assert change.verdict is Verdict.REFUSE and "container_data_dir" in change.reason
    web.raw["container_data_dir"] = root + "-other"
    web.down()


def test_a_stray_umount_under_a_running_engine_restarts_it_with_its_holders(lab):
    web = lab.service("web")
    root = web.desired.data_root
    os.makedirs(root)
    run("mount", "-t", "tmpfs", "osvc-test", root)
    web.up()
    assert web.state().data_root_in_place
    run("umount", "-l", root)
    run("mount", "-t", "tmpfs", "osvc-test", root)
    change = web.plan_up()
    assert change.verdict is Verdict.RESTART
    assert [field.path for field in change.fields] == ["data_root_in_place"]
    assert KIND.releases(change.desired, change)
    web.down()
    run("umount", root)


def test_a_data_root_whose_filesystem_is_not_mounted_is_expected_back(lab):
    web = lab.service("web")
    root, disk = web.desired.data_root, lab.dir / "disk"
    os.makedirs(root)
    disk.mkdir()
    run("mount", "-t", "tmpfs", "osvc-test", str(disk))
    run("mount", "--bind", str(disk), root)
    web.up()
    web.down()
    run("umount", root)
    seen = web.observe()
    assert isinstance(seen, Unknown) and seen.reason == f"{root} is not mounted"
    change = web.plan_up()
    assert change.verdict is Verdict.CREATE and change.provisional
    with pytest.raises(Permanent, match="lost its filesystem"):
        for action in KIND.moves(change).up:
            DRIVER.perform(web.id, action, lab.host, lambda text: None)
    assert not web.host.processes.peer(web.desired.socket)
    run("mount", "--bind", str(disk), root)
    assert web.plan_up().verdict is Verdict.START
    web.up()
    web.down()
    run("umount", root)
    run("umount", str(disk))


def test_a_start_that_fails_says_what_the_log_says(lab):
    web = lab.service("web", docker_daemon_args="--storage-driver nonsense")
    with pytest.raises(Permanent, match="dockerd ended right after its start") as caught:
        web.up()
    assert "nonsense" in caught.value.output
    web.down()
    assert isinstance(web.observe(), Absent)


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}/exe") and time.monotonic() < deadline:
        time.sleep(0.02)
