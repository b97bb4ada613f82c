"""freeze, thaw, disable, enable: what a person says beside the specs, over a fake machine."""

import json
import re

import jsonschema
import pytest

from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.report.schemas import plan_schema, snapshot_schema, status_schema, why_schema
from tests.fakehost import FakeHost


@pytest.fixture
def up(desk):
    desk.apply("1m", "1m")
    return desk


def since(text):
    """Without the moment, which nobody knows."""
    return re.sub(r"since [0-9: -]+[0-9]", "since T", text)


def by():
    from reconciler.cli.request import operator

    return operator()


def test_what_is_frozen_is_left_alone_by_apply_and_both_say_so(up):
    ended = up.osvc("freeze", "web", "--reason", "disk swap")
    said = f"frozen by {by()} since T (disk swap)"
    assert ended.code == 0 and ended.out.startswith("web: frozen; ") and ended.out.endswith(" → osvc thaw web\n")
    up.web("2m", "1m")
    up.umount("two")
    for verb in ("plan", "apply"):
        shown = up.osvc(verb)
        assert (shown.code, since(shown.out)) == (0, f"web: {said}; left alone → osvc thaw web\n")
    assert up.mounts() == {"one": "1024k"}
    assert since(up.osvc("freeze", "web").out) == f"web: {said} already\n"
    ended = up.osvc("thaw", "web")
    assert since(ended.out) == f"web: thawed; was {said}\n" and up.osvc("thaw", "web").out == "web: was not frozen\n"
    assert up.osvc("apply").code == 0 and up.mounts() == {"one": "2048k", "two": "1024k"}


def test_status_shows_what_is_wanted_of_a_frozen_service_and_that_it_is_frozen(up):
    up.osvc("freeze", "web")
    up.web("2m", "1m")
    up.umount("two")
    shown = up.osvc("status").out
    assert f"# frozen by {by()} since T → osvc thaw web\n" in since(shown)
    assert "≠ mnt_opt changed\n" in shown and "osvc apply" not in shown, "an apply would be no remedy"
    assert re.search(r"fs#2 +down", shown)
    assert up.osvc("ls").out.splitlines()[1].split()[:5] == ["web", "frozen", "warn", "1/2", "1"]
    document = json.loads(up.osvc("status", "--json").out)
    jsonschema.validate(document, status_schema())
    assert document["services"][0]["state"] == "frozen"
    assert document["services"][0]["frozen"]["by"] == by() and document["services"][0]["goal"]["aim"] == "up"
    why = up.osvc("why", "fs#1", "web").out
    assert f"frozen      by {by()} since T → osvc thaw web\n" in since(why) and "update: mnt_opt changed" in why
    jsonschema.validate(json.loads(up.osvc("why", "fs#1", "web", "--json").out), why_schema())


def test_what_a_person_asks_of_a_frozen_service_is_done(up):
    up.osvc("freeze", "web")
    ended = up.osvc("restart", "web")
    note = f"note: web: it is frozen by {by()} since T: apply, watch and boot leave it as it is now → osvc thaw web\n"
    assert ended.code == 0 and since(ended.out).endswith(note)
    assert up.osvc("stopfs", "web", "--rid", "fs#2").code == 0 and up.mounts() == {"one": "1024k"}
    assert up.osvc("stop", "web").code == 0 and up.mounts() == {}
    shown = up.osvc("status").out
    assert "stopped by" in shown and "frozen by" in shown
    assert up.osvc("start", "web").code == 0 and len(up.mounts()) == 2
    up.umount("one")
    assert up.osvc("apply").code == 0 and len(up.mounts()) == 1, "it is frozen still"
    assert up.osvc("undo", "last", "--yes").code == 0 and up.mounts() == {}


def test_shutdown_stops_what_is_frozen_and_boot_leaves_it_down(up):
    up.osvc("freeze", "web")
    assert up.osvc("shutdown", "web").code == 0 and up.mounts() == {}
    ended = up.osvc("boot")
    assert ended.code == 0 and "frozen by" in ended.out and up.mounts() == {}


