"""osvc undo, with mounts of a fake machine: which run can be undone, to what, and what is said where one cannot."""

import json

import pytest

from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.host.errors import Permanent
from tests.cli.desk import SPEC
from tests.fakehost import Crash, FakeHost


def test_an_edit_is_undone_and_the_spec_that_says_otherwise_is_named(desk):
    desk.apply("1m")
    run = desk.apply("2m")
    dry = desk.osvc("undo", run, "--dry-run")
    assert dry.code == 2 and f"size=2048k → size=1024k   before {run}" in dry.out
    assert desk.mounts() == {"one": "2048k"} and len(desk.runs()) == 2
    ended = desk.osvc("undo", run)
    assert (ended.code, desk.mounts()) == (0, {"one": "1024k"})
    where = f"{desk.place.specs}/web.yaml:2"
    assert f"note: web: the spec still says otherwise: fs#1 mnt_opt ({where}) → edit it, or else osvc apply -s web" in ended.out
    assert desk.osvc("plan").code == 2
    assert [(one["verb"], one["undoes"]) for one in desk.runs()] == [("undo", run), ("apply", ""), ("apply", "")]
    lines = desk.osvc("history").out.splitlines()
    assert f" undo of {run} " in lines[1] and lines[1].endswith("  converged: fs#1 update: mnt_opt changed")
    assert lines[2].startswith(run) and lines[2].endswith("  converged, undone: fs#1 update: mnt_opt changed")
    assert desk.runs()[1]["undone"] == desk.runs()[0]["run"]
    assert f"; undone by {desk.runs()[0]['run']}\n" in desk.osvc("show", run).out
    assert desk.osvc("show", "last").out.startswith(f"web: undo of {run} by ")


def test_nothing_is_said_of_a_spec_that_was_put_back(desk):
    desk.apply("1m")
    desk.apply("2m")
    desk.web("1m")
    ended = desk.osvc("undo", "last")
    assert ended.code == 0 and "note:" not in ended.out
    assert desk.osvc("plan").out == "web: nothing to do\n"


def test_only_what_the_run_changed_is_touched(desk):
    desk.apply("1m", "1m")
    run = desk.apply("1m", "2m")
    desk.umount("one")
    assert desk.osvc("undo", run).code == 0
    assert desk.mounts() == {"two": "1024k"}


def test_an_undo_is_undone_and_the_run_behind_both_as_well(desk):
    first = desk.apply("1m")
    second = desk.apply("2m")
    third = desk.apply("3m")
    later = desk.osvc("undo", second)
    assert later.code == 4 and f"web was changed since, by {third} (apply by " in later.err
    assert later.err.endswith(f"undo that first: osvc undo {third}\n")
    assert desk.osvc("undo", third).code == 0 and desk.mounts() == {"one": "2048k"}
    twice = desk.osvc("undo", third)
    undo = desk.runs()[0]["run"]
    assert twice.code == 4 and f"{undo} has undone it; to take that back: osvc undo {undo}\n" in twice.err
    assert desk.osvc("undo", "last").code == 0 and desk.mounts() == {"one": "3072k"}
    assert [bool(one["undone"]) for one in desk.runs()] == [False, True, False, False, False]
    again = desk.osvc("undo", second)
    assert again.code == 4 and again.err.endswith(f"undo that first: osvc undo {third}\n")
    assert desk.osvc("undo", third).code == 0
    assert desk.osvc("undo", second).code == 0 and desk.mounts() == {"one": "1024k"}
    assert desk.osvc("undo", first).code == 4


def test_what_a_run_made_goes_with_prune_only(desk):
    desk.apply("1m")
    run = desk.apply("1m", "1m")
    refused = desk.osvc("undo", run)
    assert (
        refused.code == 4
        and "it made, or took over, fs#2 of web; to remove that again" in refused.err
        and "add --prune" in refused.err
    )
    asked = desk.osvc("undo", run, "--prune")
    assert asked.code == 4 and "add --yes" in asked.err and set(desk.mounts()) == {"one", "two"}
    ended = desk.osvc("undo", run, "--prune", "--yes")
    assert ended.code == 0 and set(desk.mounts()) == {"one"}
    assert "the spec still says otherwise: fs#2 create" in ended.out


def test_the_first_apply_is_undone_as_prune_does_it_and_nothing_is_kept_then(desk):
    run = desk.apply("1m")
    assert desk.osvc("undo", run, "--prune", "--yes").code == 0
    assert desk.mounts() == {} and desk.osvc("plan").code == 2
    ended = desk.osvc("undo", "last")
    assert ended.code == 4 and "nothing of web is kept any more" in ended.err and "osvc apply -s web" in ended.err


def test_what_was_pruned_comes_back_and_is_in_no_spec(desk):
    desk.apply("1m", "1m")
    desk.web("1m")
    assert desk.osvc("apply", "--prune-all", "--yes").code == 0 and set(desk.mounts()) == {"one"}
    ended = desk.osvc("undo", "last")
    assert ended.code == 0 and desk.mounts() == {"one": "1024k", "two": "1024k"}
    assert "note: web: no spec names fs#2 → write it into one, or else osvc apply --prune removes it again" in ended.out


