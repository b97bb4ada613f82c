"""What only the fake Docker engine has: effects, faults, crashes, processes, data that comes and goes with its filesystem."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.host.errors import Busy, Conflict, NotFound, Permanent, Transient
from reconciler.host.ports import Host
from tests.fakehost import Crash, FakeHost, Machine
from tests.fakehost.docker import SYSTEM, FakeDocker
from tests.fakehost.docker_engine import FakeEngine
from tests.fakehost.docker_records import Script, demo_image

DEMO = "osvc/demo:1"
SLEEP = {"Image": DEMO, "Cmd": ["sleep", "9"]}
WEB = {**SLEEP, "ExposedPorts": {"80/tcp": {}}, "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "80"}]}}}


@pytest.fixture
def docker(machine: Machine, host: Host) -> FakeDocker:
    docker = machine.docker
    docker.add_image("/var/lib/docker", DEMO, demo_image())
    docker.system()
    return docker


@pytest.fixture
def engine(docker: FakeDocker) -> FakeEngine:
    return docker.engine(SYSTEM)


def spawn(host: Host, name: str, *more: str) -> int:
    words = ("dockerd", "--host", f"unix:///run/{name}/s", "--data-root", f"/srv/{name}", "--exec-root", f"/run/{name}/x")
    host.files.make_dir(f"/run/{name}")
    return host.processes.spawn([*words, "--pidfile", f"/run/{name}/pid", *more], log=f"/run/{name}/log", env={}, cgroup=name).pid


def test_every_write_is_an_effect_and_no_read_is(machine: Machine, engine: FakeEngine) -> None:
    engine.create("web", SLEEP)
    engine.start("web")
    engine.containers()
    engine.inspect("web")
    assert machine.done == [f"docker {SYSTEM} create web", f"docker {SYSTEM} start web"]
    assert (engine.calls.reads, engine.calls.writes) == (2, 2)


def test_a_write_that_is_refused_is_no_effect(machine: Machine, engine: FakeEngine) -> None:
    with pytest.raises(NotFound):
        engine.start("nobody")
    assert machine.done == []


def test_what_is_done_by_hand_is_not_counted(machine: Machine, docker: FakeDocker, engine: FakeEngine) -> None:
    docker.by_hand().create("theirs", SLEEP)
    assert machine.done == []
    assert (engine.calls.reads, engine.calls.writes) == (0, 0)
    assert engine.containers()[0]["Names"] == ["/theirs"]


@pytest.mark.parametrize(("when", "there"), [("before", []), ("after", [["/web"]])])
def test_a_crash_around_an_effect(
    machine: Machine, docker: FakeDocker, engine: FakeEngine, when: str, there: list[list[str]]
) -> None:
    machine.die_at(1, when)  # type: ignore[arg-type]
    with pytest.raises(Crash):
        engine.create("web", SLEEP)
    with pytest.raises(Crash):
        engine.containers()
    machine.revive()
    assert [line["Names"] for line in engine.containers()] == there


def test_a_fault_that_was_asked_for(machine: Machine, engine: FakeEngine) -> None:
    machine.fail_next("create web", Busy("not now"))
    with pytest.raises(Busy):
        engine.create("web", SLEEP)
    assert engine.create("web", SLEEP)


def test_containers_are_processes(machine: Machine, host: Host, engine: FakeEngine) -> None:
    engine.create("web", WEB)
    engine.start("web")
    pid = engine.inspect("web")["State"]["Pid"]
    words = [process.argv[0] for process in host.processes.all()]
    assert words[-4:] == ["containerd-shim-runc-v2", "sleep", "docker-proxy", "docker-proxy"]
    holder = host.processes.listener("0.0.0.0", 80)
    assert holder is not None
    assert holder.argv[0] == "docker-proxy"
    machine.kill(pid)
    state = engine.inspect("web")["State"]
    assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 137, 0)
    assert host.processes.listener("0.0.0.0", 80) is None
    assert len(host.processes.all()) == len(words) - 4


def test_a_port_that_a_stranger_has(machine: Machine, engine: FakeEngine) -> None:
    machine.start_process(("nginx",), ports=[("tcp", "127.0.0.1", 80)])
    engine.create("web", WEB)
    with pytest.raises(Conflict, match=r"address already in use$"):
        engine.start("web")


def test_a_port_that_another_engine_has(machine: Machine, host: Host, docker: FakeDocker, engine: FakeEngine) -> None:
    docker.add_image("/srv/one", DEMO, demo_image())
    spawn(host, "one")
    other = docker.engine("/run/one/s")
    for it in (engine, other):
        it.create("web", WEB)
    engine.start("web")
    with pytest.raises(Conflict, match=r"address already in use$"):
        other.start("web")


def test_a_private_engine_lives_and_dies_with_its_process(machine: Machine, host: Host, docker: FakeDocker) -> None:
    engine = docker.engine("/run/one/s")
    with pytest.raises(Transient, match="there is no such socket"):
        engine.ping()
    pid = spawn(host, "one")
    engine.ping()
    assert engine.info()["DockerRootDir"] == "/srv/one"
    process = host.processes.get(pid)
    assert process is not None
    host.processes.signal(process, signal.SIGTERM)
    with pytest.raises(Transient, match="there is no such socket"):
        engine.ping()
    assert host.files.stat("/run/one/pid") is None
    machine.kill(spawn(host, "one"))
    with pytest.raises(Transient, match="connection refused"):
        engine.ping()


def test_settings_come_from_the_config_file_and_the_command_line(machine: Machine, host: Host, docker: FakeDocker) -> None:
    machine.add_file("/run/one/c.json", '{"live-restore": true, "data-root": "/elsewhere"}')
    spawn(host, "one", "--config-file=/run/one/c.json")
    info = docker.engine("/run/one/s").info()
    assert (info["LiveRestoreEnabled"], info["DockerRootDir"]) == (True, "/srv/one")


def test_one_data_root_is_for_one_engine(machine: Machine, host: Host, docker: FakeDocker) -> None:
    spawn(host, "one")
    host.files.make_dir("/run/two")
    words = ["dockerd", "--host", "unix:///run/two/s", "--data-root", "/srv/one", "--pidfile", "/run/two/pid"]
    pid = host.processes.spawn(words, log="/run/two/log", env={}, cgroup="two").pid
    assert host.processes.get(pid) is None
    assert "volume store metadata database" in (host.files.read("/run/two/log") or "")


def test_what_a_data_root_holds_goes_and_comes_with_its_filesystem(machine: Machine, host: Host, docker: FakeDocker) -> None:
    machine.make_image("/img/one.ext4")
    host.files.make_dir("/srv/one")
    host.commands.run(["mount", "-t", "ext4", "-o", "loop", "/img/one.ext4", "/srv/one"])
    docker.add_image("/srv/one", DEMO, demo_image())
    machine_pid = spawn(host, "one")
    engine = docker.engine("/run/one/s")
    ident = engine.create("web", SLEEP)
    assert host.files.read(f"/srv/one/containers/{ident}/config.v2.json")
    machine.end_process(machine.processes[machine_pid], clean=True)
    host.commands.run(["umount", "/srv/one"])
    assert host.files.names("/srv/one") == ()
    machine_pid = spawn(host, "one")
    assert engine.containers() == []
    assert engine.images() == []
    machine.end_process(machine.processes[machine_pid], clean=True)
    host.commands.run(["mount", "-t", "ext4", "-o", "loop", "/img/one.ext4", "/srv/one"])
    spawn(host, "one")
    assert [line["Id"] for line in engine.containers()] == [ident]


def test_an_engine_and_its_containers_keep_the_data_root_busy(machine: Machine, host: Host, docker: FakeDocker) -> None:
    host.files.make_dir("/srv/one")
    host.commands.run(["mount", "-t", "tmpfs", "tmpfs", "/srv/one"])
    docker.add_image("/srv/one", DEMO, demo_image())
    pid = spawn(host, "one", "--live-restore")
    engine = docker.engine("/run/one/s")
    engine.create("web", SLEEP)
    engine.start("web")
    container = engine.inspect("web")["State"]["Pid"]
    machine.end_process(machine.processes[pid], clean=True)
    assert container in machine.processes
    with pytest.raises(Busy):
        host.commands.run(["umount", "/srv/one"])


def test_after_a_reboot_containers_have_ended_and_the_system_engine_is_back(machine: Machine, engine: FakeEngine) -> None:
    engine.create("web", SLEEP)
    engine.start("web")
    machine.reboot()
    state = engine.inspect("web")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 255)


def test_images_come_from_registries_and_archives(machine: Machine, docker: FakeDocker, engine: FakeEngine) -> None:
    with pytest.raises(NotFound, match="pull access denied for web"):
        engine.pull("web:2", 5)
    docker.registry["web:2"] = demo_image(2)
    engine.pull("web:2", 5)
    assert engine.image("web:2")["Id"] == demo_image(2).id != demo_image().id
    docker.registry_fault = Transient("no such host")
    with pytest.raises(Transient):
        engine.pull("web:2", 5)
    docker.add_archive("/img/web.tar", demo_image(3), "saved:3")
    engine.load("/img/web.tar", "web:3", 5)
    assert engine.image("web:3")["RepoTags"] == ["saved:3", "web:3"]
    docker.add_archive("/img/root.tar", demo_image(4), rootfs=True)
    engine.load("/img/root.tar", "web:4", 5)
    assert engine.image("web:4")["Id"] != demo_image(4).id


def test_a_container_may_be_told_what_to_do(docker: FakeDocker, engine: FakeEngine) -> None:
    docker.script(lambda record: record["Name"] == "/web", Script(code=9, output="no licence\n"))
    engine.create("web", SLEEP)
    engine.create("app", SLEEP)
    engine.start("web")
    engine.start("app")
    assert (engine.inspect("web")["State"]["ExitCode"], engine.logs("web")) == (9, "no licence")
    assert engine.inspect("app")["State"]["Running"]


def test_what_is_read_is_a_copy(engine: FakeEngine) -> None:
    engine.create("web", SLEEP)
    engine.inspect("web")["State"]["Running"] = True
    engine.containers()[0]["Labels"]["x"] = "y"
    assert engine.inspect("web")["State"]["Running"] is False
    assert "x" not in engine.containers()[0]["Labels"]


def test_two_hosts_over_one_machine_share_the_engines(machine: Machine, engine: FakeEngine) -> None:
    engine.create("web", SLEEP)
    assert FakeHost(machine).docker.engine(SYSTEM).containers() == engine.containers()


def test_a_bind_of_the_mount_kind_needs_its_source(engine: FakeEngine) -> None:
    mounts = {"Mounts": [{"Type": "bind", "Source": "/nowhere", "Target": "/x"}]}
    with pytest.raises(Permanent, match="bind source path does not exist: /nowhere"):
        engine.create("web", {**SLEEP, "HostConfig": mounts})


def test_many_threads_may_work_at_once(engine: FakeEngine) -> None:
    def work(number: int) -> int:
        engine.create(f"c{number}", SLEEP)
        engine.start(f"c{number}")
        found = len(engine.containers())
        engine.stop(f"c{number}", 1)
        engine.remove(f"c{number}")
        return found

    with ThreadPoolExecutor(8) as pool:
        assert all(0 < found <= 8 for found in pool.map(work, range(80)))
    assert engine.containers() == []
    assert engine.calls.writes == 320
