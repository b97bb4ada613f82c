"""What an operator does by hand: start, stop and restart of a service or a part of it, over a fake machine."""

import json

import pytest

from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.host.errors import Permanent
from tests.fakehost import FakeHost

STACK = """\
resources:
  fs#1: {{type: tmpfs, dev: tmpfs, mnt: /mnt/one, mnt_opt: [size=1m], tags: [big]}}
  fs#2: {{type: tmpfs, dev: tmpfs, mnt: /mnt/one/two, mnt_opt: [size={two}], subset: late}}
  fs#3: {{type: tmpfs, dev: tmpfs, mnt: /mnt/three, mnt_opt: [size=1m], standby: true}}
  fs#4: {{type: flag}}
"""


@pytest.fixture
def up(desk):
    """Everything of it is up."""
    stack(desk)
    assert desk.osvc("apply").code == 0
    return desk


def stack(desk, two="1m"):
    desk.place.spec("web.yaml", STACK.format(two=two))


def up_now(desk):
    return set(desk.mounts())


def steps(desk, run=""):
    """What the newest run did, in its order."""
    return [step["commands"][0].split()[0] for step in json.loads(desk.osvc("show", run or "last", "--json").out)["steps"]]


ALL = {"one", "one/two", "three"}


def test_a_restart_takes_down_and_brings_up_again_without_asking_and_leaves_standby_up(up):
    ended = up.osvc("restart", "web")
    assert ended.code == 0, ended.err
    assert up_now(up) == ALL
    assert ended.out.startswith("web: fs#2, fs#1, fs#4 down for a moment; nothing else touched; data at risk: fs#2 (tmpfs")
    assert " ! fs#1" in ended.out and "restart: asked for" in ended.out
    assert [word for word in steps(up) if word in ("umount", "mount")] == ["umount", "umount", "mount", "mount"]
    assert "three" not in "".join(up.osvc("show", "last").out)
    assert up.runs()[0]["verb"] == "restart"
    assert up.osvc("plan").out == "web: nothing to do\n"


def test_a_restart_of_a_part_takes_down_what_holds_it_and_leaves_the_rest(up):
    ended = up.osvc("restart", "web", "--rid", "fs#1")
    assert ended.code == 0 and "holds fs#1, which restarts" in ended.out
    assert {step["rid"] for step in json.loads(up.osvc("show", "last", "--json").out)["steps"]} == {"fs#1", "fs#2"}
    assert up.osvc("restart", "web", "--subset", "late").code == 0
    assert {step["rid"] for step in json.loads(up.osvc("show", "last", "--json").out)["steps"]} == {"fs#2"}
    assert up.osvc("restart", "web", "--rid", "fs#3").code == 0
    assert {step["rid"] for step in json.loads(up.osvc("show", "last", "--json").out)["steps"]} == {"fs#3"}


def test_what_is_down_is_started_by_a_restart_and_the_goal_with_it(up):
    assert up.osvc("stop", "web").code == 0
    assert up_now(up) == {"three"}
    assert up.osvc("restart", "web").code == 0
    assert up_now(up) == ALL
    assert up.osvc("plan").out == "web: nothing to do\n"


def test_an_edit_that_a_restart_would_make_into_a_replacement_is_asked_for(up):
    up.place.spec("web.yaml", STACK.format(two="1m").replace("/mnt/one/two", "/mnt/two"))
    ended = up.osvc("restart", "web")
    assert ended.code == 4 and "interrupts web fs#2; nothing was done" in ended.err and up_now(up) == ALL
    assert up.osvc("restart", "web", "--yes").code == 0
    assert up_now(up) == {"one", "two", "three"}


def test_the_undo_of_a_restart_has_nothing_to_do(up):
    assert up.osvc("restart", "web").code == 0
    assert up.osvc("undo", "last").code == 0 and up_now(up) == ALL


@pytest.mark.parametrize(
    ("verb", "left"),
    [
        ("stopfs", {"three"}),
        ("stopip", ALL),
        ("stopvg", ALL),
        ("stopdisk", ALL),
        ("stopcontainer", ALL),
        ("stopapp", ALL),
    ],
)
def test_a_part_is_stopped_and_the_goal_stays(up, verb, left):
    ended = up.osvc(verb, "web")
    assert (ended.code, up_now(up)) == (0, left)
    if left == ALL:
        assert ended.out == "web: nothing to do\n"
        return
    assert up.runs()[0]["verb"] == verb
    assert up.osvc("plan").code == 2, "it is still wanted up"
    assert up.osvc(verb, "web").out == "web: nothing to do\n"
    assert up.osvc(verb.replace("stop", "start"), "web").code == 0
    assert up_now(up) == ALL