def test_a_stop_and_a_start_are_undone_with_the_goal(desk):
    desk.apply("1m")
    desk.osvc("stop", "web", "--reason", "maintenance")
    assert desk.osvc("undo", "last").code == 0 and set(desk.mounts()) == {"one"}
    assert desk.osvc("plan").out == "web: nothing to do\n"
    desk.osvc("stop", "web", "--reason", "maintenance")
    desk.osvc("start", "web")
    ended = desk.osvc("undo", "last", "--yes")
    assert ended.code == 0 and desk.mounts() == {}, ended.err
    assert "(maintenance); left alone → osvc start web" in desk.osvc("plan").out


def test_a_partial_stop_is_undone_and_leaves_the_rest(desk):
    desk.apply("1m", "1m")
    assert desk.osvc("stop", "--rid", "fs#2", "web").code == 0 and set(desk.mounts()) == {"one"}
    assert desk.osvc("undo", "last").code == 0 and set(desk.mounts()) == {"one", "two"}
    desk.osvc("stop", "web")
    assert desk.osvc("start", "--rid", "fs#2", "web").code == 0 and set(desk.mounts()) == {"two"}
    assert desk.osvc("undo", "last", "--yes").code == 0 and desk.mounts() == {}


def test_what_was_stopped_since_is_started_first(desk):
    desk.apply("1m")
    run = desk.apply("2m")
    desk.osvc("stop", "web")
    stopped = desk.runs()[0]["run"]
    ended = desk.osvc("undo", run)
    assert ended.code == 4 and f"by {stopped} (stop by " in ended.err
    assert desk.osvc("start", "web").code == 0
    assert desk.osvc("undo", run).code == 0 and desk.mounts() == {"one": "1024k"}


def test_a_run_that_mended_drift_only_has_nothing_to_be_undone(desk):
    desk.apply("1m")
    desk.umount("one")
    assert desk.osvc("apply").code == 0 and desk.mounts() == {"one": "1024k"}
    ended = desk.osvc("undo", "last")
    assert ended.code == 0 and ended.out.startswith("web: nothing to undo: ")
    assert json.loads(desk.osvc("undo", "last", "--json").out)["exit"] == 0
    assert len(desk.runs()) == 2


def test_what_an_older_osvc_did_cannot_be_undone(desk):
    import sqlite3

    run = desk.apply("1m")
    with sqlite3.connect(desk.place.root / "state" / "osvc.db") as db:
        db.execute("UPDATE runs SET goal = NULL")
    ended = desk.osvc("undo", run)
    assert ended.code == 4 and "was not kept" in ended.err and "osvc apply -s web" in ended.err


def test_an_undo_that_died_is_tried_again(desk):
    desk.apply("1m", "1m")
    for run in (desk.apply("2m", "2m"), None):
        if run is None:
            desk.osvc("stop", "web")
            run = desk.runs()[0]["run"]
        desk.machine.die_at(desk.machine.effects + 1)
        with pytest.raises(Crash):
            desk.osvc("undo", run)
        desk.machine.revive()
        assert desk.runs()[0]["became"] == "died"
        assert desk.osvc("undo", run).code == 0
        assert desk.mounts() == {"one": "1024k", "two": "1024k"}


def test_while_a_run_works_on_the_service_nothing_is_worked_out(desk):
    desk.apply("1m")
    run = desk.apply("2m")
    with Session.open(read_config(), write=True, host=FakeHost(desk.machine)) as session, session.hold("web", verb="apply"):
        ended = desk.osvc("undo", run)
    assert ended.code == 5 and "a run works on web (pid " in ended.err and desk.mounts() == {"one": "2048k"}


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("resources:\n  fs#1: {type: tmpfs, mnt: relative}\n", "its spec may say otherwise, and is not valid: "),
        ("", "no spec names fs#1"),
    ],
)
def test_a_spec_that_is_wrong_or_gone_hinders_no_undo(desk, spec, says):
    desk.apply("1m")
    desk.apply("2m")
    path = desk.place.spec("web.yaml", spec)
    if not spec:
        path.unlink()
    ended = desk.osvc("undo", "last")
    assert ended.code == 0 and desk.mounts() == {"one": "1024k"} and says in ended.out


def test_as_json_the_notes_come_before_the_result(desk):
    desk.apply("1m")
    desk.apply("2m")
    lines = [json.loads(line) for line in desk.osvc("undo", "last", "--json").out.splitlines()]
    assert [line["event"] for line in lines[-2:]] == ["noticed", "result"]
    assert "the spec still says otherwise" in lines[-2]["text"] and lines[-1]["exit"] == 0
    dry = [json.loads(line) for line in desk.osvc("undo", "last", "--dry-run", "--json").out.splitlines()]
    assert [one["document"] for one in dry] == ["plan"] and dry[0]["services"][0]["steps"]


@pytest.mark.parametrize(
    ("run", "says"),
    [("20000101", "no run '20000101' is kept here"), ("2", "several runs begin with '2'"), ("", "expected the id of a run")],
)
def test_a_run_that_is_not_there(desk, run, says):
    desk.apply("1m")
    desk.apply("2m")
    ended = desk.osvc("undo", run)
    assert ended.code == 64 and says in ended.err


