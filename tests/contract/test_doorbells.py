"""The Doorbells port's contract: what rings, and what does not; over the fake machine and the real one."""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.core.bells import EXCHANGED, Bell, Source, both
from reconciler.host.doorbells import Doorbells
from reconciler.host.linux.bells import process
from reconciler.host.linux.doorbells import LinuxDoorbells
from tests.contract.stage import Stage, own_network
from tests.contract.test_docker import BOTH, SLEEP, Bench, FakeBench, bench_of
from tests.fakehost.doorbells import FakeDoorbells

MOUNTS, LINKS = Bell(Source.MOUNTS), Bell(Source.LINKS)
QUIET = 0.3
"""Seconds without a ring after which there is none."""


def rings(bells: Doorbells) -> set[Bell]:
    """What rings until it is quiet."""
    return set(told(bells))


def told(bells: Doorbells) -> dict[Bell, str]:
    """The same, and what is said of it."""
    rung = dict(bells.wait(5))
    while more := bells.wait(QUIET):
        rung |= {bell: both(rung.get(bell, ""), said) for bell, said in more.items()}
    return rung


def silence(bells: Doorbells) -> bool:
    return not bells.wait(QUIET)


@pytest.fixture
def bells(stage: Stage) -> Iterator[Doorbells]:
    made = stage.host.doorbells()
    yield made
    made.close()


class TestWaiting:
    def test_nothing_rings_and_the_time_is_over(self, bells: Doorbells) -> None:
        assert bells.wait(0.05) == {}

    def test_a_wake_ends_the_wait_that_comes_next(self, bells: Doorbells) -> None:
        bells.wake()
        began = time.monotonic()
        assert bells.wait(30) == {}
        assert time.monotonic() - began < 5


class TestMounts:
    @pytest.fixture
    def point(self, stage: Stage) -> str:
        path = f"{stage.dir}/m"
        stage.host.files.make_dir(path)
        return path

    def test_a_mount_and_an_unmount_ring_for_their_point(self, stage: Stage, bells: Doorbells, point: str) -> None:
        bell = MOUNTS._replace(part=point)
        bells.listen([bell])
        assert silence(bells)
        stage.host.commands.run(["mount", "-t", "tmpfs", "--", "tmpfs", point])
        assert told(bells) == {bell: "mounted"}
        stage.host.commands.run(["mount", "-o", "remount,ro", "--", point])
        assert told(bells) == {bell: "changed"}
        stage.host.commands.run(["umount", "--", point])
        assert told(bells) == {bell: "unmounted"}

    def test_others_do_not_ring_but_for_who_listens_to_all(self, stage: Stage, bells: Doorbells, point: str) -> None:
        bells.listen([MOUNTS._replace(part=f"{point}/deeper")])
        stage.host.commands.run(["mount", "-t", "tmpfs", "--", "tmpfs", point])
        assert silence(bells)
        bells.listen([MOUNTS])
        stage.host.commands.run(["umount", "--", point])
        assert rings(bells) == {MOUNTS}


class TestLinks:
    @pytest.fixture
    def run(self, net_stage: Stage) -> Callable[[str], object]:
        return lambda line: net_stage.host.commands.run(line.split())

    def test_devices_and_addresses_ring_by_the_name_of_the_device(
        self, net_stage: Stage, bells: Doorbells, run: Callable[[str], object]
    ) -> None:
        bell = LINKS._replace(part="osvc-1")
        bells.listen([bell, LINKS._replace(part="osvc-3")])
        for line in (
            "ip link add osvc-1 type bridge",
            "ip link set osvc-1 up",
            "ip addr add 10.208.4.1/24 dev osvc-1",
            "ip addr del 10.208.4.1/24 dev osvc-1",
            "ip addr add fd00::1/64 dev osvc-1 nodad",
            "ip link del osvc-1",
        ):
            run(line)
            assert rings(bells) == {bell}, line

    def test_other_devices_do_not_ring(self, net_stage: Stage, bells: Doorbells, run: Callable[[str], object]) -> None:
        bells.listen([LINKS._replace(part="osvc-1")])
        run("ip link add osvc-2 type bridge")
        run("ip addr add 10.208.5.1/24 dev osvc-2")
        assert silence(bells)