def test_a_part_of_a_part(up):
    assert up.osvc("stopfs", "web", "--rid", "fs#2").code == 0
    assert up_now(up) == {"one", "three"}
    ended = up.osvc("stopip", "web", "--rid", "fs#2")
    assert ended.code == 64 and "stopip does not work on 'fs#2'" in ended.err


def test_a_selection_takes_along_what_holds_it_or_what_it_needs_and_says_so(up):
    ended = up.osvc("stop", "web", "--tags", "big")
    assert ended.code == 0 and "\n  adding fs#2: fs#1 needs" not in ended.out
    assert "\n  adding fs#2: it holds fs#1\n" in ended.out and up_now(up) == {"three"}
    ended = up.osvc("start", "web", "--subset", "late")
    assert ended.code == 0 and "\n  adding fs#1: fs#2 needs it\n" in ended.out and up_now(up) == ALL
    changes = json.loads(up.osvc("stop", "web", "--rid", "fs#1", "--dry-run", "--json").out)["services"][0]["changes"]
    assert {change["rid"]: change["added"] for change in changes if change["added"]} == {"fs#2": "it holds fs#1"}


def test_a_subset_that_is_none_is_a_mistake(up):
    ended = up.osvc("stop", "web", "--subset", "lat")
    assert ended.code == 64 and "no resource is in a subset 'lat'; did you mean 'late'?" in ended.err
    assert up.osvc("stop", "web", "--subset", " ").code == 64 and up_now(up) == ALL


@pytest.mark.parametrize(
    ("verb", "code"),
    [("stop", 2), ("restart", 2), ("stopfs", 2), ("start", 0), ("startfs", 0), ("apply", 0), ("shutdown", 2), ("boot", 0)],
)
def test_a_dry_run_only_shows_the_plan(up, verb, code):
    runs = up.runs()
    ended = up.osvc(verb, *([] if verb in ("apply", "boot") else ["web"]), "--dry-run")
    assert ended.code == code and ended.out.startswith("web: ")
    assert ("steps\n" in ended.out) is (code == 2)
    assert up_now(up) == ALL and up.runs() == runs
    assert up.osvc("plan").out == "web: nothing to do\n", "no goal was kept"


def test_services_are_named_as_operands_and_by_an_option_alike(desk):
    for name in ("app", "db", "web", "web2"):
        desk.place.spec(f"{name}.yaml", "resources:\n  fs#1: {type: flag}\n")

    def stopped():
        return [line.split(":")[0] for line in desk.osvc("plan").out.splitlines() if "stopped by" in line]

    assert desk.osvc("stop", "app", "-s", "db,web2").code == 0
    assert stopped() == ["app", "db", "web2"]
    assert desk.osvc("start", "--service", "*").code == 0 and stopped() == []
    assert desk.osvc("stop", "-s", "web*").code == 0 and stopped() == ["web", "web2"]
    assert desk.osvc("stop", "-s", " ").code == 64


def test_a_stop_against_a_start_that_goes_on_is_refused_and_names_who_holds_the_service(up):
    with Session.open(read_config(), write=True, host=FakeHost(up.machine)) as session, session.hold("web", verb="start"):
        ended = up.osvc("stop", "web", "--wait", "0")
        assert ended.code == 5 and "locked by pid " in ended.err and "osvc start, since " in ended.err
        assert "stopped by" not in up.osvc("status").out, "a stop that was refused is not wanted either"
        assert up.osvc("restart", "web", "--wait", "0").code == 5
    assert up_now(up) == ALL
    assert up.osvc("stop", "web").code == 0 and "stopped by" in up.osvc("status").out


def test_shutdown_stops_standby_too_and_boot_brings_back_what_was_wanted(up):
    up.place.spec("db.yaml", "resources:\n  fs#1: {type: tmpfs, dev: tmpfs, mnt: /mnt/db}\n")
    assert up.osvc("apply").code == 0 and up.osvc("stop", "db", "--reason", "disk").code == 0
    ended = up.osvc("shutdown")
    assert ended.code == 4 and "add --yes" in ended.err and up_now(up) == ALL
    assert up.osvc("shutdown", "--yes").code == 0
    assert up_now(up) == set()
    assert up.osvc("shutdown", "--yes").code == 0
    assert "db: stopped by" in up.osvc("plan").out and up.osvc("plan").code == 2
    ended = up.osvc("boot")
    assert ended.code == 0 and "db: stopped by" in ended.out and "(disk)" in ended.out
    assert up_now(up) == ALL
    assert [run["verb"] for run in up.runs()][:2] == ["boot", "shutdown"]


def test_shutdown_of_named_services_asks_nothing(up):
    assert up.osvc("shutdown", "web").code == 0 and up_now(up) == set()
    assert up.osvc("shutdown", "wbe").code == 64


