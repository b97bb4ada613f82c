"""A bug in the loop of a watch, wherever it is, is told, and ends nothing; what it strikes is tried ever more seldom. Timelines."""

import itertools
from types import MethodType

import pytest

from reconciler.core.service import Service
from reconciler.engine.bugs import THIS_IS_A_BUG
from reconciler.engine.standing import State
from reconciler.resources.registry import kind_of
from tests.unit.engine.node import SPEC, Node
from tests.unit.engine.timeline import Timeline

pytestmark = pytest.mark.usefixtures("no_jitter")


@pytest.fixture
def line(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = Timeline(Node(tmp_path, interval=300.0))
    for name in ("a", "b", "c"):
        made.node.write(name)
    return made


class Broken:
    """A method that has a bug between two times; as long as it meets the condition. hits: when."""

    def __init__(self, line, owner, name, since, until=float("inf"), meets=lambda *words: True):
        real, self.hits = getattr(owner, name), []

        def broken(_, *words, **more):
            if since <= line.machine.ticks < until and meets(*words):
                self.hits.append(line.now)
                raise KeyError("bug")
            return real(*words, **more)

        setattr(owner, name, MethodType(broken, owner))


def tear(line, name):
    return lambda: line.machine.tear_off(f"/mnt/{name}")


def told(line):
    return [(at, text.splitlines()[0]) for at, text in line.said if "internal error" in text]


INTERNAL = f"internal error in watch: KeyError. {THIS_IS_A_BUG}"


def test_a_bug_in_a_turn_is_told_once_and_everything_is_looked_at_after_a_pause(line, tmp_path):
    Broken(line, line.session, "targets", 19, 22)
    said = []
    line.watch._manager.says = lambda text: said.append((line.now, text))
    line.at(20, tear(line, "a"))
    line.run(60)
    assert said == [(20.0, "internal error (KeyError); everything is looked at again after a pause"), (30.0, "")]
    assert told(line) == [(20.0, INTERNAL)]
    assert line.after[0] == (30.0, "a b c") and (30.0, "a") in line.done
    (kept,) = tmp_path.glob("osvc-bug-*.txt")
    assert "in broken" in kept.read_text()


@pytest.mark.parametrize("owner", ["session", "rounds", "workers"])
def test_a_bug_at_every_turn_is_met_ever_more_seldom_and_the_loop_turns_on(line, owner):
    places = {
        "session": (line.session, "targets"),
        "rounds": (line.watch._rounds, "next"),
        "workers": (line.watch._workers, "begin"),
    }
    place, name = places[owner]
    broken, turned, beats = Broken(line, place, name, 19), [], []
    line.watch._manager.alive = lambda: beats.append(line.now)
    line.at(20, tear(line, "a"))
    for at in range(100, 1000, 50):
        line.at(at, lambda: line.node.write("b"))
        line.at(at + 1, lambda: turned.append(line.now - line.watch.standing().turned))
    assert line.run(1200) == 15
    met = [round(at / 10) * 10 for at in broken.hits]
    assert [later - earlier for earlier, later in itertools.pairwise(met)][:5] == [10, 20, 40, 80, 160]
    assert len(told(line)) == len({at for at, _ in told(line)}) <= len(met)
    assert max(turned) < 31 and max(later - earlier for earlier, later in itertools.pairwise(beats)) < 31


def test_who_asks_to_stop_waits_for_no_pause(line):
    Broken(line, line.session, "targets", 19)
    line.at(20, tear(line, "a"))
    line.run(100.5)
    assert line.now < 102


def test_a_calm_time_forgives_old_bugs(line):
    hits = [Broken(line, line.session, "targets", since, since + 1).hits for since in (19, 30.5, 60, 1000)]
    for at in (19.5, 30.7, 60.5, 1000.5):
        line.at(at, tear(line, "a"))
    line.run(1100)
    assert all(hits)
    assert [at for at, names in line.after if names == "a b c" and at not in (300, 600)][-1] == 1010.5


def test_a_watch_whose_first_look_has_a_bug_begins_later(line):
    begun = []
    line.watch._manager.ready = lambda: begun.append(line.now)
    Broken(line, line.session, "targets", 0, 5)
    line.at(9, lambda: begun.append((line.now, line.watch.standing().begun, line.watch.standing().bug)))
    line.run(60)
    assert begun == [(9, False, "KeyError"), 10.0]
    assert line.watch.standing().bug == ""


@pytest.mark.parametrize("where", ["survey", "note", "rule", "heed"])
def test_a_bug_in_one_service_strikes_no_other(line, where):
    """Seen, judged, or judged after its run: as if a worker had had it."""
    if where == "survey":
        Broken(line, line.session, "survey", 19, meets=lambda targets, **_: any(target.name == "b" for target in targets))
    elif where == "note":
        Broken(line, line.watch._news, "lost", 19, meets=lambda plan: plan.service == "b")
    elif where == "rule":
        Broken(line, line.watch._judge, "rule", 19, meets=lambda survey, _: survey.target.name == "b")
    else:
        Broken(line, line.watch._judge, "heed", 19, meets=lambda target, *_: target.name == "b")
    line.at(20, tear(line, "b"))
    line.at(40, tear(line, "a"))
    line.at(301, tear(line, "c"))
    line.run(400)
    assert [name for at, name in line.done if at > 19 and name != "b"] == ["a", "c"]
    assert [text for _, text in told(line)] == [INTERNAL]
    standing = line.watch.standing()
    assert standing.states == {"a": State.KEPT, "b": State.KEPT if where == "heed" else State.OPEN, "c": State.KEPT}
    assert standing.bug == "", "everything else is looked at as ever"


def breaks(line, monkeypatch, owner, name, until, meets):
    """A method of a class that has a bug from 19 on. When it had."""
    real, hits = getattr(owner, name), []

    def broken(self, *words):
        if 19 <= line.machine.ticks < until and meets(self, *words):
            hits.append(line.now)
            raise KeyError("bug")
        return real(self, *words)

    monkeypatch.setattr(owner, name, broken)
    return hits


PLACES = {
    "bells before it is looked at": (
        type(kind_of("fs")),
        "bells",
        lambda _, desired, state: desired.mnt == "/mnt/b" and state is None,
    ),
    "bells by what was seen": (
        type(kind_of("fs")),
        "bells",
        lambda _, desired, state: desired.mnt == "/mnt/b" and state is not None,
    ),
    "what is wanted of it": (Service, "banned", lambda service, _: service.name == "b"),
}


@pytest.mark.parametrize("where", PLACES)
def test_a_bug_in_what_one_service_listens_to_or_is_strikes_no_other(line, monkeypatch, where):
    """It is tried again ever more seldom, and all is well once the bug is gone."""
    owner, name, meets = PLACES[where]
    hits = breaks(line, monkeypatch, owner, name, 420, meets)
    standings = []
    line.at(20, tear(line, "b"))
    line.at(40, tear(line, "a"))
    line.at(299, lambda: standings.append(line.watch.standing()))
    line.at(301, tear(line, "c"))
    line.at(410, lambda: standings.append(line.watch.standing()))
    line.run(800)
    assert [(at, name) for at, name in line.done if at > 19 and name != "b"] == [(40.0, "a"), (301.0, "c")]
    assert [text for _, text in told(line)] == [INTERNAL]
    for standing in standings:
        assert standing.states == {"a": State.KEPT, "b": State.OPEN, "c": State.KEPT} and standing.bug == ""
    if name == "bells":
        assert [round(at) for at in hits if at < 290] == [20, 21, 30, 70, 150], "by its ring, its echoes, and ever longer pauses"
    else:
        assert line.watch.bugs < len(hits), "what is worked out for all at each look is no news each time"
    assert sorted(line.node.mounts()) == ["/mnt/a", "/mnt/b", "/mnt/c"]
    assert line.watch.standing().states["b"] is State.KEPT


@pytest.mark.parametrize("where", PLACES)
def test_a_bug_that_all_services_have_is_one_of_the_loop(line, monkeypatch, where):
    owner, name, _ = PLACES[where]
    breaks(line, monkeypatch, owner, name, 400, lambda *words: name == "banned" or (words[2] is None) == ("before" in where))
    line.at(350, lambda: kept.append(line.watch.standing().bug))
    kept = []
    line.run(1000)
    assert kept == ["KeyError"] and line.watch.standing().bug == ""
    assert set(line.watch.standing().states.values()) == {State.KEPT}


@pytest.mark.parametrize("where", [*PLACES, "seen"])
def test_who_has_a_bug_is_not_gone_and_nothing_is_pruned_meanwhile(tmp_path, monkeypatch, where):
    """What goes may be what that one is to take over: it was renamed, say."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    line = Timeline(Node(tmp_path, interval=300.0, prune=True))
    for name in ("a", "b", "c"):
        line.node.write(name)
    if where == "seen":
        Broken(line, line.session, "survey", 19, 1000, meets=lambda targets, **_: any(target.name == "b" for target in targets))
    else:
        owner, name, meets = PLACES[where]
        breaks(line, monkeypatch, owner, name, 1000, meets)
    line.at(20, tear(line, "a"))
    line.at(40, (line.node.specs / "c.yaml").unlink)
    line.at(999, lambda: meanwhile.extend([sorted(line.node.mounts()), line.watch.standing().states["b"]]))
    meanwhile = []
    line.run(2000)
    assert meanwhile == [["/mnt/a", "/mnt/b", "/mnt/c"], State.OPEN]
    assert [text for _, text in told(line)] == [INTERNAL, "nothing is pruned while there is an internal error: with b"]
    assert sorted(line.node.mounts()) == ["/mnt/a", "/mnt/b"], "once it is over"
    assert line.watch.standing().states.keys() == {"a", "b"}


def test_nothing_is_pruned_while_a_service_that_never_was_has_a_bug(tmp_path, monkeypatch):
    """Which is known from an earlier look."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    line = Timeline(Node(tmp_path, interval=300.0, prune=True))
    for name in ("a", "d", "web"):
        line.node.write(name)
    breaks(line, monkeypatch, Service, "banned", 2000, lambda service, _: service.name == "www")
    line.at(20, lambda: line.node.write("www"))
    line.at(40, (line.node.specs / "web.yaml").unlink)
    line.run(60)
    assert sorted(line.node.mounts()) == ["/mnt/a", "/mnt/d", "/mnt/web"]


def test_what_a_service_does_not_want_any_more_is_not_pruned_while_another_has_a_bug(tmp_path, monkeypatch):
    """That one may be about to take it over. It was looked at alone, and the other is, too."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    line = Timeline(Node(tmp_path, interval=300.0, prune=True))
    more = "  fs#2: {dev: tmpfs, mnt: /mnt/more, type: tmpfs}\n"
    line.node.write("a", SPEC % "a" + more)
    line.node.write("b")
    Broken(line, line.session, "survey", 19, meets=lambda targets, **_: any(target.name == "b" for target in targets))
    line.at(20, tear(line, "b"))
    line.at(25, lambda: line.node.write("a"))
    line.run(60)
    assert sorted(line.node.mounts()) == ["/mnt/a", "/mnt/more"]


def test_a_bug_that_takes_two_services_together_is_one_of_the_loop(line):
    broken = Broken(line, line.session, "survey", 19, 299, meets=lambda targets, **_: len(targets) > 1)
    line.at(20, tear(line, "a"))
    line.at(20, tear(line, "b"))
    line.run(700)
    assert broken.hits and told(line)[0] == (20.0, INTERNAL)
    assert sorted(name for at, name in line.done if at > 19) == ["a", "b"]


def test_specs_that_bring_out_a_bug_change_nothing(line):
    Broken(line, line.watch._specs, "_load", 19, 100)
    line.at(20, lambda: line.node.write("a", "odd"))
    line.at(30, tear(line, "a"))
    line.at(40, tear(line, "b"))
    line.at(110, lambda: line.node.write("a"))
    line.run(200)
    assert told(line) == [(20.1, INTERNAL)]
    assert [name for at, name in line.done if at > 19] == ["a", "b"]


@pytest.mark.parametrize("since", [0, 19])
def test_a_watch_that_can_look_at_no_service_at_all_has_the_bug_itself(line, since):
    begun = []
    line.watch._manager.ready = lambda: begun.append(line.now)
    Broken(line, line.session, "survey", since, 305)
    for at in (5, 301):
        line.at(at, lambda: begun.append((line.now, line.watch.standing().begun, line.watch.standing().bug)))
    line.run(400)
    late, early = [(5, False, "KeyError"), (301, False, "KeyError"), 310.0], [0.0, (5, True, ""), (301, True, "KeyError")]
    assert begun == (early if since else late)
    assert line.watch.standing().bug == "" and len(line.node.mounts()) == 3


def test_a_signal_to_read_the_configuration_cuts_one_pause_short_and_not_the_later_ones(line):
    broken = Broken(line, line.watch._workers, "begin", 19, 100)
    begin = line.watch._workers.begin
    line.watch._workers.begin = lambda: begin() if len(broken.hits) < 20 else line.node.stop.terminate()
    line.at(20, tear(line, "a"))
    line.at(25, lambda: (line.node.stop.reread.set(), line.wake()))
    line.run(200)
    assert len(broken.hits) < 20, "or it would spin"
    assert broken.hits[0] == 20.0 and 25 <= broken.hits[1] <= 26 and broken.hits[2] > 40
    assert line.watch.standing().bug == "" and not line.node.stop.reread.is_set()
