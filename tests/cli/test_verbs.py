"""Each verb on a machine where nothing is touched: specs, plans on a recorded snapshot, errors, exit codes."""

import json
import os
import stat
import subprocess
import sys

import jsonschema
import pytest

from reconciler import __version__
from reconciler.cli.main import main
from reconciler.core.change import Verdict
from reconciler.report.schemas import ls_schema, plan_schema, snapshot_schema, status_schema

GOOD = "resources:\n  fs#1: {type: tmpfs, dev: tmpfs, mnt: %s, mnt_opt: [size=1m]}\n"
BAD = "resources:\n  fs#1:\n    type: tmpfs\n    mnt_optt: [size=1m]\n    mnt: relative\n"


@pytest.fixture
def web(place):
    return place.spec("web.yaml", GOOD % (place.root / "m"))


def test_validate_says_ok_for_each_service(place, web):
    place.spec("db.yaml", GOOD % (place.root / "other"))
    ended = place.osvc("validate", str(place.specs))
    assert (ended.code, ended.err) == (0, "")
    assert [line.split(":")[0] for line in ended.out.splitlines()] == ["db", "web"]
    assert all(": ok, 1 resource (" in line for line in ended.out.splitlines())


def test_verbs_without_a_path_use_the_folder_of_the_configuration(place, web):
    assert place.osvc("validate").out == place.osvc("validate", str(place.specs)).out != ""


def test_validate_tells_every_error_of_every_file_with_its_place(place, web):
    bad = place.spec("bad.yaml", BAD)
    other = place.spec("other.ini", "[fs#1]\ntype = tmpfs\nmnt = /x\nmnt = /y\n")
    ended = place.osvc("validate", str(place.specs))
    assert ended.code == 6
    lines = ended.err.splitlines()
    assert all(line.startswith("error: ") for line in lines)
    assert any(line.startswith(f"error: {bad}:4:5: ") and "did you mean 'mnt_opt'" in line for line in lines)
    assert any(line.startswith(f"error: {bad}:5:") and "absolute" in line for line in lines)
    assert any(line.startswith(f"error: {other}:4:") for line in lines)
    assert ended.out == f"web: ok, 1 resource ({web})\n"


def test_validate_as_json(place, web):
    bad = place.spec("bad.yaml", BAD)
    ended = place.osvc("validate", "--json", str(place.specs))
    document = json.loads(ended.out)
    assert (ended.code, document["exit"], document["document"], ended.err) == (6, 6, "validate", "")
    assert [service["service"] for service in document["services"]] == ["web"]
    assert {error["file"] for error in document["errors"]} == {str(bad)}
    assert all(error["line"] > 1 and error["message"] for error in document["errors"])


def test_validate_names_the_files_of_a_folder_that_it_leaves_out(place, web):
    readme = place.spec("notes.txt", "hello")
    assert f"note: {readme} is left out: " in place.osvc("validate", str(place.specs)).err


@pytest.mark.parametrize("verb", ["validate", "plan", "apply", "snapshot"])
def test_a_path_that_does_not_exist_is_an_invalid_spec(place, verb):
    ended = place.osvc(verb, "/nowhere/at/all")
    assert ended.code == 6 and ended.err.startswith("error: /nowhere/at/all:1:1: ")


@pytest.mark.parametrize("words", [["plan"], ["apply"], ["apply", "--yes"], ["plan", "--json"], ["apply", "--json"], ["snapshot"]])
def test_with_one_bad_spec_nothing_is_touched(place, web, words):
    place.spec("bad.yaml", BAD)
    before = place.files()
    ended = place.osvc(*words, str(place.specs))
    assert ended.code == 6
    assert place.files() == before
    assert not (place.root / "m").exists()
    if "--json" in words:
        document = json.loads(ended.out)
        assert document["exit"] == 6 and document["errors"] and not document["services"]
    else:
        assert ended.out == "" and "mnt_optt" in ended.err


def test_errors_of_services_that_were_not_chosen_do_not_hinder(place, web):
    place.spec("bad.yaml", BAD)
    ended = place.osvc("plan", "-s", "web")
    assert ended.code == 2 and ended.out.startswith("web: ") and "mnt_optt" in ended.err
    assert place.osvc("plan", "-s", "bad").code == 6
    assert place.osvc("plan", "-s", "*").code == 6
    assert place.osvc("plan", "-s", "nobody").code == 6


