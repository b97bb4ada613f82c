"""watch: what it does when something changes, and what it leaves alone; test_rounds.py has when. Time is the fake machine's."""

import itertools
import os
import time

import pytest

from reconciler.core.ban import WHOLE, Ban, Sort
from reconciler.core.outcome import End, Noticed
from reconciler.core.policy import Aim, Goal, Policy
from reconciler.engine import sweep
from reconciler.engine.signals import Stop
from reconciler.engine.watch import Watch
from reconciler.host.errors import Permanent
from tests.unit.engine.node import SPEC, Node
from tests.unit.engine.timeline import Timeline


class Watching:
    def __init__(self, node):
        self.node, self.session = node, node.session()
        self.watch = Watch(self.session, on_event=node.events.append)

    def look(self):
        return {result.service: result.end for result in self.watch.look()}

    def noticed(self):
        return [event.text for event in self.node.events if isinstance(event, Noticed)]


@pytest.fixture
def make(tmp_path):
    made = []

    def build(**settings):
        node = Node(tmp_path, **settings)
        for name in ("web", "db"):
            node.write(name)
        made.append(Watching(node))
        return made[-1]

    yield build
    for item in made:
        item.session.close()


def test_it_converges_at_the_start_and_is_then_quiet(make):
    w = make()
    assert w.look() == {"web": End.CONVERGED, "db": End.CONVERGED}
    effects, changes = w.node.machine.effects, w.session.store._db.total_changes
    assert w.look() == {}
    assert (w.node.machine.effects, w.session.store._db.total_changes) == (effects, changes)


def test_what_is_frozen_is_left_alone_and_that_is_told_once(make):
    w = make()
    w.look()
    w.session.store.ban("web", Sort.FROZEN, (WHOLE,), Ban("alice", w.session.host.clock.now(), "disk swap"))
    w.node.machine.tear_off("/mnt/web")
    w.node.machine.tear_off("/mnt/db")
    assert w.look()["db"] is End.CONVERGED and w.node.mounts() == ["/mnt/db"]
    w.look()
    assert w.noticed() == ["frozen by alice (disk swap); left alone → osvc thaw web"]
    w.session.store.lift("web", Sort.FROZEN, (WHOLE,), Ban("alice", w.session.host.clock.now()))
    assert w.look() == {"web": End.CONVERGED} and sorted(w.node.mounts()) == ["/mnt/db", "/mnt/web"]


def test_drift_is_mended_where_it_is_and_nowhere_else(make):
    w = make()
    w.look()
    w.node.machine.tear_off("/mnt/web")
    assert w.look() == {"web": End.CONVERGED}
    assert sorted(w.node.mounts()) == ["/mnt/db", "/mnt/web"]


def test_an_edited_spec_is_applied(make):
    w = make()
    w.look()
    w.node.write("web", SPEC.replace("type: tmpfs}", "type: tmpfs, mnt_opt: size=1m}") % "web")
    assert w.watch.edited
    assert w.look() == {"web": End.CONVERGED}
    assert not w.watch.edited


def test_a_new_spec_is_found(make):
    w = make()
    w.look()
    w.node.write("app")
    assert w.look() == {"app": End.CONVERGED}


def test_an_invalid_edit_keeps_the_last_valid_state_and_is_told_once(make):
    w = make()
    w.look()
    w.node.write("web", "resources: [\n")
    w.node.machine.tear_off("/mnt/web")
    assert w.look() == {"web": End.CONVERGED}
    assert "/mnt/web" in w.node.mounts()
    w.look()
    assert len([text for text in w.noticed() if "web.yaml" in text]) == 1
    w.node.write("web", SPEC % "other")
    assert w.look() == {"web": End.CONVERGED}


def test_a_spec_is_read_again_when_only_its_mode_was_mended(make, tmp_path):
    w = make()
    spec = tmp_path / "specs" / "web.yaml" if (tmp_path / "specs").is_dir() else next(tmp_path.rglob("web.yaml"))
    spec.chmod(0o622)
    w.look()
    assert w.noticed() == [f"{spec}:1:1: this file may be written by others, and osvc runs as root: chmod go-w {spec}"]
    spec.chmod(0o600)
    assert w.watch.edited
    spec.parent.chmod(0o777)
    w.look()
    assert "this folder may be written by others" in w.noticed()[-1]
    spec.parent.chmod(0o700)
    assert w.watch.edited


def test_a_folder_that_vanishes_stops_nothing(make, tmp_path):
    w = make()
    w.look()
    os.rename(w.node.specs, tmp_path / "away")
    w.node.machine.tear_off("/mnt/db")
    assert w.look() == {"db": End.CONVERGED}
    os.rename(tmp_path / "away", w.node.specs)
    assert w.look() == {}