def test_a_run_that_failed_and_was_led_back_has_nothing_to_be_undone(desk):
    desk.apply("1m")
    desk.web("2m", "1m")
    desk.machine.fail_next(lambda label: "mount" in label and "/mnt/two" in label, Permanent("no"), times=9)
    assert desk.osvc("apply").code == 3
    ended = desk.osvc("undo", "last")
    assert ended.code == 0 and ended.out.startswith("web: nothing to undo: "), ended.err


def test_an_undo_that_fails_leaves_everything_as_it_was(desk):
    desk.apply("1m", "1m")
    run = desk.apply("2m", "2m")
    desk.machine.fail_next(lambda label: "remount" in label and "/mnt/two" in label, Permanent("no"), times=9)
    ended = desk.osvc("undo", run)
    assert ended.code == 3 and desk.mounts() == {"one": "2048k", "two": "2048k"} and "note:" not in ended.out
    desk.machine.heal()
    assert desk.osvc("undo", run).code == 0 and desk.mounts() == {"one": "1024k", "two": "1024k"}


def test_an_undo_that_does_not_come_to_the_service_leaves_its_goal(desk, monkeypatch):
    desk.apply("1m")
    desk.osvc("stop", "web")
    desk.osvc("start", "web")
    with Session.open(read_config(), write=True, host=FakeHost(desk.machine)) as session, session.hold("web", verb="docker"):
        monkeypatch.setattr("reconciler.cli.verbs.undo.Session.holder", lambda self, name: "")
        ended = desk.osvc("undo", "last", "--yes", "--wait", "0s")
    assert ended.code == 5, ended.err
    assert desk.osvc("plan").out == "web: nothing to do\n"


def test_a_run_that_was_stopped_before_it_did_anything_has_nothing_to_be_undone(desk, monkeypatch):
    from reconciler.core.outcome import Began
    from reconciler.engine.means import Means

    desk.apply("1m")
    tell = Means.tell

    def interrupted(self, event):
        if isinstance(event, Began):
            self.stop.interrupt()
        tell(self, event)

    with monkeypatch.context() as patch:
        patch.setattr(Means, "tell", interrupted)
        desk.web("1m", "1m")
        assert desk.osvc("apply", "--yes").code == 130
    desk.umount("one")
    ended = desk.osvc("undo", "last")
    assert ended.code == 0 and "nothing to undo" in ended.out, ended.err
    assert desk.mounts() == {}


def test_the_last_of_several_side_by_side_has_to_be_named(desk):
    desk.web("1m")
    desk.place.spec("app.yaml", SPEC.format(one="1m").replace("/mnt/one", "/mnt/app"))
    assert desk.osvc("apply", "--yes").code == 0
    ended = desk.osvc("undo", "last", "--prune")
    assert ended.code == 64 and all(run["run"] in ended.err for run in desk.runs())
    assert set(desk.mounts()) == {"one", "app"}


def test_a_run_that_died_is_undone(desk):
    desk.apply("1m", "1m")
    desk.web("2m", "2m")
    desk.machine.die_at(desk.machine.effects + 1)
    with pytest.raises(Crash):
        desk.osvc("apply")
    desk.machine.revive()
    assert desk.runs()[0]["became"] == "died"
    assert desk.osvc("undo", "last").code == 0 and desk.mounts() == {"one": "1024k", "two": "1024k"}


def test_on_a_node_that_it_is_not_for_nothing_comes_up_again(desk):
    desk.apply("1m")
    path = desk.web("1m")
    assert desk.osvc("stop", "web", "--yes").code == 0
    path.write_text("nodes: other\n" + path.read_text())
    refused = desk.osvc("undo", "last", "--yes")
    assert (refused.code, desk.mounts()) == (4, {})
    assert "web is left alone here: not for this node: nodes = other" in refused.err


def test_what_is_disabled_meanwhile_is_left_alone_before_any_apply(desk):
    desk.apply("1m")
    desk.apply("2m")
    path = desk.web("2m")
    path.write_text(path.read_text().replace("mnt_opt", "disable: true, mnt_opt"))
    refused = desk.osvc("undo", "last", "--yes")
    assert (refused.code, desk.mounts()) == (4, {"one": "2048k"})
    assert "fs#1 is left alone now; take disable out of its spec first" in refused.err


@pytest.mark.parametrize("part", [[], ["--rid", "fs#1"]])
def test_an_undo_of_what_somebody_disabled_names_the_command_that_enables_it(desk, part):
    desk.apply("1m")
    desk.apply("2m")
    assert desk.osvc("disable", "web", *part).code == 0
    refused = desk.osvc("undo", "last", "--yes")
    assert (refused.code, desk.mounts()) == (4, {"one": "2048k"})
    remedy = " ".join(["osvc enable web", *part])
    assert refused.err.endswith(f"fs#1 is left alone now; {remedy} first\n")
    assert desk.osvc(*remedy.split()[1:]).code == 0 and desk.osvc("undo", "last", "--yes").code == 0