@pytest.mark.parametrize(
    "words",
    [
        *("status wbe", "ls wbe", "plan -s wbe", "apply -s wbe", "diff -s wbe", "why fs#1 wbe", "graph wbe", "logs wbe"),
        *("start wbe", "stop wbe", "restart wbe", "startstandby wbe", "shutdown wbe", "freeze wbe", "enter wbe", "docker wbe ps"),
    ],
)
def test_a_slip_of_the_finger_is_told_beside_the_errors_of_another_spec(place, web, words):
    place.spec("bad.yaml", BAD)
    ended = place.osvc(*words.split())
    assert ended.code == (64 if words.split()[0] in ("stop", "shutdown", "freeze") else 6), ended.err
    assert ended.err.count("mnt_optt") == 1
    assert len([line for line in ended.err.splitlines() if line.endswith(" service 'wbe'; did you mean 'web'?")]) == 1


SHOWS = ("plan", "plan --json", "status", "ls", "graph web", "graph --format svg web", "explain fs", "schema", "man", "--help")


@pytest.mark.parametrize("verb", SHOWS)
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_result_for_which_there_is_no_room_is_an_error_that_says_so(place, web, verb, unbuffered):
    line = f"{sys.executable} -m reconciler {verb} > /dev/full"
    env = {**place.env, "TMPDIR": str(place.root), "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(["bash", "-c", line], check=False, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "error: cannot write the result: no space left on device\n")


@pytest.mark.parametrize("redirect", [">&-", "2>&-", ">&- 2>&-", "> /dev/full"])
def test_streams_that_cannot_be_written_are_no_internal_error(place, web, redirect):
    line = f"{sys.executable} -m reconciler plan {redirect}"
    env = {**place.env, "TMPDIR": str(place.root)}
    done = subprocess.run(["bash", "-c", line], check=False, env=env, capture_output=True, text=True)
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr
    assert done.returncode == (1 if "full" in redirect else 2)
    assert not list(place.root.glob("osvc-bug-*"))


def test_a_terminal_without_unicode_gets_question_marks(place, web):
    ended = place.osvc("status", PYTHONIOENCODING="ascii")
    assert ended.code == 0 and "? osvc apply" in ended.out


def test_keep_going_does_not_prune(place, web):
    place.spec("bad.yaml", BAD)
    ended = place.osvc("apply", "--keep-going", "--prune", str(place.specs))
    assert ended.code == 64 and "cannot prune while a spec is not valid" in ended.err


def test_plan_finds_what_is_new_and_changes_nothing(place, web):
    before = place.files()
    ended = place.osvc("plan", str(place.specs))
    assert ended.code == 2, ended.err
    assert ended.out.startswith("web: nothing is interrupted; 1 created; data at risk: none\n")
    assert "(specs/web.yaml:2)" in ended.out.replace(str(place.root) + "/", "")
    assert "mount -t tmpfs" in ended.out
    assert place.files() == before


def test_plan_as_json_fits_its_schema(place, web):
    ended = place.osvc("plan", "--json", str(place.specs))
    document = json.loads(ended.out)
    jsonschema.validate(document, plan_schema())
    (service,) = document["services"]
    assert (ended.code, document["exit"], service["service"], service["empty"]) == (2, 2, "web", False)
    assert service["changes"][0]["origin"]["line"] == 2


def test_patterns_choose_services_and_one_that_names_nothing_is_a_mistake(place, web):
    place.spec("db.yaml", GOOD % (place.root / "other"))
    place.spec("dc.yaml", GOOD % (place.root / "third"))
    assert [line.split(":")[0] for line in place.osvc("plan", "-s", "d*").out.splitlines() if "at risk" in line] == ["db", "dc"]
    assert place.osvc("plan", "-s", "web,db").out.count("at risk") == 2
    ended = place.osvc("plan", "-s", "wbe")
    assert ended.code == 64 and "wbe" in ended.err and "did you mean 'web'" in ended.err


def test_rids_choose_resources_and_one_that_names_nothing_is_a_mistake(place):
    lines = [f"  fs#{n}: {{type: tmpfs, dev: tmpfs, mnt: {place.root}/{mnt}}}" for n, mnt in ((1, "a"), (2, "b"))]
    place.spec("web.yaml", "\n".join(["resources:", *lines, ""]))
    out = place.osvc("plan", "--rid", "fs#2").out
    assert f"{place.root}/b" in out and f"{place.root}/a" not in out
    ended = place.osvc("plan", "--rid", "fs#3")
    assert ended.code == 64 and "no resource 'fs#3'; did you mean" in ended.err


def test_a_recorded_snapshot_is_planned_on_without_the_machine(place, web, tmp_path):
    record = tmp_path / "machine.json"
    assert place.osvc("snapshot", "-o", str(record), str(place.specs)).code == 0
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    document = json.loads(record.read_text())
    jsonschema.validate(document, snapshot_schema())
    here = place.osvc("plan", str(place.specs))
    there = place.osvc("plan", "--snapshot", str(record), str(place.specs), OSVC_STATE_DIR="/nowhere", PATH="/nowhere")
    assert (there.code, there.out) == (here.code, here.out)


def test_what_the_record_does_not_know_is_not_taken_for_absent(place, web, tmp_path):
    record = tmp_path / "machine.json"
    place.osvc("snapshot", "-o", str(record), str(place.specs))
    place.spec("db.yaml", GOOD % (place.root / "other"))
    ended = place.osvc("plan", "--snapshot", str(record), "-s", "db", str(place.specs))
    assert "was not in the spec when the snapshot was taken" in ended.out
    assert ended.code in (2, 7)


@pytest.mark.parametrize(
    ("text", "says"),
    [("not json", "it is not JSON"), ("{}", "it is not a snapshot"), ('{"document": "snapshot", "version": 99}', "version 99"),
     ('{"document": "snapshot", "version": 1}', "damaged")],
)  # fmt: skip
def test_a_file_that_is_no_snapshot_is_told(place, web, text, says):
    (place.root / "x.json").write_text(text)
    ended = place.osvc("plan", "--snapshot", "x.json", str(place.specs))
    assert ended.code == 1 and ended.err.startswith("error: cannot read x.json") and says in ended.err


@pytest.mark.parametrize(
    "odd", [lambda data: data.pop("node"), lambda data: data["services"]["web"].pop("owned")], ids=["as a whole", "in a part"]
)
@pytest.mark.parametrize(
    ("by", "says"), [("0.0.9", f"made by osvc 0.0.9, and this is {__version__}"), (__version__, "it is damaged")]
)
def test_a_snapshot_that_another_version_made_otherwise_is_called_that(place, web, odd, by, says):
    assert place.osvc("snapshot", "-o", "x.json", str(place.specs)).code == 0
    document = json.loads((place.root / "x.json").read_text())
    odd(document)
    (place.root / "x.json").write_text(json.dumps({**document, "osvc": by}))
    ended = place.osvc("plan", "--snapshot", "x.json", str(place.specs))
    assert ended.code == 1 and says in ended.err


def test_a_saved_plan_is_applied_only_while_it_is_the_plan(place, web):
    assert place.osvc("plan", "-o", "saved.plan", str(place.specs)).code == 2
    document = json.loads((place.root / "saved.plan").read_text())
    jsonschema.validate(document, plan_schema())
    place.spec("web.yaml", (GOOD % (place.root / "m")).replace("size=1m", "size=2m"))
    before = place.files()
    ended = place.osvc("apply", "saved.plan")
    assert ended.code == 4
    assert "the saved plan is out of date: web: no longer fs#1 mount " in ended.err and ", now fs#1 mount " in ended.err
    assert place.files() == before


@pytest.mark.parametrize(
    ("older", "by"),
    [
        (lambda plan: plan.pop("osvc"), "an older one"),
        (lambda plan: (plan.pop("osvc"), plan["options"].pop("tags")), "an older one"),
        (lambda plan: plan.update(osvc="0.0.9"), "osvc 0.0.9"),
        (lambda plan: plan.update(version=99, osvc="7.0.0"), "osvc 7.0.0"),
    ],
)
def test_a_plan_that_another_version_saved_is_called_that_and_not_damaged(place, web, older, by):
    place.osvc("plan", "-o", "saved.plan", str(place.specs))
    document = json.loads((place.root / "saved.plan").read_text())
    older(document)
    (place.root / "saved.plan").write_text(json.dumps(document))
    ended = place.osvc("apply", "saved.plan")
    assert (ended.code, ended.err.strip()) == (
        1,
        f"error: cannot apply saved.plan: it is of another version of osvc ({by}, and this is {__version__}); plan again",
    )


def test_a_plan_of_this_version_that_lacks_something_is_damaged(place, web):
    place.osvc("plan", "-o", "saved.plan", str(place.specs))
    document = json.loads((place.root / "saved.plan").read_text())
    del document["options"]["tags"]
    (place.root / "saved.plan").write_text(json.dumps(document))
    assert "it is damaged ('tags'); plan again" in place.osvc("apply", "saved.plan").err


@pytest.mark.parametrize("more", [["-s", "other"], ["--rid", "fs#1"], ["--prune"]])
def test_beside_a_saved_plan_nothing_is_chosen_anew(place, web, more):
    place.osvc("plan", "-o", "saved.plan", str(place.specs))
    before = place.files()
    ended = place.osvc("apply", "saved.plan", *more)
    assert ended.code == 64 and f"{more[0]} has no place beside it" in ended.err
    assert place.files() == before


@pytest.mark.parametrize("verb", ["plan", "snapshot"])
@pytest.mark.parametrize(("path", "says"), [("none/x", "no such file or directory"), (".", "is a directory")])
def test_what_cannot_be_saved_is_told_by_its_own_name_and_leaves_nothing(place, web, verb, path, says):
    before = place.files()
    ended = place.osvc(verb, "-o", path, str(place.specs))
    assert ended.code == 1 and ended.err == f"error: cannot use {path}: {says}\n"
    assert place.files() == before


@pytest.mark.parametrize("verb", ["plan", "apply", "start", "stop"])
def test_an_empty_choice_of_resources_is_not_all_of_them(place, web, verb):
    words = [str(place.specs)] if verb in ("plan", "apply") else ["web"]
    before = place.files()
    for rid in ("", " , "):
        ended = place.osvc(verb, "--rid", rid, *words)
        assert ended.code == 64 and "no resource is named" in ended.err
    assert place.files() == before


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_a_service_in_place_of_a_path(place, web, verb):
    ended = place.osvc(verb, "web")
    assert ended.code == 6 and ended.out == ""
    assert ended.err == "error: web:1:1: there is no such file or folder; a service is chosen with -s web\n"
    assert "-s" not in place.osvc("validate", "web").err
    assert "-s" not in place.osvc(verb, "x.yaml").err


@pytest.mark.parametrize("verb", ["status", "ls"])
def test_status_takes_names_and_patterns_of_services_beside_paths(place, web, verb):
    place.spec("db.yaml", GOOD % (place.root / "n"))
    for words in (["web"], ["w*"], ["-s", "web"], [str(web)], ["web", str(place.specs)]):
        ended = place.osvc(verb, *words)
        assert ended.code == 0 and "db" not in ended.out and "web" in ended.out, (words, ended)
    assert "db" in place.osvc(verb, "*").out and "db" in place.osvc(verb, "web", "db").out
    ended = place.osvc(verb, "wbe")
    assert ended.code == 64 and "no service 'wbe'; did you mean 'web'?" in ended.err
    assert place.osvc(verb, "x.yaml").code == 6
    (place.root / "web").mkdir()
    ended = place.osvc(verb, "web")
    assert (
        ended.code == 6 and "there is no spec in this folder; " in ended.err and "; a service is chosen with -s web\n" in ended.err
    )
    assert "web" in place.osvc(verb, "-s", "web").out


def test_an_invalid_spec_of_another_service_does_not_hinder_a_status_that_names_one(place, web):
    place.spec("bad.yaml", BAD)
    ended = place.osvc("status", "web")
    assert ended.code == 0 and ended.out.startswith("web ") and "mnt_optt" in ended.err
    ended = place.osvc("status", "bad")
    assert ended.code == 6 and ended.out == "" and "mnt_optt" in ended.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["plan", "-s", "nope"], 64),
        (["plan", "--rid", "nope"], 64),
        (["status", "-s", "nope"], 64),
        (["apply", "-s", "nope"], 64),
        (["start", "nope"], 64),
        (["stop", "nope"], 64),
        (["plan", "--snapshot", "none.json"], 1),
    ],
)
def test_with_json_stdout_says_why_there_is_no_result(place, web, words, code):
    ended = place.osvc(*words, "--json")
    document = json.loads(ended.out)
    assert ended.code == document["exit"] == code
    assert [error["message"] for error in document["errors"]] == [ended.err.splitlines()[0].removeprefix("error: ")]
    assert document["services"] == []
    if words[0] in ("plan", "status"):
        jsonschema.validate(document, plan_schema() if words[0] == "plan" else status_schema())
    else:
        assert document["event"] == "result" and ended.out.count("\n") == 1