class TestProcesses:
    def test_its_end_rings_once(self, stage: Stage, bells: Doorbells) -> None:
        pid = stage.sit(stage.dir)
        process = stage.host.processes.get(pid)
        assert process is not None
        bell = Bell(Source.PROCESS, f"{pid} {process.started}")
        bells.listen([bell])
        assert silence(bells)
        stage.end(pid)
        assert told(bells) == {bell: "ended"}
        bells.listen([bell])
        assert silence(bells)

    def test_one_that_has_ended_or_is_another_rings_at_once(self, stage: Stage, bells: Doorbells) -> None:
        pid = stage.sit(stage.dir)
        another, unknown = Bell(Source.PROCESS, f"{pid} 1"), Bell(Source.PROCESS, f"{pid} 0")
        bells.listen([another, unknown])
        assert rings(bells) == {another}
        stage.end(pid)
        assert rings(bells) == {unknown}
        gone = Bell(Source.PROCESS, f"{pid} 2")
        bells.listen([gone])
        assert rings(bells) == {gone}


class TestFiles:
    @pytest.fixture
    def specs(self, tmp_path: Path) -> Path:
        folder = tmp_path / "specs"
        folder.mkdir()
        (folder / "web.yaml").write_text("a: 1\n")
        return folder

    def test_every_way_to_change_a_folder_rings(self, bells: Doorbells, specs: Path, tmp_path: Path) -> None:
        bell = Bell(Source.FILES, str(specs))
        bells.listen([bell])
        assert silence(bells)
        (tmp_path / "new").write_text("a: 3\n")
        for change in (
            lambda: (specs / "web.yaml").write_text("a: 2\n"),
            lambda: (specs / "db.yaml").write_text("b: 2\n"),
            lambda: (tmp_path / "new").rename(specs / "web.yaml"),
            lambda: (specs / "db.yaml").chmod(0o600),
            (specs / "db.yaml").unlink,
            lambda: specs.rename(tmp_path / "away"),
            lambda: (tmp_path / "away").rename(specs),
            lambda: (specs / "web.yaml").write_text("a: 4\n"),
        ):
            change()
            assert rings(bells) == {bell}

    def test_a_folder_that_is_not_there_yet_rings_when_it_comes(self, bells: Doorbells, tmp_path: Path) -> None:
        bell = Bell(Source.FILES, str(tmp_path / "later"))
        bells.listen([bell])
        (tmp_path / "later").mkdir()
        assert rings(bells) == {bell}
        (tmp_path / "later" / "web.yaml").write_text("a: 1\n")
        assert rings(bells) == {bell}

    def test_a_link_that_is_turned_to_another_folder_rings(self, bells: Doorbells, tmp_path: Path) -> None:
        for version in ("v1", "v2"):
            (tmp_path / version).mkdir()
            (tmp_path / version / "web.yaml").write_text(f"a: {version}\n")
        (tmp_path / "current").symlink_to("v1")
        bell = Bell(Source.FILES, str(tmp_path / "current"))
        bells.listen([bell])
        (tmp_path / "next").symlink_to("v2")
        os.replace(tmp_path / "next", tmp_path / "current")
        assert rings(bells) == {bell}
        (tmp_path / "v2" / "web.yaml").write_text("a: mended\n")
        assert rings(bells) == {bell}

    def test_what_a_link_in_the_folder_leads_to_rings(self, bells: Doorbells, specs: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere.yaml").write_text("a: 1\n")
        (specs / "linked.yaml").symlink_to("../elsewhere.yaml")
        bell = Bell(Source.FILES, str(specs))
        bells.listen([bell])
        (tmp_path / "elsewhere.yaml").write_text("a: 22\n")
        assert rings(bells) == {bell}

    def test_a_file_that_is_put_in_its_place_rings_as_whole(self, bells: Doorbells, specs: Path, tmp_path: Path) -> None:
        bell = Bell(Source.FILES, str(specs))
        exchanged = bell._replace(part=EXCHANGED)
        bells.listen([bell, exchanged])
        (tmp_path / "new").write_text("a: 3\n")
        (tmp_path / "new").rename(specs / "web.yaml")
        assert rings(bells) == {exchanged}
        (specs / "web.yaml").write_text("a: 33\n")
        assert rings(bells) == {bell}
        time.sleep(0.15)
        (tmp_path / "new").write_text("a: 4\n")
        (tmp_path / "new").rename(specs / "web.yaml")
        assert rings(bells) == {exchanged}
        (specs / "web.yaml").unlink()
        assert rings(bells) == {bell}

    @pytest.mark.parametrize("bells", [LinuxDoorbells()], ids=["real"])
    def test_what_is_beside_an_exchange_is_no_exchange(self, bells: Doorbells, specs: Path, tmp_path: Path) -> None:
        bell = Bell(Source.FILES, str(specs))
        exchanged = bell._replace(part=EXCHANGED)

        def put(name: str = "web.yaml") -> None:
            (tmp_path / "new").write_text("a: 3\n")
            (tmp_path / "new").rename(specs / name)

        def by_sed() -> None:
            """As `sed -i`, ansible and git do: under another name first, in the same folder."""
            (specs / "sedXyz").write_text("a: 4\n")
            bells.wait(0.05)
            (specs / "sedXyz").chmod(0o640)
            (specs / "sedXyz").rename(specs / "web.yaml")

        def by_link() -> None:
            (tmp_path / "link").symlink_to("elsewhere.yaml")
            (tmp_path / "link").rename(specs / "link.yaml")

        changes: list[tuple[Callable[[], object], Bell]] = [
            (put, exchanged),
            (lambda: ((specs / "db.yaml").write_text("b: 1\n"), put()), bell),
            (lambda: (put(), (specs / "db.yaml").write_text("b: 2\n")), bell),
            (lambda: ((specs / "db.yaml").write_text("b: 3\n"), put("db.yaml")), exchanged),
            (lambda: (specs / "db.yaml").rename(specs / "base.yaml"), bell),
            (by_sed, exchanged),
            (by_link, bell),
            (lambda: (put(), (specs / "web.yaml").chmod(0o600)), bell),
            (lambda: (put(), (specs / "web.yaml").open("a").close()), bell),
        ]
        bells.listen([bell, exchanged])
        for change, rung in changes:
            time.sleep(0.15)
            change()
            assert rings(bells) == {rung}
        bells.close()

    @pytest.mark.parametrize("bells", [LinuxDoorbells()], ids=["real"])
    def test_half_a_file_does_not_ring(self, bells: Doorbells, specs: Path) -> None:
        bell = Bell(Source.FILES, str(specs))
        bells.listen([bell])
        with (specs / "web.yaml").open("w") as old, (specs / "new.yaml").open("w") as new:
            for file in (old, new):
                file.write("resources:\n")
                file.flush()
            assert silence(bells)
        assert rings(bells) == {bell}
        bells.close()

    @pytest.mark.parametrize("bells", [LinuxDoorbells()], ids=["real"])
    def test_what_lies_beside_does_not_ring(self, bells: Doorbells, specs: Path, tmp_path: Path) -> None:
        bells.listen([Bell(Source.FILES, str(specs))])
        (tmp_path / "beside").write_text("x\n")
        (tmp_path / "beside").unlink()
        assert silence(bells)
        bells.close()


@pytest.fixture(scope="module", params=BOTH)
def shared(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench_of(request.param) as bench:
        yield bench


class TestEngine:
    @pytest.fixture
    def bells(self, shared: Bench) -> Iterator[Doorbells]:
        made = FakeDoorbells(shared.machine) if isinstance(shared, FakeBench) else LinuxDoorbells()
        yield made
        made.close()
        for container in shared.engine.containers():
            shared.engine.stop(container["Id"], 0)
            shared.engine.remove(container["Id"])

    @staticmethod
    def bell(bench: Bench, part: str = "") -> Bell:
        return Bell(Source.ENGINE, bench.engine.socket, part)

    def test_all_that_happens_to_a_container_rings_by_its_name(self, shared: Bench, bells: Doorbells) -> None:
        engine, bell = shared.engine, self.bell(shared, "container web")
        bells.listen([bell, self.bell(shared, "container other")])
        assert silence(bells)
        for change in (
            lambda: engine.create("web", {**SLEEP, "StopSignal": "SIGKILL"}),
            lambda: engine.start("web"),
            lambda: engine.pause("web"),
            lambda: engine.unpause("web"),
            lambda: engine.update("web", {"Memory": 64 << 20, "MemorySwap": 64 << 20}),
            lambda: engine.stop("web", 0),
            lambda: engine.rename("web", "away"),
            lambda: engine.rename("away", "web"),
            lambda: engine.remove("web"),
        ):
            change()
            assert rings(bells) == {bell}

    def test_it_says_what_became_of_a_container_for_people(self, shared: Bench, bells: Doorbells) -> None:
        engine, bell = shared.engine, self.bell(shared, "container web")
        bells.listen([bell])
        engine.create("web", {**SLEEP, "StopSignal": "SIGKILL"})
        assert told(bells) == {bell: "created"}
        engine.start("web")
        assert told(bells)[bell].split(", ")[-1] == "started", "an engine says before that it is on its network"
        engine.stop("web", 0)
        assert "died (exit 137)" in told(bells)[bell].split(", ")
        engine.remove("web")
        assert told(bells) == {bell: "removed"}

    def test_it_rings_by_its_id_whatever_it_is_called(self, shared: Bench, bells: Doorbells) -> None:
        ident = shared.engine.create("web", SLEEP)
        bell = self.bell(shared, f"container {ident}")
        bells.listen([bell])
        shared.engine.rename("web", "away")
        assert rings(bells) == {bell}
        shared.engine.start(ident)
        assert rings(bells) == {bell}

    def test_a_network_rings_when_it_goes_and_for_whom_is_taken_off_it(self, shared: Bench, bells: Doorbells) -> None:
        engine = shared.engine
        engine.create_network({"Name": "net", "Driver": "bridge"})
        ident = engine.create("web", SLEEP)
        engine.start(ident)
        engine.connect("net", ident, {})
        network, container = self.bell(shared, "network net"), self.bell(shared, f"container {ident}")
        bells.listen([network, container])
        engine.disconnect("net", ident)
        assert container in rings(bells)
        engine.remove_network("net")
        assert rings(bells) == {network}

    def test_an_engine_that_ends_and_one_that_comes_back_ring_for_all(self, shared: Bench, bells: Doorbells) -> None:
        bell = self.bell(shared, "container web")
        bells.listen([bell])
        shared.kill()
        assert rings(bells) == {bell.whole}
        assert list(bells.deaf()) == [bell.whole]
        shared.start()
        assert rings(bells) == {bell.whole}
        assert bells.deaf() == {}
        shared.engine.create("web", SLEEP)
        assert rings(bells) == {bell}


@pytest.mark.real
def test_what_happened_while_an_engine_did_not_get_to_it_is_heard(tmp_path: Path) -> None:
    """Between the connection and the moment in which the engine begins to send there may be a while."""
    with bench_of("real") as bench:
        bells, bell = LinuxDoorbells(), Bell(Source.ENGINE, bench.engine.socket, "container web")
        bells.listen([bell])
        bench.engine.create("web", SLEEP)
        assert rings(bells) == {bell}
        bells.close()


def test_a_wake_from_elsewhere_ends_a_wait_that_goes_on() -> None:
    bells = LinuxDoorbells()
    bells.listen([])
    began = time.monotonic()
    threading.Timer(0.1, bells.wake).start()
    assert bells.wait(30) == {}
    assert 0.05 < time.monotonic() - began < 10
    bells.close()


def test_an_engine_that_takes_calls_and_refuses_is_asked_ever_more_seldom_and_rings_once_it_listens(tmp_path: Path) -> None:
    bell, calls, answer = Bell(Source.ENGINE, f"{tmp_path}/s", "container web"), [0], [b"HTTP/1.0 403 Forbidden\r\n\r\n"]
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(bell.key)
        engine.listen()
        engine.settimeout(0.05)
        ended, kept = threading.Event(), []

        def serve() -> None:
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    call, _ = engine.accept()
                    calls[0] += 1
                    call.sendall(answer[0])
                    if b"403" in answer[0]:
                        call.close()
                    else:
                        kept.append(call)

        server = threading.Thread(target=serve)
        server.start()
        bells = LinuxDoorbells()
        try:
            bells.listen([bell])
            assert bells.wait(1.5) == {}, "who never listened has missed nothing more"
            assert calls[0] < 8
            answer[0] = b"HTTP/1.0 200 OK\r\n\r\n"
            assert bells.wait(10) == {bell.whole: "is heard again"}
        finally:
            ended.set()
            server.join()
            bells.close()
            for call in kept:
                call.close()


def test_a_process_that_cannot_be_looked_at_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "start_of", lambda pid: None)
    bells, bell = LinuxDoorbells(), Bell(Source.PROCESS, f"{os.getpid()} 0")
    bells.listen([bell])
    assert bells.wait(0.05) == {} and bell in bells.deaf()
    monkeypatch.undo()
    assert bells.wait(5) == {bell: "is heard again"} and not bells.deaf(), "it is listened to since"
    bells.close()


@pytest.mark.real
def test_a_clock_on_the_wall_that_is_set_ends_each_wait_once() -> None:
    """As it is when the machine goes on that was suspended. Here it is set to what it says."""
    bells, began = LinuxDoorbells(), time.monotonic()
    for _ in range(2):
        threading.Timer(0.2, lambda: time.clock_settime_ns(time.CLOCK_REALTIME, time.time_ns())).start()
        assert bells.wait(30) == {}
        assert time.monotonic() - began < 5
        before = time.monotonic()
        assert bells.wait(0.3) == {} and time.monotonic() - before >= 0.3
    bells.close()


@pytest.mark.real
def test_nothing_is_left_open() -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    with own_network():
        bells = LinuxDoorbells()
        bells.listen([MOUNTS, LINKS, Bell(Source.FILES, "/tmp"), Bell(Source.PROCESS, f"{os.getpid()} 0")])
        bells.wait(0)
        bells.listen([MOUNTS])
        bells.close()
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_of_what_an_engine_says_only_words_of_osvc_are_told(tmp_path: Path) -> None:
    """Labels, commands and new kinds of events may hold anybody's secret."""
    attributes = {"name": "web", "exitCode": "3", "PASSWORD": "s3cret"}
    died = {"Type": "container", "Action": "die", "Actor": {"ID": "1" * 64, "Attributes": attributes}}
    lines = [
        died,
        {**died, "Action": "exec_create: mysql -p s3cret"},
        {**died, "Action": "health_status: unhealthy"},
        {**died, "Actor": {"ID": "2" * 64, "Attributes": {"name": "db", "exitCode": "s3cret"}}},
    ]
    web, db = (Bell(Source.ENGINE, f"{tmp_path}/s", f"container {name}") for name in ("web", "db"))
    bells = LinuxDoorbells()
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(web.key)
        engine.listen()
        bells.listen([web, db])
        call, _ = engine.accept()
        with call:
            call.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"".join(json.dumps(line).encode() + b"\n" for line in lines))
            assert told(bells) == {web: "died (exit 3), is unhealthy", db: "died"}
        assert told(bells) == {web.whole: "broke off"}
    bells.close()