def test_goals_are_respected_also_new_ones(make):
    w = make()
    w.look()
    w.session.set_goal(["web"], Goal(Aim.DOWN, "alice"))
    w.look()
    assert w.node.mounts() == ["/mnt/db"]
    w.session.set_goal(["web"], Goal())
    assert w.look() == {"web": End.CONVERGED}


def test_a_failure_backs_off_longer_each_time_and_a_new_spec_ends_that(make):
    w = make()
    w.node.machine.fail_next(lambda label: label.startswith("mount ") and "/mnt/web" in label, Permanent("no"), times=float("inf"))
    assert w.look() == {"db": End.CONVERGED, "web": End.ROLLED_BACK}
    assert w.look() == {}, "not again at once"
    waits = []
    for _ in range(4):
        until = w.session.store.failure("web").until
        waits.append((until - w.node.machine.now()).total_seconds())
        w.node.machine.pass_time(waits[-1] + 0.1)
        assert w.look() == {"web": End.ROLLED_BACK}
    assert all(low <= wait <= low * 1.1 for low, wait in zip((10, 20, 40, 80), waits, strict=True)), waits
    assert w.session.store.failure("web").count == 5
    w.node.write("web", SPEC % "other")
    assert w.look() == {"web": End.CONVERGED}
    assert w.session.store.failure("web") is None


def test_an_orphan_is_pruned_only_where_that_is_set(make):
    w = make()
    w.look()
    w.node.write("app")
    w.look()
    (w.node.specs / "web.yaml").unlink()
    w.look()
    assert "/mnt/web" in w.node.mounts()


def test_pruning_by_setting(make):
    w = make(prune=True)
    w.node.write("app")
    w.look()
    (w.node.specs / "web.yaml").unlink()
    w.look()
    assert sorted(w.node.mounts()) == ["/mnt/app", "/mnt/db"]
    for file in list(w.node.specs.iterdir()):
        file.unlink()
    w.look()
    assert sorted(w.node.mounts()) == ["/mnt/app", "/mnt/db"], "an emptied folder prunes nothing"
    assert any("there is no spec in this folder" in text for text in w.noticed())


@pytest.fixture
def six(tmp_path):
    """A watch that prunes, over the services a to f of one mount each."""
    node = Node(tmp_path, prune=True, interval=300.0)
    for name in "abcdef":
        node.write(name)
    return Timeline(node)


def remove(line, name):
    return (line.node.specs / f"{name}.yaml").unlink


def test_specs_that_go_one_after_another_are_pruned_no_further_than_specs_that_go_at_once(six):
    for number, name in enumerate("abcd"):
        six.at(20 + 3 * number, remove(six, name))
    six.run(3 * 3600)
    assert sorted(six.node.mounts()) == ["/mnt/d", "/mnt/e", "/mnt/f"], "nor when the hour is over"
    why = "cannot prune: 4 of 6 owned resources would go (d fs#1, after 3 that went before); if that is meant, say "
    assert f"{why}osvc apply --prune-all" in [text for _, text in six.said]


def test_specs_that_go_now_and_then_are_pruned(six):
    for number, name in enumerate("abcde"):
        six.at(20 + 4000 * number, remove(six, name))
    six.run(5 * 4000)
    assert six.node.mounts() == ["/mnt/f"] and not any("cannot prune" in text for _, text in six.said)


def test_services_that_come_and_go_are_pruned(six):
    for number in range(12):
        six.at(20 + 60 * number, lambda number=number: six.node.write(f"new{number}"))
        six.at(50 + 60 * number, remove(six, f"new{number}"))
    six.run(800)
    assert len(six.node.mounts()) == 6 and not any("cannot prune" in text for _, text in six.said)


def test_what_is_wanted_again_counts_as_pruned_no_more(six):
    for name in "abc":
        six.at(20, remove(six, name))
        six.at(40, lambda name=name: six.node.write(name))
    six.at(60, remove(six, "d"))
    six.run(100)
    assert sorted(six.node.mounts()) == ["/mnt/a", "/mnt/b", "/mnt/c", "/mnt/e", "/mnt/f"]


def anew(line, until):
    """Another watch of the same node, until then; what it told of pruning."""
    line.node.stop = Stop()
    fresh = Timeline(line.node)
    fresh.run(until)
    return {text for _, text in fresh.said if "cannot prune" in text}


