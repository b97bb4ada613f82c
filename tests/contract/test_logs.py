"""What containers said, through the Docker port: one suite, against the fake engine and against a real private dockerd."""

import threading
import time
from collections.abc import Iterator

import pytest

from reconciler.host.docker_ports import LogLine
from reconciler.host.errors import NotFound, Permanent
from tests.contract.engine_fixture import DEMO
from tests.contract.test_docker import Bench, FakeBench, bench_of, ended, eventually

WAITS = ["sh", "-c", "echo one; echo two; sleep 1000"]


@pytest.fixture(scope="module", params=["fake", pytest.param("real", marks=pytest.mark.real)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench_of(request.param) as found:
        yield found


@pytest.fixture
def real() -> Iterator[Bench]:
    with bench_of("real") as found:
        yield found


def run(bench: Bench, name: str, command: list[str], **more: object) -> str:
    ident = bench.engine.create(name, {"Image": DEMO, "Cmd": command, **more})
    bench.engine.start(ident)
    return ident


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


class Listening(threading.Thread):
    """Somebody who follows a container."""

    def __init__(self, bench: Bench, name: str, since: int = 0) -> None:
        super().__init__(daemon=True)
        self.stream = bench.engine.log(name, since=since, follow=True)
        self.lines: list[LogLine] = []
        self.start()

    def run(self) -> None:
        for line in self.stream:
            self.lines.append(line)


def test_lines_come_with_their_times_and_in_that_order(bench: Bench) -> None:
    before = time.time_ns() if not isinstance(bench, FakeBench) else 0
    run(bench, "lines", ["sh", "-c", "echo one; echo two; echo three; exit 3"])
    eventually(lambda: ended(bench.engine, "lines"))
    lines = list(bench.engine.log("lines"))
    assert texts(lines) == ["one", "two", "three"]
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert lines[0].at > before
    assert texts(list(bench.engine.log("lines", tail=2))) == ["two", "three"]
    assert list(bench.engine.log("lines", since=lines[1].at)) == lines[1:]
    assert list(bench.engine.log("lines", since=lines[2].at + 1)) == []
    assert list(bench.engine.log("lines", follow=True)) == lines


def test_a_container_that_runs_is_followed_until_it_ends(bench: Bench) -> None:
    run(bench, "followed", WAITS)
    listening = Listening(bench, "followed")
    eventually(lambda: texts(listening.lines) == ["one", "two"])
    assert listening.is_alive()
    bench.engine.stop("followed", 0)
    listening.join(10)
    assert not listening.is_alive()
    bench.engine.start("followed")
    eventually(lambda: texts(list(bench.engine.log("followed"))) == ["one", "two"] * 2)
    again = Listening(bench, "followed", since=listening.lines[-1].at)
    eventually(lambda: texts(again.lines) == ["two", "one", "two"])
    again.stream.close()
    again.join(10)
    assert not again.is_alive()


def test_a_terminal_has_lines_too(bench: Bench) -> None:
    run(bench, "terminal", ["sh", "-c", "echo one; echo two; exit 3"], Tty=True)
    eventually(lambda: ended(bench.engine, "terminal"))
    assert texts(list(bench.engine.log("terminal"))) == ["one", "two"]


def test_what_nobody_keeps_cannot_be_read(bench: Bench) -> None:
    run(bench, "silent", WAITS, HostConfig={"LogConfig": {"Type": "none"}})
    with pytest.raises(Permanent, match="configured logging driver does not support reading"):
        bench.engine.log("silent")
    bench.engine.stop("silent", 0)


def test_a_container_that_is_not_there_has_none(bench: Bench) -> None:
    with pytest.raises(NotFound, match=r"^No such container: nobody$"):
        bench.engine.log("nobody")


@pytest.mark.real
@pytest.mark.parametrize("tty", [False, True], ids=["framed", "terminal"])
def test_long_lines_both_streams_and_a_last_line_without_an_end(real: Bench, tty: bool) -> None:
    words = "i=0; while [ $i -lt 4000 ]; do printf 0123456789; i=$((i+1)); done; echo; echo err >&2; echo ''; printf last"
    run(real, "long", ["sh", "-c", words], Tty=tty)
    eventually(lambda: ended(real.engine, "long"))
    said = texts(list(real.engine.log("long")))
    assert sorted(said) == sorted(["0123456789" * 4000, "err", "", "last"])
    assert said[-1] == "last" or not tty


@pytest.mark.real
@pytest.mark.parametrize("driver", ["local", "json-file"])
def test_drivers_that_keep_what_was_said(real: Bench, driver: str) -> None:
    run(real, "kept", ["sh", "-c", "echo one; echo two >&2"], HostConfig={"LogConfig": {"Type": driver}})
    eventually(lambda: ended(real.engine, "kept"))
    assert sorted(texts(list(real.engine.log("kept")))) == ["one", "two"]
