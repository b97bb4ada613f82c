"""Logs: merged in the order of time, followed through restarts and replacements, never twice and never lost."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.core.policy import Selection
from reconciler.core.tags import tags
from reconciler.engine.logs import Heard, Logs, Place, Trouble
from tests.contract.engine_fixture import DEMO
from tests.contract.test_docker import FakeBench, bench_of, eventually

SLEEP = {"Image": DEMO, "Cmd": ["sleep", "1000"]}
PLACE = Place("web", "/srv/o/s", None)


@pytest.fixture
def bench() -> Iterator[FakeBench]:
    with bench_of("fake") as found:
        assert isinstance(found, FakeBench)
        yield found


def made(
    bench: FakeBench, rid: str, name: str = "", *, start: bool = True, service: str = "web", store: str = "", **more: Any
) -> str:
    name = name or f"web.{rid.replace('#', '.')}"
    ident = bench.engine.create(name, {**SLEEP, "Labels": tags(service, rid, store), **more})
    if start:
        bench.engine.start(ident)
    return ident


def says(bench: FakeBench, ident: str, *lines: str) -> None:
    for daemon in bench.docker.daemons:
        for container in daemon.data.containers.values():
            if container.record["Id"] == ident:
                bench.docker.say(container, "\n".join(lines))


def told(said: Any) -> Any:
    return (said.rid, said.text) if isinstance(said, Heard) else said


class Listener(threading.Thread):
    """Somebody who reads on."""

    def __init__(self, logs: Logs) -> None:
        super().__init__(daemon=True)
        self.logs, self.heard = logs, list[Any]()
        self.start()

    def run(self) -> None:
        for said in self.logs.from_now_on():
            if said is not None:
                self.heard.append(told(said))


@pytest.fixture
def listen() -> Iterator[Any]:
    listeners: list[Listener] = []

    def follow(bench: FakeBench, **more: Any) -> Listener:
        logs = Logs(bench.host, [PLACE], **{"selection": Selection(), **more})
        assert not [said for said in logs.so_far() if isinstance(said, Trouble) and not said.driver]
        listeners.append(Listener(logs))
        return listeners[-1]

    yield follow
    for one in listeners:
        one.logs.close()
        one.join(10)
        assert not one.is_alive()


def test_several_containers_are_told_in_the_order_of_time(bench: FakeBench) -> None:
    first, second = made(bench, "container#1"), made(bench, "container#2")
    made(bench, "container#9", "stranger", service="other")
    for n in range(3):
        says(bench, second, f"two {n}")
        says(bench, first, f"one {n}")
    found = list(Logs(bench.host, [PLACE], selection=Selection()).so_far())
    assert [told(one) for one in found] == [
        (rid, f"{word} {n}") for n in range(3) for rid, word in (("container#2", "two"), ("container#1", "one"))
    ]
    assert [told(one) for one in Logs(bench.host, [PLACE], selection=Selection(), tail=1).so_far()] == [
        ("container#2", "two 2"),
        ("container#1", "one 2"),
    ]
    only = Logs(bench.host, [PLACE], selection=Selection(("container#1",)), since=found[2].at)
    assert [told(one) for one in only.so_far()] == [("container#1", "one 1"), ("container#1", "one 2")]


def test_only_what_this_state_folder_owns_on_an_engine_of_others(bench: FakeBench) -> None:
    says(bench, made(bench, "container#1", "first", store="mine"), "mine")
    says(bench, made(bench, "container#1", "second", store="theirs"), "theirs")
    logs = Logs(bench.host, [Place("web", "/srv/o/s", "mine")], selection=Selection())
    assert [told(one) for one in logs.so_far()] == [("container#1", "mine")]


def test_it_goes_on_through_a_restart_without_telling_a_line_twice(bench: FakeBench, listen: Any) -> None:
    ident = made(bench, "container#1")
    says(bench, ident, "before")
    listener = listen(bench)
    says(bench, ident, "one", "two")
    eventually(lambda: listener.heard == [("container#1", "one"), ("container#1", "two")])
    bench.engine.stop(ident, 0)
    says(bench, ident, "the last word")
    bench.engine.start(ident)
    says(bench, ident, "three")
    eventually(lambda: [text for _, text in listener.heard] == ["one", "two", "the last word", "three"])


def test_it_goes_on_with_what_takes_its_place_and_with_what_is_new(bench: FakeBench, listen: Any) -> None:
    old = made(bench, "container#1", "old")
    listener = listen(bench)
    bench.engine.stop(old, 0)
    new = made(bench, "container#1", "new")
    bench.engine.remove(old)
    says(bench, new, "hello")
    more = made(bench, "container#2", "more")
    says(bench, more, "me too")
    eventually(lambda: sorted(listener.heard) == [("container#1", "hello"), ("container#2", "me too")])


def test_what_ran_and_ended_between_two_looks_is_heard(bench: FakeBench, listen: Any) -> None:
    ident = made(bench, "container#1", start=False, Cmd=["sh", "-c", "echo quick; exit 1"])
    listener = listen(bench)
    for _ in range(3):
        bench.engine.start(ident)
    eventually(lambda: listener.heard == [("container#1", "quick")] * 3)


def test_an_engine_that_goes_is_told_once_and_waited_for(bench: FakeBench, listen: Any) -> None:
    ident = made(bench, "container#1")
    listener = listen(bench)
    bench.stop()
    eventually(lambda: bool(listener.heard))
    bench.start()
    bench.engine.start(ident)
    says(bench, ident, "back")
    eventually(lambda: listener.heard[-1] == ("container#1", "back"))
    assert [type(one) for one in listener.heard].count(Trouble) == 1


def test_a_driver_that_keeps_nothing_is_named_once(bench: FakeBench, listen: Any) -> None:
    made(bench, "container#1", HostConfig={"LogConfig": {"Type": "none", "Config": {}}})
    (trouble,) = Logs(bench.host, [PLACE], selection=Selection()).so_far()
    assert isinstance(trouble, Trouble) and (trouble.rid, trouble.driver) == ("container#1", "none")
    listener = listen(bench)
    says(bench, made(bench, "container#2"), "audible")
    eventually(lambda: listener.heard == [("container#2", "audible")])


def test_an_engine_that_is_not_there_is_told(bench: FakeBench) -> None:
    bench.stop()
    (trouble,) = Logs(bench.host, [PLACE], selection=Selection()).so_far()
    assert isinstance(trouble, Trouble) and trouble.rid == "" and "no engine answers" in trouble.message


def test_whoever_reads_slowly_is_waited_for(bench: FakeBench, listen: Any) -> None:
    """No more than the queue holds, and a line a container, is taken from the engine meanwhile."""
    from reconciler.engine.logs import MOST

    ident = made(bench, "container#1")
    logs = Logs(bench.host, [PLACE], selection=Selection())
    assert list(logs.so_far()) == []
    said = logs.from_now_on()
    says(bench, ident, *(str(n) for n in range(3 * MOST)))
    heard = [told(next(said))]
    eventually(logs._queue.full)
    while len(heard) < 3 * MOST:
        one = next(said)
        if one is not None:
            heard.append(told(one))
    assert [int(text) for _, text in heard] == list(range(3 * MOST))
    logs.close()