def test_a_run_that_works_on_what_is_frozen_is_named(up):
    with Session.open(read_config(), write=True, host=FakeHost(up.machine)) as session, session.hold("web", verb="apply"):
        ended = up.osvc("freeze", "web")
    assert ended.code == 0 and "note: web: a run works on it, and goes on: pid " in ended.err


@pytest.mark.parametrize(
    ("ban", "verb", "says"),
    [
        (["freeze", "web"], ["apply"], "frozen by "),
        (["disable", "web", "--rid", "fs#1"], ["apply"], "something of it was disabled meanwhile"),
        (["disable", "web", "--rid", "fs#1"], ["stop", "web"], "something of it was disabled meanwhile"),
    ],
)
def test_what_was_banned_since_a_run_was_planned_is_left_alone(up, monkeypatch, ban, verb, says):
    up.web("2m", "1m")
    from reconciler.cli import run

    def banned(*words):
        assert up.osvc(*ban).code == 0
        return True

    monkeypatch.setattr(run, "_agreed", banned)
    ended = up.osvc(*verb)
    assert ended.code == 4 and says in ended.err and up.mounts()["one"] == "1024k"


def test_what_is_disabled_is_left_alone_by_every_verb(up):
    ended = up.osvc("disable", "web", "--rid", "fs#1", "--reason", "noisy")
    said = f"disabled by {by()} since T (noisy)"
    assert ended.code == 0 and ended.out.endswith(" → osvc enable web --rid fs#1\n")
    up.web("2m", "2m")
    shown = up.osvc("plan")
    assert f"= fs#1  keep: {said}; left alone → osvc enable web --rid fs#1" in since(shown.out)
    assert up.osvc("apply").code == 0 and up.mounts() == {"one": "1024k", "two": "2048k"}
    assert up.osvc("stop", "web").code == 0 and up.mounts() == {"one": "1024k"}
    assert up.osvc("restart", "web").code == 0
    lines = since(up.osvc("status").out)
    assert f"# {said}\n" in lines and " n/a " in lines and ".D.." in lines
    document = json.loads(up.osvc("status", "--json").out)
    jsonschema.validate(document, status_schema())
    line = document["services"][0]["resources"][0]
    assert line["disabled"] and (line["banned"]["by"], line["banned"]["reason"]) == (by(), "noisy")
    jsonschema.validate(json.loads(up.osvc("plan", "--json").out), plan_schema())
    assert said in since(up.osvc("why", "fs#1", "web").out)
    ended = up.osvc("enable", "web", "--rid", "fs#1")
    assert since(ended.out) == f"web fs#1: enabled; was {said}\n"
    assert up.osvc("apply").code == 0 and up.mounts() == {"one": "2048k", "two": "2048k"}


def test_a_disabled_service_is_enabled_as_a_whole(up):
    assert up.osvc("disable", "web").code == 0 and up.osvc("disable", "web", "--rid", "fs").code == 0
    up.umount("two")
    shown = up.osvc("apply")
    assert shown.code == 0 and "osvc enable web\n" in shown.out.replace("--rid fs#1", "").replace(" \n", "\n")
    assert up.mounts() == {"one": "1024k"}
    ended = up.osvc("enable", "web")
    assert ended.code == 0 and ended.out.startswith("web: enabled; ")
    assert "note: web fs#1 is still disabled by " in ended.err and "→ osvc enable web --rid fs#1\n" in ended.err
    ended = up.osvc("enable", "web", "--rid", "fs*")
    assert ended.code == 0 and ended.err == ""
    assert up.osvc("apply").code == 0 and len(up.mounts()) == 2


def test_what_no_spec_names_any_more_can_be_enabled(up):
    assert up.osvc("disable", "web", "--rid", "fs#2").code == 0
    up.web("1m")
    ended = up.osvc("enable", "web")
    assert ended.out == "web: was not disabled as a whole\n" and "→ osvc enable web --rid fs#2\n" in ended.err
    assert up.osvc("enable", "web", "--rid", "fs#2").out.startswith("web fs#2: enabled; ")


