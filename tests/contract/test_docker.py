"""The Docker port's contract: one suite, against the fake engine and against a real private dockerd."""

import contextlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from reconciler.host.docker_ports import Engine
from reconciler.host.errors import Conflict, HostError, NotFound, Permanent, Transient
from tests.contract.engine_fixture import DEMO, PrivateEngine
from tests.contract.record_inspects import BODIES, recorded, version_of
from tests.fakehost import FakeHost, FakeProcess, Machine
from tests.fakehost.docker import FakeDocker
from tools.make_image import image_id, write_image, write_rootfs

SLEEP = {"Image": DEMO, "Cmd": ["sleep", "1000"]}


class Bench(Protocol):
    """An engine to try, and what a test does around it by hand."""

    engine: Engine
    folder: str
    data_root: str

    def kill(self) -> None: ...
    def kill_daemon(self) -> None: ...
    def stop(self) -> None: ...
    def start(self) -> None: ...
    def read(self, path: str) -> str: ...
    def is_dir(self, path: str) -> bool: ...


class FakeBench:
    def __init__(self, folder: str, *, live: bool = False) -> None:
        self.folder = folder
        self.machine = Machine()
        self.host = FakeHost(self.machine)
        self.data_root = "/srv/o/d"
        docker = self.host.docker
        assert isinstance(docker, FakeDocker)
        self.docker = docker
        self.engine: Engine = docker.engine("/srv/o/s")
        self.process: FakeProcess | None = None
        self.machine.add_file("/srv/o/c.json", json.dumps({"live-restore": live}))
        self.start()

    def start(self) -> None:
        words = ["dockerd", "--config-file", "/srv/o/c.json", "--host", "unix:///srv/o/s", "--data-root", self.data_root]
        words += ["--exec-root", "/srv/o/x", "--pidfile", "/srv/o/pid"]
        pid = self.host.processes.spawn(words, log="/srv/o/log", env={}, cgroup="o").pid
        self.process = self.machine.processes.get(pid)
        assert self.process is not None, self.machine.tree.read("/srv/o/log", 1 << 20)

    def kill(self) -> None:
        for process in list(self.machine.processes.values()):
            if process.pid > 99:
                self.machine.end_process(process, clean=False)
        self.machine.tree.remove("/srv/o/pid")

    def kill_daemon(self) -> None:
        assert self.process is not None
        self.machine.kill(self.process.pid)
        self.machine.tree.remove("/srv/o/pid")

    def stop(self) -> None:
        assert self.process is not None
        self.machine.end_process(self.process, clean=True)

    def read(self, path: str) -> str:
        text = self.host.files.read(path)
        assert text is not None
        return text

    def is_dir(self, path: str) -> bool:
        found = self.host.files.stat(path)
        return found is not None and found.kind == "dir"


class RealBench:
    def __init__(self, private: PrivateEngine) -> None:
        self.private = private
        self.engine: Engine = private.engine
        self.folder = str(private.dir)
        self.data_root = private.data_root
        self.kill, self.kill_daemon, self.stop, self.start = private.kill, private.kill_daemon, private.stop, private.start

    def read(self, path: str) -> str:
        return Path(path).read_text()

    def is_dir(self, path: str) -> bool:
        return Path(path).is_dir()


@contextlib.contextmanager
def bench_of(kind: str, *, live: bool = False) -> Iterator[Bench]:
    """A bench with the demo image, of a kind: "fake" or "real"."""
    if kind == "real":
        with PrivateEngine(**{"live-restore": live}) as private:
            private.load_demo()
            yield RealBench(private)
        return
    folder = tempfile.mkdtemp(prefix="o-", dir="/tmp")
    try:
        bench = FakeBench(folder, live=live)
        write_image(f"{folder}/1.tar", DEMO)
        bench.engine.load(f"{folder}/1.tar", DEMO, 10)
        yield bench
    finally:
        shutil.rmtree(folder)


