"""What a watch does when things keep failing: each test is a timeline. Time is the fake machine's."""

import math
from datetime import timedelta

import pytest

from reconciler.core.ban import WHOLE, Ban, Sort
from reconciler.core.past import ends
from reconciler.core.policy import Aim, Goal
from reconciler.engine.signals import Stop
from reconciler.engine.standing import State
from reconciler.engine.windows import Windows
from reconciler.host.errors import Conflict, Permanent, Transient
from tests.fakehost.machine import EPOCH
from tests.unit.engine.node import SPEC, Node
from tests.unit.engine.timeline import Timeline

pytestmark = pytest.mark.usefixtures("no_jitter")

HOUR = 3600.0


@pytest.fixture
def line(tmp_path):
    node = Node(tmp_path, interval=300.0)
    node.write("web")
    return Timeline(node)


def fragile(words):
    return f"resources:\n  fs#1: {{dev: tmpfs, mnt: /mnt/web, type: tmpfs, {words}}}\n"


def tear(line):
    return lambda: line.machine.tear_off("/mnt/web")


def mounting(label):
    return label.startswith("mount ") and "/mnt/web" in label


def waits(line):
    return [round(later - sooner) for (sooner, _), (later, _) in zip(line.done, line.done[1:], strict=False)]


# errors that last


def test_an_error_that_lasts_is_tried_ever_more_seldom_and_then_hourly(line):
    line.machine.fail_next(mounting, Permanent("no"), times=math.inf)
    line.run(4 * HOUR)
    assert waits(line)[:9] == [10, 20, 40, 80, 160, 320, 640, 1280, 2560]
    assert {*waits(line)[9:]} == {3600}
    assert any("a reason that lasts" in text for _, text in line.said)