def test_what_is_disabled_is_not_pruned_when_no_spec_names_it_any_more(up):
    assert up.osvc("disable", "web", "--rid", "fs#2", "--reason", "noisy").code == 0
    up.web("1m")
    left = f"= fs#2  keep: disabled by {by()} since T (noisy), no longer in the spec; left alone → osvc enable web --rid fs#2"
    for words in (("plan",), ("plan", "--prune-all"), ("apply", "--prune-all", "--yes")):
        shown = up.osvc(*words)
        assert shown.code == 0 and (left in since(shown.out) or words[0] == "apply"), words
    assert len(up.mounts()) == 2
    assert f"disabled by {by()} since T (noisy)" in since(up.osvc("why", "fs#2", "web").out)
    up.osvc("snapshot", "-o", str(up.place.root / "here.json"))
    assert left in since(up.osvc("plan", "--snapshot", str(up.place.root / "here.json"), "--prune-all").out)
    assert up.osvc("enable", "web", "--rid", "fs#2").code == 0
    assert up.osvc("apply", "--prune-all", "--yes").code == 0 and up.mounts() == {"one": "1024k"}


def test_a_disabled_service_is_not_pruned_when_its_spec_is_gone(up):
    assert up.osvc("disable", "web").code == 0
    up.web("1m").unlink()
    shown = up.osvc("plan", "--prune-all")
    assert shown.code == 0 and f"keep: disabled by {by()} since T, no longer in the spec; left alone" in since(shown.out)
    assert up.osvc("apply", "--prune-all", "--yes").code == 0 and len(up.mounts()) == 2
    assert up.osvc("enable", "web").code == 0
    assert up.osvc("apply", "--prune-all", "--yes").code == 0 and up.mounts() == {}


def test_what_was_disabled_since_a_pruning_was_planned_is_left_alone(up, monkeypatch):
    up.web("1m")
    from reconciler.cli import run

    def banned(*words):
        assert up.osvc("disable", "web", "--rid", "fs#2").code == 0
        return True

    monkeypatch.setattr(run, "_agreed", banned)
    assert up.osvc("apply", "--prune-all").code == 0 and len(up.mounts()) == 2


def test_what_its_spec_disables_is_named(desk):
    path = desk.place.spec("web.yaml", "resources:\n  fs#1: {type: flag}\n  fs#2:\n    type: flag\n    disable: true\n")
    ended = desk.osvc("enable", "web", "--rid", "fs#2")
    assert ended.code == 0 and ended.out == "web fs#2: was not disabled\n"
    assert ended.err == f"note: web fs#2 is disabled by its spec ({path}:5); edit that to enable it\n"


@pytest.mark.parametrize("verb", ["freeze", "thaw", "disable", "enable"])
def test_mistakes_and_dry_runs_leave_no_trace(desk, verb):
    desk.web("1m")
    before = desk.place.files()
    assert desk.osvc(verb).code == 64
    assert "did you mean 'web'" in desk.osvc(verb, "wbe").err
    ended = desk.osvc(verb, "web", "--dry-run")
    assert ended.code == (2 if verb in ("freeze", "disable") else 0) and "a dry run: nothing was done" in ended.err
    if verb in ("disable", "enable"):
        assert "no resource 'fs#9'" in desk.osvc(verb, "web", "--rid", "fs#9").err
    assert json.loads(desk.osvc(verb, "wbe", "--json").out)["exit"] == 64
    assert desk.place.files() == before


def test_as_json(up):
    document = json.loads(up.osvc("disable", "web", "--rid", "fs#2", "--json").out)
    assert document["document"] == "disable" and document["exit"] == 0
    (one,) = document["services"]
    assert (one["service"], one["rid"], one["changed"], one["banned"]["by"]) == ("web", "fs#2", True, by())
    (one,) = json.loads(up.osvc("enable", "web", "--rid", "fs#2", "--json").out)["services"]
    assert (one["changed"], one["banned"]) == (True, None)


