"""crew: services side by side, and the turn of those that take from what all share."""

import dataclasses
import tempfile
import threading
from pathlib import Path

import pytest

from reconciler.core.outcome import End
from reconciler.core.service import Service
from reconciler.engine.config import Config
from reconciler.engine.crew import each
from reconciler.engine.session import Session
from reconciler.engine.store import Store
from reconciler.engine.target import Target
from tests.fakehost import FakeHost, Machine
from tests.unit.core.toys import ToyDesired, Turn, kinds, service
from tests.unit.engine.bench import World

PATIENCE = 20.0
"""Seconds after which a test that waits for what does not come fails."""


def alone(name, before=()):
    return name


def test_the_results_come_in_the_order_given_whoever_ends_first():
    ended = threading.Event()

    def work(name, before):
        if name == "slow":
            assert ended.wait(PATIENCE)
        ended.set()
        return name

    assert list(each({"slow": (), "quick": ()}, work).items()) == [("slow", "slow"), ("quick", "quick")]


def test_as_many_at_once_as_the_crew_has_and_no_more():
    meeting, at_work, most = threading.Barrier(3), set(), []

    def work(name, before):
        at_work.add(name)
        most.append(len(at_work))
        meeting.wait(PATIENCE)
        at_work.discard(name)
        meeting.wait(PATIENCE)

    each({str(n): () for n in range(6)}, work, size=3)
    assert max(most) == 3


def test_who_waits_for_others_begins_after_them_and_gets_what_they_came_to():
    got = {}

    def work(name, before):
        got[name] = list(before)
        return name.upper()

    each({"b": (), "c": (), "a": ("b", "c"), "d": ("a",)}, work)
    assert got == {"b": [], "c": [], "a": ["B", "C"], "d": ["A"]}


@pytest.mark.parametrize("size", [1, 4])
def test_a_bug_comes_out_and_nothing_else_is_begun(size):
    begun = []

    def work(name, before):
        begun.append(name)
        if name == "b":
            raise ZeroDivisionError
        return name

    with pytest.raises(ZeroDivisionError):
        each({"b": (), "d": ("b",)}, work, size)
    assert begun == ["b"]


def test_nobody_to_work_on():
    assert each({}, alone) == {}


# a session


@pytest.fixture
def worlds(tmp_path):
    """Two services of toys, each in a world of its own, on one node."""
    return Toys(tmp_path)


class Toys:
    def __init__(self, folder):
        self.worlds = {name: World() for name in ("one", "two")}
        config = Config(specs=str(folder), state_dir=str(folder), run_dir=str(folder / "run"), log=False)
        store = Store.memory(uuid="store-1", kinds=kinds)
        store.folder = str(folder)
        self.session = Session(config, FakeHost(Machine()), store, kinds=kinds, drivers=lambda name: self)

    def targets(self):
        return [Target(name, named(name)) for name in self.worlds]

    # the driver of both

    def look(self, want, host):
        return self.worlds[want.id.service].look(want, host)

    def observe(self, wanted, host):
        found = {}
        for want in wanted:
            found |= self.worlds[want.id.service].observe([want], host)
        return found

    def perform(self, id, action, host, say):
        self.worlds[id.service].perform(id, action, host, say)


def named(name) -> Service:
    return dataclasses.replace(service(box_1=ToyDesired()), name=name)


def test_two_services_are_worked_on_at_once(worlds):
    meeting = threading.Barrier(2)
    for world in worlds.worlds.values():
        world.hooks["box#1 make"] = lambda: meeting.wait(PATIENCE)
    results = worlds.session.converge(worlds.targets())
    assert [(result.service, result.end) for result in results] == [("one", End.CONVERGED), ("two", End.CONVERGED)]


def test_events_come_one_at_a_time(worlds):
    """The first one stays inside until a second service has begun, and would have told of it, too."""
    meeting, inside, most = threading.Barrier(2), [], []
    for world in worlds.worlds.values():
        world.hooks["box#1 make"] = lambda: meeting.wait(PATIENCE)
    beside = threading.Event()

    def on_event(event):
        inside.append(event)
        most.append(len(inside))
        beside.wait(0.02)
        inside.remove(event)

    worlds.session.converge(worlds.targets(), on_event=on_event)
    assert set(most) == {1}


def test_what_a_run_beside_it_does_is_no_reason_to_look_again(worlds):
    """Each is seen once for both, and then only to see what its own steps came to."""
    surveys = worlds.session.survey(worlds.targets())
    results = worlds.session.converge(worlds.targets(), surveys=surveys)
    assert {result.end for result in results} == {End.CONVERGED}
    alone_looks = looks_alone()
    assert [len(world.looks) for world in worlds.worlds.values()] == [alone_looks, alone_looks]


def looks_alone():
    with tempfile.TemporaryDirectory() as folder:
        toys = Toys(Path(folder))
        target = toys.targets()[:1]
        toys.session.converge(target, surveys=toys.session.survey(target))
        return len(toys.worlds["one"].looks)


def test_what_services_share_is_seen_and_taken_by_one_at_a_time(worlds, monkeypatch):
    """Both want what is free: the second looks when the first has taken its part, and not before."""
    monkeypatch.setattr(Turn, "takes", True)
    order = []
    for name, world in worlds.worlds.items():
        world.hooks["box#1 make"] = lambda name=name: order.append(f"{name} takes")
        see = world.see
        world.see = lambda rid, name=name, see=see: (order.append(f"{name} looks"), see(rid))[1]
    surveys = worlds.session.survey(worlds.targets())
    worlds.session.converge(worlds.targets(), surveys=surveys)
    first, second = (line.split()[0] for line in order if line.endswith("takes"))
    between = order[order.index(f"{first} takes") : order.index(f"{second} takes")]
    assert f"{second} looks" in between
    assert f"{first} takes" not in order[order.index(f"{second} takes") :]