def test_an_error_that_may_pass_is_tried_every_five_minutes_for_ever(line):
    line.machine.fail_next(mounting, Transient("no answer"), times=math.inf)
    line.run(2 * HOUR)
    assert {wait // 100 for wait in waits(line)[8:]} == {3}


def test_a_change_of_the_machine_ends_the_wait(line):
    line.node.write("web", SPEC % "web" + "  fs#2: {dev: tmpfs, mnt: /mnt/beside, type: tmpfs}\n")
    line.machine.fail_next(mounting, Conflict("in the way"), times=math.inf)
    line.at(HOUR, line.machine.heal)
    line.at(HOUR + 100, lambda: line.machine.tear_off("/mnt/beside"))
    line.run(HOUR + 110)
    assert line.done[-1] == (HOUR + 100, "web") and sorted(line.node.mounts()) == ["/mnt/beside", "/mnt/web"]


def test_an_edit_ends_the_wait(line):
    line.machine.fail_next(mounting, Permanent("no"), times=math.inf)
    line.at(HOUR, line.machine.heal)
    line.at(HOUR + 10, lambda: line.node.write("web", SPEC % "other"))
    line.run(HOUR + 60)
    assert line.done[-1] == (HOUR + 10.1, "web") and line.node.mounts() == ["/mnt/other"]


def beside(line, words=""):
    """A second mount beside that of /mnt/web, which fails once and comes up at the next try, each 5000 s."""
    line.node.write("web", fragile(f"mnt_opt: size=4m{words}") + "  fs#2: {dev: tmpfs, mnt: /mnt/beside, type: tmpfs}\n")

    def harm():
        line.machine.fail_next(lambda label: label.startswith("mount ") and "/mnt/beside" in label, Permanent("no"))
        line.machine.tear_off("/mnt/beside")

    for number in range(1, 5):
        line.at(5000.0 * number, harm)


@pytest.mark.parametrize("words", ["", ", restart: 0"])
def test_a_failure_that_passed_counts_no_more_also_beside_what_is_left_alone(line, words):
    beside(line, words)
    line.at(20, tear(line))
    line.run(22000)
    harmed = [(sooner, later - sooner) for (sooner, _), (later, _) in zip(line.done, line.done[1:], strict=False) if sooner > 100]
    assert [round(pause) for _, pause in harmed][::2] == [10, 10, 10, 10]


def test_what_was_taken_back_is_held_on_although_a_failure_beside_it_passed(line):
    beside(line)
    line.machine.fail_next(lambda label: label.startswith("mount ") and "/mnt/new" in label, Transient("no answer"), times=math.inf)
    line.at(20, lambda: line.node.write("web", line.node.specs.joinpath("web.yaml").read_text().replace("/mnt/web", "/mnt/new")))
    line.run(22000)
    held = line.watch.standing().degraded["web"]
    assert held.keys() == {"fs#1"} and len(line.done) == 2 + 2 * 4


def test_drift_that_comes_back_beside_what_is_left_alone_is_mended_at_growing_intervals(line):
    beside(line, ", restart: 0")
    line.at(20, tear(line))

    def enemy():
        if "/mnt/beside" in line.node.mounts():
            line.machine.tear_off("/mnt/beside")
        line.at(line.machine.ticks + 1, enemy)

    line.at(30, enemy)
    line.run(400)
    assert len(line.done) < 12 and any("drifts again and again" in text for _, text in line.said)


# the budget of restarts


def test_who_has_used_up_its_restarts_is_degraded_and_tried_hourly(line):
    line.node.write("web", fragile("restart: 2"))

    def enemy():
        if "/mnt/web" in line.node.mounts():
            line.machine.tear_off("/mnt/web")
        line.at(line.machine.ticks + 1, enemy)

    line.at(5, enemy)
    line.run(3 * HOUR)
    assert waits(line)[2:] == [3600, 3600], "the start, two restarts; then once an hour"
    assert any(text.endswith("restarted 2 of 2 times: degraded; tried once more each hour") for _, text in line.said)


def test_it_is_no_more_degraded_once_it_is_up(line):
    line.node.write("web", fragile("restart: 1"))
    line.at(10, tear(line))
    line.at(12, tear(line))
    line.run(HOUR + 600)
    assert line.watch.standing().states == {"web": State.KEPT}
    assert line.watch.standing().degraded == {}


def test_restart_0_is_never_tried_by_the_clock(line):
    line.node.write("web", fragile("restart: 0"))
    line.at(10, tear(line))
    line.run(5 * HOUR)
    assert len(line.done) == 1


def test_what_is_left_alone_is_kept_for_others_while_the_watch_is_at_work(line):
    line.node.write("web", fragile("restart: 0"))
    line.at(10, tear(line))
    said: dict[str, str] = {}
    line.at(20, lambda: said.update(line.session.store.remarks()))
    line.run(30)
    assert said == {"web": "fs#1: /mnt/web is not mounted; restarted 0 of 0 times, and left alone"}


# monitor_action


def felled(line, words=""):
    line.node.write(
        "web", f"monitor: true\nmonitor_action: freezestop\n{fragile(words)}  fs#2: {{dev: tmpfs, mnt: /mnt/beside, type: tmpfs}}\n"
    )


def state_of(line):
    return line.session.store.bans().get("web", {}).get((Sort.FROZEN, WHOLE)), line.session.store.goal("web")


def keep_tearing(line, mount="/mnt/web"):
    def enemy():
        if mount in line.node.mounts():
            line.machine.tear_off(mount)
        line.at(line.machine.ticks + 1, enemy)

    return enemy


def test_freezestop_stops_and_freezes_what_has_used_up_its_restarts(line):
    felled(line, "restart: 2")
    line.at(5, keep_tearing(line))
    line.run(HOUR)
    with line.node.session() as line.session:
        (ban, goal), words = state_of(line), line.session.store.words()
    assert line.node.mounts() == [] and len(line.done) == 4, "the start, two restarts, the stop; and not an hourly try"
    assert line.watch.standing().states == {"web": State.FROZEN}
    why = "freezestop: fs#1 is lost: /mnt/web is not mounted; restarted 2 of 2 times"
    assert (ban.by, ban.reason, goal.aim, goal.by, goal.reason) == ("watch", why, Aim.DOWN, "watch", why)
    assert [(word.verb, word.by) for word in words] == [("freeze", "watch")]
    assert any(text.startswith("stopped, and frozen once it is down, by its monitor_action: fs#1 is lost") for _, text in line.said)
    assert any(text.startswith("frozen by watch (freezestop: fs#1 is lost") for _, text in line.said)


def test_freezestop_without_a_budget_is_at_once(line):
    felled(line)
    line.at(20, tear(line))
    line.run(60)
    assert [round(at) for at, _ in line.done] == [0, 20] and line.node.mounts() == []


def test_what_was_never_seen_up_is_not_lost(line):
    """A machine that has just booted: everything was applied once, and nothing of it is up."""
    felled(line)
    line.node.apply()
    line.machine.reboot()
    line.run(60)
    assert sorted(line.node.mounts()) == ["/mnt/beside", "/mnt/web"]
    assert line.watch.standing().states == {"web": State.KEPT}


@pytest.mark.parametrize("words", ["monitor: false", "restart: 3", "monitor_action: none"])
def test_freezestop_is_for_what_is_monitored_and_has_used_up_its_restarts(line, words):
    felled(line, words)
    line.at(20, tear(line))
    line.run(60)
    assert "/mnt/web" in line.node.mounts() and line.watch.standing().states == {"web": State.KEPT}


def test_a_frozen_service_is_left_as_it_is_whatever_is_lost(line):
    felled(line)
    line.at(10, lambda: line.session.store.ban("web", Sort.FROZEN, (WHOLE,), Ban("alice", line.machine.now())))
    line.at(20, tear(line))
    line.run(60)
    assert line.node.mounts() == ["/mnt/beside"]


def test_no_window_keeps_freezestop_waiting(tmp_path):
    line = Timeline(Node(tmp_path, interval=300.0, disrupt=False))
    felled(line)
    line.at(20, tear(line))
    line.run(60)
    assert line.node.mounts() == [] and line.watch.standing().states == {"web": State.FROZEN}


def test_a_stop_that_fails_is_tried_again_and_frozen_once_it_is_down(tmp_path):
    line = Timeline(Node(tmp_path, interval=300.0, disrupt=False))
    felled(line)
    line.machine.fail_next(lambda label: label.startswith("umount ") and "/mnt/beside" in label, Transient("busy"), times=math.inf)
    line.at(20, tear(line))
    line.at(60, lambda: line.said.append((0, f"then {state_of(line)[0]}")))
    line.at(60, line.machine.heal)
    line.run(400)
    assert (0, "then None") in line.said
    assert line.node.mounts() == [] and line.watch.standing().states == {"web": State.FROZEN}


def test_who_thaws_and_starts_it_begins_anew(line):
    felled(line, "restart: 1")
    for at in (10, 12):
        line.at(at, tear(line))

    def start():
        assert line.node.mounts() == []
        line.session.store.lift("web", Sort.FROZEN, (WHOLE,), Ban("alice", line.machine.now()))
        line.session.store.set_goal("web", Goal(Aim.UP, "alice", line.machine.now()))

    line.at(100, start)
    line.at(200, tear(line))
    line.run(250)
    assert sorted(line.node.mounts()) == ["/mnt/beside", "/mnt/web"], "it has its one restart again"
    assert line.watch.standing().states == {"web": State.KEPT}


def test_a_thaw_alone_leaves_it_stopped(line):
    felled(line)
    line.at(10, tear(line))
    line.at(50, lambda: line.session.store.lift("web", Sort.FROZEN, (WHOLE,), Ban("alice", line.machine.now())))
    line.run(HOUR)
    assert line.node.mounts() == [] and line.watch.standing().states == {"web": State.KEPT}


def test_another_run_between_the_look_and_the_stop_keeps_it_up(line):
    felled(line)
    survey = line.session.survey

    def look(*targets, **more):
        """Somebody's run ends just after the look that finds it lost."""
        found = survey(*targets, **more)
        if line.node.mounts() == ["/mnt/beside"]:
            line.node.apply()
        return found

    line.session.survey = look
    line.at(20, tear(line))
    line.run(60)
    assert sorted(line.node.mounts()) == ["/mnt/beside", "/mnt/web"]
    assert line.watch.standing().states == {"web": State.KEPT}


# clocks


def test_a_wall_clock_that_is_set_back_makes_nobody_wait(line):
    line.machine.fail_next(mounting, Permanent("no"), times=3)
    line.at(15, lambda: line.machine.set_clock(timedelta(hours=-5)))
    line.run(120)
    assert waits(line) == [10, 20, 40]


def test_a_failure_that_the_store_dates_into_the_far_future_rests_no_longer_than_any(line):
    line.machine.fail_next(mounting, Permanent("no"), times=1)
    with line.node.session() as before:
        before.converge(before.targets(before.load()))
    line.machine.set_clock(timedelta(hours=-5))
    line = Timeline(line.node)
    line.run(400)
    assert [round(at) for at, _ in line.done] == [330]


# what an edit would replace


@pytest.fixture
def moved(line):
    """A spec that is edited at 20 into one that cannot be mounted."""
    line.machine.fail_next(lambda label: label.startswith("mount ") and "/mnt/new" in label, Transient("no answer"), times=math.inf)
    line.at(20, lambda: line.node.write("web", SPEC % "new"))
    return line


def late(line):
    return [round(at) for at, _ in line.done if at > 21]


def test_a_failed_replacement_is_taken_back_and_not_repeated(moved):
    moved.run(3 * HOUR)
    assert moved.node.mounts() == ["/mnt/web"] and len(moved.done) == 2
    standing = moved.watch.standing()
    assert standing.states == {"web": State.DEGRADED}
    assert standing.degraded["web"]["fs#1"].startswith("to replace it failed, and was taken back; not tried again until its spec")


def test_nor_by_the_next_watch(moved):
    moved.run(60)
    moved.node.stop = Stop()
    line = Timeline(moved.node)
    line.run(moved.machine.ticks + HOUR)
    assert line.done == [] and line.node.mounts() == ["/mnt/web"]


def test_another_edit_is_another_try(moved):
    moved.at(HOUR, lambda: moved.node.write("web", SPEC % "other"))
    moved.run(HOUR + 60)
    assert late(moved)[-1] == HOUR and moved.node.mounts() == ["/mnt/other"]


def test_what_was_taken_back_and_then_dies_has_nothing_to_lose(moved):
    moved.at(HOUR, moved.machine.heal)
    moved.at(HOUR, tear(moved))
    moved.run(HOUR + 60)
    assert late(moved)[-1] == HOUR and moved.node.mounts() == ["/mnt/new"]


# maintenance windows


@pytest.fixture
def opens():
    return EPOCH.astimezone() + timedelta(hours=1)


@pytest.fixture(params=["window", "never"])
def closed(request, tmp_path, opens):
    """A node on which nothing may be interrupted, or not for an hour."""
    window = Windows.of(f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}")
    return Node(tmp_path, interval=300.0, disrupt=window if request.param == "window" else False)


def test_a_window_says_when_it_begins_and_is_kept_to(tmp_path, opens):
    window = Windows.of(f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}")
    line = Timeline(Node(tmp_path, interval=300.0, disrupt=window))
    line.node.write("web")
    line.at(20, lambda: line.node.write("web", SPEC % "new"))
    line.run(2 * HOUR)
    assert [round(at) for at, _ in line.done] == [0, HOUR] and line.node.mounts() == ["/mnt/new"]
    assert any(f"in the window that begins {opens:%a %Y-%m-%d %H:%M}, or by osvc apply -s web" in text for _, text in line.said)


def test_what_is_down_comes_up_beside_what_waits_for_a_window(closed):
    two = "  fs#2: {dev: tmpfs, mnt: /mnt/beside, type: tmpfs}\n"
    closed.write("web", SPEC % "web" + two)
    line, mounts = Timeline(closed), []
    line.at(20, lambda: closed.write("web", SPEC % "new" + two))
    for at in (60, 1000):
        line.at(at, lambda: line.machine.tear_off("/mnt/beside"))
        line.at(at + 1, lambda: mounts.append(sorted(closed.mounts())))
    line.run(HOUR + 60)
    assert mounts == [["/mnt/beside", "/mnt/web"]] * 2
    assert sorted(closed.mounts()) == ["/mnt/beside", "/mnt/web" if closed.config.disrupt is False else "/mnt/new"]
    assert [round(at) for at, _ in line.done][:3] == [0, 60, 1000]
    assert len([text for _, text in line.said if "it interrupts something" in text]) == 1, "told once"


def test_an_edit_is_done_as_far_as_it_interrupts_nothing(closed):
    closed.write("web")
    line = Timeline(closed)
    line.at(20, lambda: closed.write("web", SPEC % "new" + "  fs#2: {dev: tmpfs, mnt: /mnt/beside, type: tmpfs}\n"))
    line.run(60)
    assert sorted(closed.mounts()) == ["/mnt/beside", "/mnt/web"]
    assert line.watch.standing().states == {"web": State.OPEN} and line.watch.standing().degraded == {}


@pytest.mark.parametrize(
    ("edit", "seen"),
    [
        (("/mnt/web,", "/mnt/web, mnt_opt: mode=0700,"), ["/mnt/web", "/mnt/web/in"]),
        (("/mnt/web", "/mnt/new"), ["/mnt/web"]),
    ],
)
def test_what_died_on_something_that_waits_comes_up_again_unless_it_was_edited_as_well(closed, edit, seen):
    spec = "resources:\n  fs#1: {dev: tmpfs, mnt: /mnt/web, type: tmpfs}\n  fs#2: {dev: tmpfs, mnt: /mnt/web/in, type: tmpfs}\n"
    closed.write("web", spec)
    line = Timeline(closed)
    line.at(20, lambda: closed.write("web", spec.replace(*edit)))
    line.at(30, lambda: line.machine.tear_off("/mnt/web/in"))
    line.run(60)
    assert sorted(closed.mounts()) == seen


# a freeze that ends by itself


def test_a_freeze_that_is_over_is_as_if_nobody_had_said_it(line):
    freeze = Ban("alice", line.machine.now(), until=line.machine.now() + timedelta(seconds=100))
    line.session.store.ban("web", Sort.FROZEN, (WHOLE,), freeze)
    line.run(400)
    assert line.done == [(100.0, "web")]
    assert any(text.startswith("frozen by alice until 2026-01-05 ") for _, text in line.said)
    assert line.watch.standing().states == {"web": State.KEPT}


def test_the_end_that_a_freeze_was_given_is_told_once_it_is_over_unless_somebody_thawed_it(line):
    store, now = line.session.store, line.machine.now()
    for name, seconds in (("web", 100), ("db", 200), ("app", 100)):
        store.ban(name, Sort.FROZEN, (WHOLE,), Ban("alice", now, until=now + timedelta(seconds=seconds)))
    store.lift("app", Sort.FROZEN, (WHOLE,), Ban("bob", now + timedelta(seconds=50)))
    told = [(word.service, word.verb, word.began) for word in ends(store.words(), now + timedelta(seconds=150))]
    assert told == [("web", "thaw", now + timedelta(seconds=100))]
    line.run(1)


def test_what_was_frozen_once_can_be_frozen_anew_when_that_is_over(line):
    store, now = line.session.store, line.machine.now()
    store.ban("web", Sort.FROZEN, (WHOLE,), Ban("alice", now, until=now + timedelta(seconds=10)))
    store.ban("web", Sort.FROZEN, (WHOLE,), Ban("bob", now + timedelta(seconds=5)))
    assert store.bans()["web"][Sort.FROZEN, WHOLE].by == "alice"
    store.ban("web", Sort.FROZEN, (WHOLE,), Ban("bob", now + timedelta(seconds=10)))
    assert store.bans()["web"][Sort.FROZEN, WHOLE].by == "bob"
    line.run(1)


# the state folder


def test_a_store_that_cannot_be_written_for_a_while_ends_no_watch(line):
    """As on a full disk, or one that turned read-only."""
    line.at(10, lambda: line.session.store._db.execute("PRAGMA query_only=1"))
    line.at(12, tear(line))
    line.at(60, lambda: line.session.store._db.execute("PRAGMA query_only=0"))
    line.run(120)
    assert line.node.mounts() == ["/mnt/web"] and line.watch.standing().states == {"web": State.KEPT}
    assert len([text for _, text in line.said if "cannot use the store" in text]) <= 1