BOTH = ["fake", pytest.param("real", marks=pytest.mark.real)]


@pytest.fixture(scope="module", params=BOTH)
def shared(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench_of(request.param) as bench:
        yield bench


@pytest.fixture
def bench(shared: Bench) -> Iterator[Bench]:
    """The engine, without containers before and after."""
    yield shared
    for container in shared.engine.containers():
        if container["State"] in ("running", "paused"):
            shared.engine.stop(container["Id"], 1)
        shared.engine.remove(container["Id"])


@pytest.fixture
def engine(bench: Bench) -> Engine:
    return bench.engine


def eventually(seen: Callable[[], Any]) -> None:
    """Wait until it is so. The fake is always there at once."""
    deadline = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def state(engine: Engine, container: str) -> dict[str, Any]:
    return dict(engine.inspect(container)["State"])


def ended(engine: Engine, container: str) -> bool:
    return not state(engine, container)["Running"]


def published(port: int, *, address: str = "", inside: str = "80/tcp") -> dict[str, Any]:
    bindings = {inside: [{"HostIp": address, "HostPort": str(port)}]}
    return {**SLEEP, "ExposedPorts": {inside: {}}, "HostConfig": {"PortBindings": bindings}}


def comparable(record: Any, container: str, folder: str) -> Any:
    """A record without what differs from one engine, container and moment to the next."""
    text = json.dumps(record).replace(container, "ID").replace(container[:12], "ID").replace(folder, "/srv/o")
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:X", text)
    text = re.sub(r"/overlay2/[^\"]*", "/overlay2/X", text)
    text = re.sub(r"\"2\d\d\d-\d\d-\d\dT[0-9:.]*Z\"", '"TIME"', text)
    return json.loads(text)


def shape(record: Any) -> Any:
    """The keys of a record, all the way down, without the values."""
    if isinstance(record, dict):
        return {key: shape(value) for key, value in record.items()}
    return [shape(record[0])] if isinstance(record, list) and record else type(record).__name__


# Reading


def test_an_engine_that_runs_answers(bench: Bench) -> None:
    bench.engine.ping()
    info = bench.engine.info()
    assert info["DockerRootDir"] == bench.data_root
    assert info["LiveRestoreEnabled"] is False
    assert {"bridge", "host", "none"} <= {network["Name"] for network in bench.engine.networks()}


@pytest.mark.parametrize("name", sorted(BODIES))
def test_a_new_container_is_inspected_as_recorded(bench: Bench, name: str) -> None:
    body = json.loads(json.dumps(BODIES[name]).replace("{v}", "/srv/o/v"))
    ident = bench.engine.create(name, body)
    known = recorded(version_of(bench.engine), name)
    seen = comparable(bench.engine.inspect(ident), ident, bench.folder)
    assert seen == comparable(known, known["Id"], "/srv/o")


def test_a_running_container_has_the_shape_of_the_recorded_one(engine: Engine) -> None:
    engine.create("plain", SLEEP)
    engine.start("plain")
    known = recorded(version_of(engine), "plain")
    seen = engine.inspect("plain")
    assert shape(seen["State"]) == shape(known["State"])
    assert shape(seen["NetworkSettings"]) == shape(known["NetworkSettings"])
    assert set(seen) == set(known)
    assert seen["State"]["Pid"] > 0
    assert seen["HostConfig"]["Runtime"] == "runc"


def test_the_list_tells_state_labels_image_names(engine: Engine) -> None:
    ident = engine.create("listed", {**published(8080, address="127.0.0.1"), "Labels": {"osvc.service": "web"}})
    engine.create("older", SLEEP)
    engine.start("listed")
    newest, line = engine.containers()
    known = next(it for it in recorded(version_of(engine), "list") if it["Names"] == ["/options"])
    assert set(line) == set(known)
    assert (newest["Names"], newest["State"], newest["Status"]) == (["/older"], "created", "Created")
    assert (line["Id"], line["Names"], line["State"]) == (ident, ["/listed"], "running")
    assert line["Labels"] == {"osvc.demo.revision": "1", "osvc.service": "web"}
    assert (line["Image"], line["ImageID"]) == (DEMO, image_id())
    assert line["Ports"] == [{"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}]
    assert line["HostConfig"] == known["HostConfig"]
    assert line["Command"] == "sleep 1000"


def test_a_list_by_labels(engine: Engine) -> None:
    """Those that carry all of them, whatever else they carry, running or not."""
    both = {"osvc.service": "web", "osvc.rid": "container#1"}
    one = engine.create("one", {**SLEEP, "Labels": {**both, "more": "x"}})
    engine.create("other", {**SLEEP, "Labels": {**both, "osvc.rid": "container#10"}})
    engine.create("none", SLEEP)
    assert [line["Id"] for line in engine.containers(both)] == [one]
    engine.start("one")
    assert [line["Id"] for line in engine.containers(both)] == [one]
    assert engine.containers({"osvc.service": "we"}) == []
    assert len(engine.containers({"osvc.service": "web"})) == 2
    assert len(engine.containers({})) == 3


@pytest.mark.parametrize(
    "call",
    [
        lambda engine: engine.inspect("nobody"),
        lambda engine: engine.logs("nobody"),
        lambda engine: engine.start("nobody"),
        lambda engine: engine.stop("nobody", 1),
        lambda engine: engine.pause("nobody"),
        lambda engine: engine.unpause("nobody"),
        lambda engine: engine.rename("nobody", "somebody"),
        lambda engine: engine.update("nobody", {"Memory": 64 << 20, "MemorySwap": 64 << 20}),
        lambda engine: engine.remove("nobody"),
    ],
    ids=["inspect", "logs", "start", "stop", "pause", "unpause", "rename", "update", "remove"],
)
def test_a_container_that_is_not_there(engine: Engine, call: Callable[[Engine], Any]) -> None:
    with pytest.raises(NotFound, match=r"^No such container: nobody$"):
        call(engine)


def test_a_container_is_found_by_id_short_id_and_name(engine: Engine) -> None:
    ident = engine.create("found", SLEEP)
    assert {engine.inspect(name)["Id"] for name in (ident, ident[:12], "found")} == {ident}


# The life of a container


def test_a_life(engine: Engine) -> None:
    ident = engine.create("life", SLEEP)
    assert state(engine, ident)["Status"] == "created"
    engine.start(ident)
    running = state(engine, ident)
    assert (running["Status"], running["Running"], running["FinishedAt"]) == ("running", True, "0001-01-01T00:00:00Z")
    engine.stop(ident, 5)
    stopped = state(engine, ident)
    assert (stopped["Status"], stopped["Running"], stopped["ExitCode"], stopped["Pid"]) == ("exited", False, 137, 0)
    engine.start(ident)
    assert state(engine, ident)["Status"] == "running"
    engine.stop(ident, 5)
    engine.remove(ident)
    assert engine.containers() == []


def test_what_is_done_already_is_done(engine: Engine) -> None:
    engine.create("again", SLEEP)
    engine.stop("again", 1)
    engine.unpause("again")
    engine.start("again")
    engine.start("again")
    engine.unpause("again")
    assert state(engine, "again")["Status"] == "running"
    engine.pause("again")
    engine.pause("again")
    assert state(engine, "again")["Status"] == "paused"
    engine.stop("again", 1)
    engine.stop("again", 1)
    assert state(engine, "again")["Status"] == "exited"


def test_a_command_that_ends_leaves_its_code_and_its_words(engine: Engine) -> None:
    engine.create("ended", {"Image": DEMO, "Cmd": ["sh", "-c", "echo one; echo two; echo three; exit 3"]})
    engine.start("ended")
    eventually(lambda: ended(engine, "ended"))
    assert (state(engine, "ended")["ExitCode"], state(engine, "ended")["Status"]) == (3, "exited")
    assert engine.logs("ended") == "one\ntwo\nthree"
    assert engine.logs("ended", 2) == "two\nthree"


def test_a_shell_without_a_terminal_ends_at_once_and_with_one_goes_on(engine: Engine) -> None:
    engine.create("closed", {"Image": DEMO})
    engine.create("open", {"Image": DEMO, "Tty": True, "OpenStdin": True})
    engine.start("closed")
    engine.start("open")
    eventually(lambda: ended(engine, "closed"))
    assert state(engine, "closed")["ExitCode"] == 0
    assert state(engine, "open")["Running"]


def test_logs_of_a_terminal_lose_their_control_sequences(engine: Engine) -> None:
    engine.create("tty", {"Image": DEMO, "Cmd": ["echo", "\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07"], "Tty": True})
    engine.start("tty")
    eventually(lambda: ended(engine, "tty"))
    assert engine.logs("tty") == "red bell"


def test_a_program_that_is_not_in_the_image(engine: Engine) -> None:
    engine.create("missing", {"Image": DEMO, "Cmd": ["nonesuch"]})
    with pytest.raises(Permanent, match='exec: "nonesuch": executable file not found in \\$PATH') as raised:
        engine.start("missing")
    after = state(engine, "missing")
    assert (after["Status"], after["ExitCode"], after["Error"]) == ("created", 127, str(raised.value))


def test_a_network_that_is_not_there(engine: Engine) -> None:
    engine.create("lost", {**SLEEP, "HostConfig": {"NetworkMode": "nonet"}})
    with pytest.raises(NotFound, match="network nonet not found"):
        engine.start("lost")


def test_disconnecting_a_name_that_no_container_has(engine: Engine) -> None:
    with pytest.raises(NotFound):
        engine.disconnect("bridge", "nobody")
    with pytest.raises(NotFound):
        engine.disconnect("nowhere", "nobody")


def test_disconnecting_a_container_that_does_not_run(engine: Engine) -> None:
    engine.create("alone", SLEEP)
    engine.disconnect("bridge", "alone")
    assert engine.inspect("alone")["NetworkSettings"]["Networks"] == {}
    with pytest.raises(HostError, match="is not connected to"):
        engine.disconnect("bridge", "alone")


def test_a_paused_container(bench: Bench) -> None:
    engine = bench.engine
    engine.create("paused", SLEEP)
    engine.start("paused")
    engine.pause("paused")
    paused = state(engine, "paused")
    assert (paused["Status"], paused["Running"], paused["Paused"]) == ("paused", True, True)
    with pytest.raises(Conflict, match="cannot start a paused container"):
        engine.start("paused")
    engine.unpause("paused")
    assert state(engine, "paused")["Status"] == "running"
    engine.pause("paused")
    engine.stop("paused", 1)
    assert state(engine, "paused")["Status"] == "exited"
    with pytest.raises(Conflict, match="is not running"):
        engine.pause("paused")


def test_a_running_container_is_not_removed(engine: Engine) -> None:
    ident = engine.create("kept", SLEEP)
    engine.start("kept")
    with pytest.raises(Conflict, match=rf"^You cannot remove a running container {ident}|container is running: stop the container"):
        engine.remove("kept")
    assert state(engine, "kept")["Running"]


def test_removing_leaves_the_volumes(bench: Bench) -> None:
    bench.engine.create("volume", {**SLEEP, "Volumes": {"/data": {}}})
    bench.engine.start("volume")
    (mount,) = bench.engine.inspect("volume")["Mounts"]
    assert (mount["Type"], mount["Destination"]) == ("volume", "/data")
    bench.engine.stop("volume", 1)
    bench.engine.remove("volume")
    assert bench.is_dir(f"{bench.data_root}/volumes/{mount['Name']}/_data")


def test_a_bind_source_that_is_missing_is_made_at_start(bench: Bench) -> None:
    source = f"{bench.folder}/made"
    bench.engine.create("bound", {**SLEEP, "HostConfig": {"Binds": [f"{source}:/data"]}})
    assert not bench.is_dir(source)
    bench.engine.start("bound")
    assert bench.is_dir(source)


# Names


def test_a_name_that_is_taken(engine: Engine) -> None:
    ident = engine.create("taken", SLEEP)
    taken = f'The container name "/taken" is already in use by container "{ident}"'
    with pytest.raises(Conflict, match=taken):
        engine.create("taken", SLEEP)
    engine.create("other", SLEEP)
    with pytest.raises(Conflict, match=taken):
        engine.rename("other", "taken")
    assert sorted(line["Names"][0] for line in engine.containers()) == ["/other", "/taken"]


@pytest.mark.parametrize("name", ["-x", "x", "a b", "a/b"])
def test_a_name_that_cannot_be(engine: Engine, name: str) -> None:
    with pytest.raises(Permanent, match="Invalid container name"):
        engine.create(name, SLEEP)


def test_renaming(engine: Engine) -> None:
    ident = engine.create("before", SLEEP)
    engine.start("before")
    engine.rename("before", "after.osvc-old")
    assert engine.inspect("after.osvc-old")["Id"] == ident
    assert state(engine, "after.osvc-old")["Running"]
    with pytest.raises(NotFound):
        engine.inspect("before")
    with pytest.raises(Permanent, match="same name as its current name"):
        engine.rename(ident, "after.osvc-old")


# Ports


def test_a_port_that_another_container_has(engine: Engine) -> None:
    engine.create("first", published(8081, address="127.0.0.1"))
    engine.create("second", published(8081, address="127.0.0.1"))
    engine.create("wide", published(8081))
    engine.start("first")
    with pytest.raises(Conflict, match=r"Bind for 127.0.0.1:8081 failed: port is already allocated$"):
        engine.start("second")
    with pytest.raises(
        Conflict, match=r"listen tcp4 0.0.0.0:8081: bind: address already in use$|:8081 failed: port is already allocated$"
    ) as raised:
        engine.start("wide")
    after = state(engine, "wide")
    assert (after["Status"], after["ExitCode"], after["Error"]) == ("created", 128, str(raised.value))
    engine.stop("first", 1)
    engine.start("wide")
    assert state(engine, "wide")["Running"]


def test_a_port_is_published_only_when_it_is_exposed(engine: Engine) -> None:
    engine.create("hidden", {**SLEEP, "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "8082"}]}}})
    engine.create("shown", {**published(8083, inside="53/udp")})
    engine.start("hidden")
    engine.start("shown")
    assert engine.inspect("hidden")["NetworkSettings"]["Ports"] == {}
    assert engine.inspect("shown")["NetworkSettings"]["Ports"]["53/udp"][0] == {"HostIp": "0.0.0.0", "HostPort": "8083"}


# Updating in place


def test_memory_is_updated_in_place(engine: Engine) -> None:
    engine.create("limits", {**SLEEP, "HostConfig": {"Memory": 64 << 20}})
    engine.start("limits")
    before = state(engine, "limits")["StartedAt"]
    assert engine.inspect("limits")["HostConfig"]["MemorySwap"] == 128 << 20
    with pytest.raises(Conflict, match=r"update the memoryswap at the same time$"):
        engine.update("limits", {"Memory": 256 << 20})
    engine.update("limits", {"Memory": 256 << 20, "MemorySwap": 512 << 20, "NanoCpus": 250_000_000})
    host = engine.inspect("limits")["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"]) == (256 << 20, 512 << 20, 250_000_000)
    assert state(engine, "limits")["StartedAt"] == before


def test_the_restart_policy_is_updated_in_place(engine: Engine) -> None:
    engine.create("policy", {**SLEEP, "HostConfig": {"RestartPolicy": {"Name": "always"}}})
    engine.update("policy", {"RestartPolicy": {"Name": "no"}})
    assert engine.inspect("policy")["HostConfig"]["RestartPolicy"] == {"Name": "no", "MaximumRetryCount": 0}


def test_a_limit_too_small(engine: Engine) -> None:
    engine.create("small", SLEEP)
    with pytest.raises(Permanent, match="Minimum memory limit allowed is"):
        engine.update("small", {"Memory": 1, "MemorySwap": 1})


# Images


def test_the_demo_image_has_the_id_that_was_foretold(engine: Engine) -> None:
    image = engine.image(DEMO)
    assert image["Id"] == image_id()
    assert image["Config"]["StopSignal"] == "SIGKILL"
    assert engine.image(image_id())["RepoTags"] == engine.image(image_id()[7:19])["RepoTags"]
    known = recorded(version_of(engine), "image")
    assert set(image) == set(known)
    assert image["Config"] == known["Config"]


def test_an_image_that_is_not_there(engine: Engine) -> None:
    with pytest.raises(NotFound, match="No such image: nobody:1"):
        engine.image("nobody:1")
    with pytest.raises(NotFound, match="No such image: nobody:1"):
        engine.create("orphan", {"Image": "nobody:1"})


def test_a_saved_image_is_loaded_under_the_name_that_was_asked_for(bench: Bench) -> None:
    known = write_image(f"{bench.folder}/two.tar.gz", "osvc/demo:2", revision=2)
    assert known == image_id(2) != image_id(1)
    bench.engine.load(f"{bench.folder}/two.tar.gz", "osvc/demo:2", 30)
    bench.engine.load(f"{bench.folder}/two.tar.gz", "other", 30)
    assert bench.engine.image("other")["Id"] == known
    assert sorted(bench.engine.image("osvc/demo:2")["RepoTags"]) == ["osvc/demo:2", "other:latest"]
    assert {image["Id"] for image in bench.engine.images()} >= {image_id(1), known}


def test_a_root_filesystem_is_imported(bench: Bench) -> None:
    write_rootfs(f"{bench.folder}/root.tar")
    bench.engine.load(f"{bench.folder}/root.tar", "imported:1", 30)
    image = bench.engine.image("imported:1")
    assert image["RepoTags"] == ["imported:1"]
    assert image["Config"]["Cmd"] is None
    bench.engine.load(f"{bench.folder}/root.tar", "imported:1", 30)
    assert bench.engine.image("imported:1")["Id"] != image["Id"]


def test_an_archive_that_is_none(bench: Bench) -> None:
    Path(bench.folder, "text.tar").write_text("not a tar\n" * 100)
    with pytest.raises(NotFound, match=r"there is no archive /nonexistent/a.tar"):
        bench.engine.load("/nonexistent/a.tar", "x:1", 5)
    with pytest.raises(Permanent, match=r"text.tar is not an image archive"):
        bench.engine.load(f"{bench.folder}/text.tar", "x:1", 5)
    with pytest.raises(Permanent, match="cannot read the archive"):
        bench.engine.load(bench.folder, "x:1", 5)


def test_a_tag_that_moved_leaves_the_id_in_the_list(bench: Bench) -> None:
    for revision in (1, 2):
        write_image(f"{bench.folder}/moved.tar", "moved:1", revision=revision)
        bench.engine.load(f"{bench.folder}/moved.tar", "moved:1", 30)
        if revision == 1:
            bench.engine.create("moved", {"Image": "moved:1"})
    (line,) = bench.engine.containers()
    assert (line["Image"], line["ImageID"]) == (image_id(1), image_id(1))
    assert bench.engine.inspect("moved")["Config"]["Image"] == "moved:1"


def names(engine: Engine) -> set[str]:
    return {name for image in engine.images() for name in image["RepoTags"] or ()}


def test_an_image_goes_with_its_last_name(bench: Bench) -> None:
    known = write_image(f"{bench.folder}/five.tar", "five:1", revision=5)
    for tag in ("five:1", "cinq:1"):
        bench.engine.load(f"{bench.folder}/five.tar", tag, 30)
    bench.engine.remove_image("five:1")
    assert "five:1" not in names(bench.engine) and bench.engine.image("cinq:1")["Id"] == known
    bench.engine.remove_image("cinq:1")
    for ref in ("cinq:1", known):
        with pytest.raises(NotFound):
            bench.engine.image(ref)
        with pytest.raises(NotFound, match="No such image"):
            bench.engine.remove_image(ref)


def test_an_image_that_has_lost_its_name_goes_by_its_id(bench: Bench) -> None:
    ids = [write_image(f"{bench.folder}/{n}.tar", "moves:1", revision=n) for n in (6, 7)]
    for n in (6, 7):
        bench.engine.load(f"{bench.folder}/{n}.tar", "moves:1", 30)
    (old,) = [image for image in bench.engine.images(inner=True) if image["Id"] == ids[0]]
    assert old["RepoTags"] in (None, [], ["<none>:<none>"]) and isinstance(old["ParentId"], str) and old["Size"] > 0
    bench.engine.remove_image(ids[0])
    assert ids[0] not in {image["Id"] for image in bench.engine.images(inner=True)}
    assert bench.engine.image("moves:1")["Id"] == ids[1]
    bench.engine.remove_image("moves:1")


def test_an_image_that_a_container_is_made_of_stays(bench: Bench) -> None:
    known = write_image(f"{bench.folder}/eight.tar", "eight:1", revision=8)
    for tag in ("eight:1", "huit:1"):
        bench.engine.load(f"{bench.folder}/eight.tar", tag, 30)
    bench.engine.create("stopped", {"Image": "eight:1", "Cmd": ["true"]})
    bench.engine.remove_image("huit:1")
    for ref in ("eight:1", known):
        with pytest.raises(Conflict, match="conflict: unable to"):
            bench.engine.remove_image(ref)
    assert "eight:1" in names(bench.engine)
    bench.engine.remove("stopped")
    bench.engine.remove_image("eight:1")


def test_a_registry_that_refuses(engine: Engine) -> None:
    with pytest.raises(Transient, match="connection refused"):
        engine.pull("127.0.0.1:9/nobody:1", 20)


# An engine that goes


def calls_of(engine: Engine, archive: str) -> dict[str, Callable[[], Any]]:
    return {
        "ping": engine.ping,
        "info": engine.info,
        "containers": engine.containers,
        "inspect": lambda: engine.inspect("kept"),
        "images": engine.images,
        "image": lambda: engine.image(DEMO),
        "networks": engine.networks,
        "logs": lambda: engine.logs("kept"),
        "create": lambda: engine.create("new", SLEEP),
        "start": lambda: engine.start("kept"),
        "stop": lambda: engine.stop("kept", 1),
        "pause": lambda: engine.pause("kept"),
        "unpause": lambda: engine.unpause("kept"),
        "rename": lambda: engine.rename("kept", "new"),
        "update": lambda: engine.update("kept", {"Memory": 64 << 20, "MemorySwap": 64 << 20}),
        "remove": lambda: engine.remove("kept"),
        "pull": lambda: engine.pull("x:1", 5),
        "load": lambda: engine.load(archive, DEMO, 5),
    }


def test_a_killed_engine_refuses_and_its_files_speak_for_it(bench: Bench) -> None:
    engine, archive = bench.engine, f"{bench.folder}/kept.tar"
    write_image(archive, DEMO)
    ident = engine.create("kept", {**SLEEP, "Labels": {"osvc.rid": "container#1"}, "HostConfig": {"Memory": 64 << 20}})
    engine.start("kept")
    version = version_of(engine)
    bench.kill()
    try:
        for name, call in calls_of(engine, archive).items():
            with pytest.raises(Transient) as raised:
                call()
            assert str(raised.value).endswith("connection refused"), name
        home = f"{bench.data_root}/containers/{ident}"
        stored = json.loads(bench.read(f"{home}/config.v2.json"))
        known = recorded(version, "data-root/options/config.v2")
        assert set(stored) == set(known)
        assert set(stored["State"]) == set(known["State"])
        assert (stored["ID"], stored["Name"], stored["Config"]["Labels"]["osvc.rid"]) == (ident, "/kept", "container#1")
        assert stored["State"]["Running"] is True
        assert json.loads(bench.read(f"{home}/hostconfig.json"))["Memory"] == 64 << 20
    finally:
        bench.start()
    after = engine.inspect("kept")
    assert (after["Id"], after["State"]["Running"], after["State"]["ExitCode"]) == (ident, False, 255)
    engine.start("kept")
    assert state(engine, "kept")["Running"]


def test_a_stopped_engine_has_no_socket_and_has_stopped_its_containers(bench: Bench) -> None:
    ident = bench.engine.create("gone", SLEEP)
    bench.engine.start("gone")
    bench.stop()
    try:
        with pytest.raises(Transient, match=r"there is no such socket$"):
            bench.engine.ping()
        stored = json.loads(bench.read(f"{bench.data_root}/containers/{ident}/config.v2.json"))
        assert (stored["State"]["Running"], stored["State"]["ExitCode"]) == (False, 137)
    finally:
        bench.start()
    assert state(bench.engine, "gone")["Status"] == "exited"


def test_a_killed_daemon_kills_its_containers_when_it_comes_back(bench: Bench) -> None:
    bench.engine.create("killed", published(8085))
    for ends, code in ((bench.kill_daemon, 137), (bench.kill, 255)):
        bench.engine.start("killed")
        before = bench.engine.inspect("killed")
        ends()
        bench.start()
        after = bench.engine.inspect("killed")
        assert (after["State"]["Status"], after["State"]["ExitCode"]) == ("exited", code)
        kept = {} if version_of(bench.engine) >= "28" else before["NetworkSettings"]["Ports"]
        assert after["NetworkSettings"]["Ports"] == kept, "older engines never take them back"
        assert bench.engine.containers()[0]["Ports"] != []


@pytest.mark.parametrize("kind", BOTH)
def test_with_live_restore_containers_live_on(kind: str) -> None:
    with bench_of(kind, live=True) as bench:
        assert bench.engine.info()["LiveRestoreEnabled"] is True
        ident = bench.engine.create("living", published(8085))
        bench.engine.start("living")
        before = bench.engine.inspect("living")
        assert before["NetworkSettings"]["Ports"] == {
            "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8085"}, {"HostIp": "::", "HostPort": "8085"}]
        }
        for ends in (bench.kill_daemon, bench.stop):
            ends()
            stored = json.loads(bench.read(f"{bench.data_root}/containers/{ident}/config.v2.json"))
            assert (stored["State"]["Running"], stored["State"]["Pid"]) == (True, before["State"]["Pid"])
            bench.start()
            after = bench.engine.inspect("living")
            assert after["State"] == before["State"]
            assert after["NetworkSettings"]["Ports"] == before["NetworkSettings"]["Ports"]
        bench.engine.stop("living", 1)


def test_the_files_of_a_container_change_with_it(bench: Bench) -> None:
    engine = bench.engine
    ident = engine.create("files", SLEEP)
    home = f"{bench.data_root}/containers/{ident}"
    engine.update("files", {"Memory": 64 << 20, "MemorySwap": 64 << 20})
    assert json.loads(bench.read(f"{home}/hostconfig.json"))["Memory"] == 64 << 20
    engine.rename("files", "files2")
    assert json.loads(bench.read(f"{home}/config.v2.json"))["Name"] == "/files2"
    engine.remove("files2")
    assert not bench.is_dir(home)


def test_errors_are_of_one_line(engine: Engine) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: engine.inspect("nobody"),
        lambda: engine.create("x\ny", SLEEP),
        lambda: engine.image("\x1b[31mred:1"),
    ]
    for call in calls:
        with pytest.raises(HostError) as raised:
            call()
        assert str(raised.value).isprintable()