def test_watches_that_begin_anew_prune_no_further_than_one(six):
    six.run(15)
    for number, name in enumerate("abcd"):
        remove(six, name)()
        told = anew(six, 30 + 10 * number)
    assert sorted(six.node.mounts()) == ["/mnt/d", "/mnt/e", "/mnt/f"]
    why = "cannot prune: 4 of 6 owned resources would go (d fs#1, after 3 that went before); if that is meant, say "
    assert told == {f"{why}osvc apply --prune-all"}
    assert anew(six, 6 * 3600) == told, "nor when it begins long afterwards, for that waits all the time"
    assert anew(six, 12 * 3600) == told and len(six.node.mounts()) == 3
    six.node.write("d")
    six.machine.agenda.append((12 * 3600 + 4000, remove(six, "d")))
    anew(six, 14 * 3600)
    assert sorted(six.node.mounts()) == ["/mnt/e", "/mnt/f"], "a watch that saw nothing to prune for an hour"


def test_services_that_came_and_went_keep_a_watch_that_begins_anew_from_pruning_nothing(six):
    for number in range(12):
        six.at(20 + 60 * number, lambda number=number: six.node.write(f"new{number}"))
        six.at(50 + 60 * number, remove(six, f"new{number}"))
    six.run(800)
    remove(six, "a")()
    assert not anew(six, 900)
    assert "/mnt/a" not in six.node.mounts()


def test_what_somebody_pruned_by_hand_counts_for_no_watch(six):
    six.run(15)
    for name in "abcd":
        six.node.machine.tear_off(f"/mnt/{name}")
    anew(six, 30)
    for name in "abcd":
        remove(six, name)()
    six.node.stop = Stop()
    six.node.apply(policy=Policy(prune=True), prune_all=True)
    remove(six, "e")()
    assert not anew(six, 60)
    assert six.node.mounts() == ["/mnt/f"]


def prune_all(node, *globs):
    """As `osvc apply --prune-all` does it."""
    node.stop = node.stop if not node.stop.asked else Stop()
    with node.session() as session:
        targets = session.targets(session.load(), globs)
        sweep.end(session.store, targets, session.converge(targets, policy=Policy(prune=True), prune_all=True))


def test_what_somebody_agreed_to_prune_ends_the_sweep(six):
    six.at(20, lambda: [remove(six, name)() for name in "abcd"])
    six.at(60, lambda: prune_all(six.node))
    six.at(120, remove(six, "e"))
    six.run(200)
    assert six.node.mounts() == ["/mnt/f"]
    assert len([text for _, text in six.said if "cannot prune: 4 of 6 owned resources would go" in text]) == 1


def test_what_somebody_agreed_to_prune_ends_the_sweep_also_for_a_watch_that_begins_anew(six):
    for number, name in enumerate("abc"):
        six.at(20 + 3 * number, remove(six, name))
    six.run(60)
    remove(six, "d")()
    assert anew(six, 80) and len(six.node.mounts()) == 3
    prune_all(six.node)
    assert sorted(six.node.mounts()) == ["/mnt/e", "/mnt/f"]
    remove(six, "e")()
    assert not anew(six, 100) and six.node.mounts() == ["/mnt/f"]


def test_what_somebody_agreed_to_prune_of_a_few_ends_no_sweep(six):
    for name in "abc":
        six.at(20, remove(six, name))
    six.at(40, remove(six, "d"))
    six.at(60, lambda: prune_all(six.node, "d", "e"))
    six.at(120, remove(six, "e"))
    six.run(200)
    assert sorted(six.node.mounts()) == ["/mnt/e", "/mnt/f"]


def test_it_ends_at_a_signal_and_says_which(make):
    w = make()
    line = Timeline(w.node)
    assert line.run(25) == 15
    assert w.node.machine.ticks == 25
    assert w.node.stop.wakes == []


def test_without_permission_nothing_is_interrupted(make):
    w = make(disrupt=False)
    w.look()
    w.node.write("web", SPEC % "moved")
    w.look()
    assert "/mnt/web" in w.node.mounts()
    assert any("interrupts something" in text for text in w.noticed())


def test_drift_that_comes_back_is_mended_at_growing_intervals(make, monkeypatch):
    """A container that dies again and again must not be started every ten seconds for ever."""
    monkeypatch.setattr("reconciler.engine.backoff.randbelow", lambda n: 50)
    w = make()
    w.look()
    mends = []
    for second in range(0, 600, 10):
        if "/mnt/web" in w.node.mounts():
            w.node.machine.tear_off("/mnt/web")
        if w.look():
            mends.append(second)
        w.node.machine.pass_time(10)
    waits = [later - earlier for earlier, later in itertools.pairwise(mends)]
    assert waits[:2] == [10, 10], "the first two at the next look"
    assert waits == sorted(waits)
    assert waits[2:] == [20, 30, 50, 90, 170], "10, 20, 40, 80, 160 s and a twentieth, at the next look after"
    assert len([text for text in w.noticed() if "again and again" in text]) >= 1