@pytest.mark.parametrize("verb", ["plan", "validate", "status", "doctor", "apply", "start", "stop", "watch"])
def test_with_json_a_broken_configuration_is_told_there_too(place, verb):
    place.config.write_text("interwal: 3\n")
    ended = place.osvc(verb, "--json", *(["web"] if verb in ("start", "stop") else []))
    document = json.loads(ended.out)
    assert ended.code == document["exit"] == 1 and "interwal" in document["errors"][0]["message"]


@pytest.mark.parametrize(("verb", "told"), [("plan", True), ("doctor", False), ("validate", False)])
def test_whoever_is_not_root_learns_that_this_may_be_why(tmp_path, monkeypatch, capsys, verb, told):
    monkeypatch.setenv("OSVC_STATE_DIR", "/proc/self/stat")
    monkeypatch.setenv("OSVC_CONFIG", str(tmp_path / "none.yaml"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main([verb]) == 1
    assert capsys.readouterr().err.endswith(f"note: uid 1000 is not root, and that may be why → sudo osvc {verb}\n") is told


@pytest.mark.parametrize("verb", ["plan", "status", "apply"])
def test_a_state_folder_that_is_none(place, web, verb):
    ended = place.osvc(verb, str(place.specs), OSVC_STATE_DIR=str(place.config))
    assert ended.code == 1 and ended.out == ""
    assert ended.err == f"error: cannot use the state folder {place.config}: it is not a folder; OSVC_STATE_DIR names another\n"


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_whoever_prunes_an_emptied_folder_learns_of_prune_all(place, verb):
    assert "--prune-all" not in place.osvc(verb, str(place.specs)).err
    ended = place.osvc(verb, "--prune", str(place.specs))
    assert ended.code == 6 and ended.err.endswith("; if all that came from it is to go, say --prune-all\n")


def test_a_relative_state_folder_is_told_by_its_variable(place):
    assert place.osvc("plan", OSVC_RUN_DIR="run").err == "error: OSVC_RUN_DIR: expected an absolute path, not 'run'\n"


@pytest.mark.parametrize("folder", [True, False])
def test_status_of_a_machine_where_nothing_was_applied(place, folder):
    if not folder:
        place.specs.rmdir()
    ended = place.osvc("status")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("no services: ") and ended.out.endswith("→ osvc apply PATH\n")
    assert json.loads(place.osvc("status", "--json").out)["services"] == []


def test_status_shows_what_is_down_and_what_to_do(place, web):
    ended = place.osvc("status", str(place.specs))
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].split()[:2] == ["web", "down"]
    assert lines[1].startswith("'- fs#1 ") and " down " in lines[1]
    assert lines[2].endswith("→ osvc apply -s web")
    document = json.loads(place.osvc("status", "--json", str(place.specs)).out)
    jsonschema.validate(document, status_schema())
    assert document["services"][0]["overall"] == "down"


def test_ls_shows_a_line_for_each_service(place, web):
    ended = place.osvc("ls")
    assert ended.code == 0
    assert [line.split() for line in ended.out.splitlines()] == [
        ["service", "state", "status", "up", "drift", "since", "spec"],
        ["web", "started", "down", "0/1", "-", "-", str(web)],
    ]
    document = json.loads(place.osvc("ls", "--json").out)
    jsonschema.validate(document, ls_schema())
    assert document["services"][0]["up"] == 0


def test_an_invalid_spec_hides_no_other_service_from_status(place, web):
    place.spec("bad.yaml", BAD)
    ended = place.osvc("status", str(place.specs))
    assert ended.code == 6 and ended.out.startswith("web ") and "mnt_optt" in ended.err


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_a_service_that_nobody_knows(place, web, verb):
    ended = place.osvc(verb, "wbe")
    assert ended.code == 64 and "did you mean 'web'" in ended.err
    assert not (place.root / "state").exists()


def test_docker_of_a_service_without_an_engine(place, web):
    ended = place.osvc("docker", "web", "ps")
    assert ended.code == 1 and "web has no Docker engine" in ended.err


def test_a_broken_configuration_is_told_whole(place):
    place.config.write_text("specs: relative\nintervall: 5\n")
    ended = place.osvc("plan")
    assert ended.code == 1
    assert "specs: expected an absolute path" in ended.err and "did you mean 'interval'" in ended.err
    assert all(line.startswith("error: ") for line in ended.err.splitlines())


def test_an_internal_error_is_short_and_its_traceback_is_kept(place, web):
    (place.root / "boom").mkdir()
    (place.root / "boom" / "sitecustomize.py").write_text(
        "import sys\n"
        "class Broken:\n"
        "    def find_spec(self, name, *more):\n"
        "        if name == 'reconciler.engine.observe' or name == 'reconciler.spec.load':\n"
        "            raise RuntimeError('broken on purpose')\n"
        "sys.meta_path.insert(0, Broken())\n"
    )
    path = f"{place.root / 'boom'}:{place.env['PYTHONPATH']}"
    ended = place.osvc("plan", PYTHONPATH=path, TMPDIR=str(place.root))
    assert ended.code == 1 and "Traceback" not in ended.err
    (kept,) = place.root.glob("osvc-bug-*.txt")
    assert str(kept) in ended.err
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o600 and "broken on purpose" in kept.read_text()
    told = place.osvc("plan", "--debug", PYTHONPATH=path, TMPDIR=str(place.root))
    assert told.code == 1 and "broken on purpose" in told.err
    assert len(list(place.root.glob("osvc-bug-*.txt"))) == 1


@pytest.mark.parametrize("name", ["service", "plan", "status", "ls", "why", "snapshot"])
def test_schemas_are_printed_and_written_alike(place, name):
    printed = json.loads(place.osvc("schema", name).out)
    jsonschema.Draft202012Validator.check_schema(printed)
    assert place.osvc("schema", "-o", "schemas").code == 0
    assert json.loads((place.root / "schemas" / f"{name}.schema.json").read_text()) == printed


def test_a_plan_that_interrupts_needs_a_yes(capsys):
    from argparse import Namespace

    from reconciler.cli.run import Order, _agreed
    from tests.plans.golden import FOLDER, read

    replace = read(FOLDER / "container-replace-spec.yaml").plan()
    create = read(FOLDER / "container-create-new.yaml").plan()
    ask = Order("apply", lambda session: ())
    assert not _agreed(ask, Namespace(yes=False, json=False), [replace])
    assert _agreed(ask, Namespace(yes=True, json=False), [replace])
    assert _agreed(ask, Namespace(yes=False, json=False), [create])
    assert _agreed(Order("stop", lambda session: (), agreed=frozenset(Verdict)), Namespace(yes=False, json=False), [replace])


def test_the_environment_for_docker_leads_nowhere_else():
    from reconciler.cli.client import cleared

    given = {
        "PATH": "/bin",
        "DOCKER_HOST": "x",
        "DOCKER_CONTEXT": "y",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": "/c",
        "DOCKER_CONFIG": "/d",
    }
    assert cleared(given) == {"PATH": "/bin", "DOCKER_CONFIG": "/d"}


def test_images_that_nobody_uses_are_looked_for_and_not_when_a_spec_is_not_valid(place, web):
    ended = place.osvc("images", "--prune")
    assert (ended.code, ended.out, ended.err) == (0, "nothing to remove: osvc has fetched no image\n", "")
    assert json.loads(place.osvc("images", "--prune-images", "--json").out)["engines"] == []
    assert not (place.root / "state").exists(), "looking leaves no trace"
    place.spec("bad.yaml", BAD)
    ended = place.osvc("images", "--prune", "--yes")
    assert ended.code == 6 and "did you mean 'mnt_opt'" in ended.err and ended.out == ""


@pytest.mark.parametrize("option", ["--yes", "--dry-run", "--quiet", "--verbose"])
def test_an_option_of_pruning_images_alone_is_a_mistake(place, web, option):
    ended = place.osvc("images", option)
    assert ended.code == 64 and f"error: {option} belongs to --prune" in ended.err


@pytest.mark.parametrize("words", [["status"], ["apply", "--dry-run"], ["case", "show", "pipe"]])
def test_a_pipe_that_nobody_writes_is_refused_and_not_waited_for(place, web, words):
    os.mkfifo(place.root / "pipe", 0o600)
    env = {} if words[0] == "case" else {"OSVC_CONFIG": str(place.root / "pipe")}
    ended = place.osvc(*words, **env)
    assert ended.code == 1 and "pipe: it is not a regular file" in ended.err