def test_shutdown_where_there_is_nothing(desk):
    ended = desk.osvc("shutdown")
    assert (ended.code, ended.out) == (0, "no services: nothing to do\n")


def test_boot_starts_what_is_on_standby_of_what_is_not_to_run_here(desk):
    desk.place.spec("web.yaml", "nodes: here there\nautostart_node: there\n" + STACK.format(two="1m"))
    ended = desk.osvc("boot")
    assert ended.code == 0 and up_now(desk) == {"three"}
    assert desk.osvc("start", "web").code == 0 and up_now(desk) == ALL
    assert desk.osvc("shutdown", "web").code == 0 and desk.osvc("boot").code == 0
    assert up_now(desk) == ALL, "who started it by hand wants it up"


def test_startstandby_starts_that_and_nothing_else(desk):
    stack(desk)
    assert desk.osvc("stop", "web").code == 0
    assert desk.osvc("shutdown", "web").code == 0
    ended = desk.osvc("startstandby", "web")
    assert ended.code == 0 and up_now(desk) == {"three"}
    assert "stopped by" in desk.osvc("plan").out
    assert "only what is on standby is wanted now; left alone" in desk.osvc("startstandby", "web").out


def test_a_boot_at_which_a_start_fails_brings_up_what_is_on_standby(desk):
    stack(desk)
    desk.machine.fail_next(lambda label: "mount" in label and "/mnt/one/two" in label, Permanent("no"), times=9)
    ended = desk.osvc("boot")
    assert ended.code == 3 and "cannot mount" in ended.err and up_now(desk) == {"three"}
    assert " services: " not in ended.out, "there is one"


def test_a_service_that_a_boot_worked_on_twice_counts_once(desk):
    stack(desk)
    desk.place.spec("db.yaml", "resources:\n  fs#1: {type: tmpfs, dev: tmpfs, mnt: /mnt/db}\n")
    desk.machine.fail_next(lambda label: "mount" in label and "/mnt/one/two" in label, Permanent("no"), times=9)
    ended = desk.osvc("boot")
    assert ended.code == 3
    assert "2 services: 1 converged, 1 rolled back; " in ended.out


def test_what_is_frozen_while_a_boot_fails_is_left_alone(desk):
    stack(desk)

    def frozen(label):
        hit = "mount" in label and "/mnt/one/two" in label
        return hit and desk.osvc("freeze", "web").code == 0

    desk.machine.fail_next(frozen, Permanent("no"), times=9)
    ended = desk.osvc("boot")
    assert ended.code == 3 and "it was frozen by" in ended.err and up_now(desk) == set()


def test_what_is_on_standby_is_not_interrupted_by_a_boot_that_failed(up):
    desk = up
    assert up.osvc("shutdown", "web").code == 0
    done = up.machine.effects

    def somebody():
        FakeHost(desk.machine).commands.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "--", "tmpfs", "/mnt/three"])

    desk.machine.fail_next(lambda label: "mount" in label and "/mnt/one/two" in label, Permanent("no"), times=9)
    desk.machine.at(done + 8, "after", somebody)
    ended = desk.osvc("boot")
    assert ended.code == 3 and "left as it is: its plan interrupts fs#3" in ended.err and up_now(desk) == {"three"}


def test_at_boot_who_wants_what_another_holds_holds_up_nobody_else(desk):
    desk.place.spec("a.yaml", "resources:\n  ip#1: {name: 192.0.2.53, dev: eth0, netmask: 24}\n")
    stack(desk)
    assert desk.osvc("apply").code == 0 and desk.osvc("freeze", "a").code == 0 and desk.osvc("shutdown", "web").code == 0
    desk.place.spec("a.yaml", "resources:\n  fs#1: {type: flag}\n")
    desk.place.spec("b.yaml", "resources:\n  ip#1: {name: 192.0.2.53, dev: eth0, netmask: 24}\n")
    ended = desk.osvc("boot")
    assert ended.code == 4 and "cannot work on b" in ended.err and "is held by a" in ended.err
    assert up_now(desk) == ALL


def test_at_boot_a_wrong_spec_and_a_plan_that_interrupts_keep_only_their_own_services_down(up):
    up.place.spec("bad.yaml", "resources: 7\n")
    up.place.spec("db.yaml", "resources:\n  fs#1: {type: tmpfs, dev: tmpfs, mnt: /mnt/db}\n")
    up.place.spec("web.yaml", STACK.format(two="1m").replace("/mnt/one/two", "/mnt/two"))
    ended = up.osvc("boot")
    assert ended.code == 6 and "bad.yaml" in ended.err
    assert "web: refused: left as it is: its plan interrupts fs#2" in ended.err
    assert up_now(up) == {*ALL, "db"}