def test_a_calm_time_forgives_old_drift(make):
    w = make()
    w.look()
    for _ in range(6):
        w.node.machine.tear_off("/mnt/web")
        assert w.look() == {"web": End.CONVERGED}
        w.node.machine.pass_time(3600)


def fragile(words):
    return f"resources:\n  fs#1: {{dev: tmpfs, mnt: /mnt/web, type: tmpfs, {words}}}\n"


def lose(w, *, after=600):
    """A mount dies, after so many seconds."""
    w.node.machine.pass_time(after)
    w.node.machine.tear_off("/mnt/web")


def test_what_died_is_restarted_so_often_and_then_only_told(make):
    w = make()
    w.node.write("web", fragile("restart: 2"))
    w.look()
    for _ in range(2):
        lose(w, after=1)
        assert w.look() == {"web": End.CONVERGED}
    lose(w, after=1)
    assert "web" not in w.look()
    assert w.node.mounts() == ["/mnt/db"]
    assert w.noticed()[-1].endswith("restarted 2 of 2 times: degraded; tried once more each hour")


def test_the_count_begins_anew_once_it_was_up_for_a_while(make):
    w = make()
    w.node.write("web", fragile("restart: 1"))
    w.look()
    for _ in range(3):
        lose(w)
        assert w.look() == {"web": End.CONVERGED}
        w.look()
        w.node.machine.pass_time(301)
        w.look()


def test_restart_0_leaves_it_to_people(make):
    w = make()
    w.node.write("web", fragile("restart: 0"))
    assert w.look()["web"] is End.CONVERGED
    lose(w)
    assert "web" not in w.look()


def test_an_edit_begins_the_count_anew(make):
    w = make()
    w.node.write("web", fragile("restart: 0"))
    w.look()
    lose(w)
    w.look()
    w.node.write("web", fragile("restart: 1"))
    assert w.look() == {"web": End.CONVERGED}


def test_the_loss_of_what_is_monitored_is_told_by_name_and_mended_all_the_same(make):
    w = make()
    w.node.write("web", fragile("monitor: true"))
    w.look()
    lose(w)
    assert w.look() == {"web": End.CONVERGED}
    assert w.noticed() == ["monitored: fs#1 is lost: /mnt/web is not mounted"]


def test_what_is_optional_and_fails_is_tried_again_after_a_pause(make):
    w = make()
    w.node.write("web", fragile("optional: true"))
    w.look()
    w.node.machine.fail_next("mount -t tmpfs", Permanent("no"), times=2)
    lose(w)
    assert w.look() == {"web": End.CONVERGED}
    assert "web" not in w.look()
    assert w.noticed()[-1].startswith("fs#1: optional, and failed: cannot mount tmpfs")
    w.node.machine.pass_time(60)
    assert w.look() == {"web": End.CONVERGED} and "/mnt/web" not in w.node.mounts()
    w.node.machine.pass_time(60)
    assert w.look() == {"web": End.CONVERGED} and "/mnt/web" in w.node.mounts()


def test_what_is_on_standby_is_kept_up_in_a_stopped_service(make):
    w = make()
    w.node.write("web", fragile("standby: true"))
    w.look()
    w.session.set_goal(["web"], Goal(Aim.DOWN))
    assert w.look() == {"web": End.CONVERGED} or "/mnt/web" in w.node.mounts()
    lose(w)
    assert w.look() == {"web": End.CONVERGED}
    assert "/mnt/web" in w.node.mounts()


def test_the_time_zone_is_the_one_of_now(tmp_path, monkeypatch):
    line, zones = Timeline(Node(tmp_path)), []
    line.node.write("web")
    line.at(20, lambda: monkeypatch.setenv("TZ", "ODD-3"))
    line.at(21, line.node.stop.reread.set)
    line.at(21, line.wake)
    line.at(25, lambda: zones.append(time.tzname[0]))
    try:
        line.run(30)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert zones == ["ODD"]


def test_a_watch_that_lasts_forgets_old_runs_and_cases_once_a_day(make):
    w = make(interval=86400.0, retention=1)
    line = Timeline(w.node)
    case = w.node.folder / "state/cases/old.yaml"
    case.parent.mkdir(mode=0o700, exist_ok=True)
    case.write_text("")
    os.utime(case, (w.node.machine.now().timestamp(),) * 2)
    line.run(86400 * 3)
    with w.node.session(write=False) as session:
        assert session.store.journal() == ()
    assert not case.exists()