def test_a_snapshot_knows_of_both(up):
    up.osvc("disable", "web", "--rid", "fs#2")
    up.umount("two")
    up.osvc("snapshot", "-o", str(up.place.root / "here.json"))
    document = json.loads((up.place.root / "here.json").read_text())
    jsonschema.validate(document, snapshot_schema())
    shown = up.osvc("plan", "--snapshot", str(up.place.root / "here.json"))
    assert shown.code == 0 and "disabled by" in shown.out
    up.osvc("freeze", "web")
    up.osvc("snapshot", "-o", str(up.place.root / "here.json"))
    assert "frozen by" in up.osvc("plan", "--snapshot", str(up.place.root / "here.json")).out


def test_the_history_tells_who_said_what_and_why_beside_the_runs(up):
    run = up.runs()[0]["run"]
    assert up.osvc("freeze", "web", "--reason", "disk swap").code == 0 and up.osvc("freeze", "web").code == 0
    assert up.osvc("disable", "web", "--rid", "fs#2").code == 0 and up.osvc("thaw", "web").code == 0
    rows = [line.split()[4:] for line in re.sub(r"  0 s  ", "  ", up.osvc("history").out).splitlines()[1:]]
    assert rows[0][-3:] == ["thaw", by(), "said"]
    assert rows[1][-4:] == ["disable", "fs#2", by(), "said"]
    assert rows[2][-5:] == ["freeze", by(), "said:", "disk", "swap"]
    document = json.loads(up.osvc("history", "web", "--json").out)
    assert [one["verb"] for one in document["said"]] == ["thaw", "disable", "freeze"] and document["runs"][0]["run"] == run
    assert json.loads(up.osvc("history", "db", "--json").out)["said"] == []
    assert up.osvc("undo", "last", "--dry-run", "--prune").code == 2, "what was said is no run, and hinders no undo"


@pytest.mark.parametrize("verb", ["freeze", "thaw", "disable", "enable"])
def test_what_is_for_other_nodes_is_told_by_the_verb_that_was_typed(desk, verb):
    desk.place.spec("far.yaml", "nodes: other\nresources:\n  fs#1: {type: flag}\n")
    ended = desk.osvc(verb, "far")
    assert ended.code == 4 and ended.err == f"error: cannot {verb} far: it is not for this node: nodes = other\n"


def test_a_freeze_may_end_by_itself_and_says_when(up):
    ended = up.osvc("freeze", "web", "--for", "2h")
    assert re.match(r"web: frozen until [0-9: -]+; apply, watch", ended.out)
    assert re.search(r"frozen by .* since .* until [0-9: -]+ → osvc thaw web", up.osvc("status").out)
    document = json.loads(up.osvc("status", "--json").out)
    jsonschema.validate(document, status_schema())
    assert document["services"][0]["frozen"]["until"]
    assert re.search(r"web: frozen by .* since .* until [0-9: -]+; left alone → osvc thaw web", up.osvc("plan").out)
    assert [bool(one["until"]) for one in json.loads(up.osvc("history", "--json").out)["said"]] == [True]


def test_a_freeze_takes_another_end_and_a_service_with_a_wrong_spec_is_none(up):
    up.osvc("freeze", "web", "--reason", "disk swap")
    assert up.osvc("freeze", "web", "--for", "3h").out.startswith("web: frozen until ")
    document = json.loads(up.osvc("status", "--json").out)
    assert document["services"][0]["frozen"]["until"]
    assert " already" in up.osvc("freeze", "web").out
    del document["services"][0]["frozen"]["until"]
    jsonschema.validate(document, status_schema())


@pytest.mark.parametrize(
    "words", ["--for soon", "--for 0", "--until 25:00", "--until 2020-01-01", "--until 2020-01-01T18:30", "--for 1h --until 18:30"]
)
def test_an_end_that_is_none_or_past_is_refused(up, words):
    assert up.osvc("freeze", "web", *words.split()).code == 64
    assert up.osvc("thaw", "web").out == "web: was not frozen\n"
