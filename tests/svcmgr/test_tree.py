"""The tree and the words where the tutorial does not go: what is unknown, differs, is refused, has died; and the exit codes."""

import pytest

from reconciler.core.status import TOLD, Status
from reconciler.report.svc_tree import CODES
from tests.svcmgr.node import CONTAINER
from tests.svcmgr.tutorial import NAME, status_after


@pytest.fixture
def started(deb1):
    for words in (("startvg",), ("startfs",), ("startip",), ("docker", "images")):
        deb1.types(*words)
    deb1.pull("busybox:latest")
    assert deb1.types("start")[0] == 0
    assert deb1.types("print", "status")[1] == status_after("start")
    return deb1


def tree(deb1):
    return deb1.types("print", "status")[1].splitlines()


def test_what_died_says_so(started):
    docker = started.machine.docker
    process = docker.data(f"/opt/{NAME}/appdata").containers[CONTAINER].process
    started.machine.kill(process.pid)
    lines = tree(started)
    assert lines[1].split() == ["overall", "warn"]
    assert lines[3].split()[3:] == ["....", "down", "20f6aabc5ce1@busybox:latest"]
    assert lines[4].startswith("|  |  |                            # died ") and "exit" in lines[4]


def test_what_differs_from_its_spec_is_up_and_a_warning(started):
    spec = started.specs / f"{NAME}.env"
    spec.write_text(spec.read_text().replace("vol1:rw", "vol1:ro"))
    lines = tree(started)
    assert [line.split()[-1] for line in lines[1:3]] == ["warn", "up"]
    assert lines[4].startswith("|  |  |                            # ") and lines[4].endswith(f"→ osvc apply -s {NAME}")


def test_what_must_not_be_touched_says_why_and_what_to_do(deb1):
    deb1.machine.lvm.groups[0].tags = {"deb2"}
    lines = tree(deb1)
    at = next(n for n, line in enumerate(lines) if "vg#1" in line)
    assert (
        lines[at + 1].startswith("|  |                               # ") and "deb2" in lines[at + 1] and "--force" in lines[at + 1]
    )


def test_an_engine_has_no_line_but_where_something_is_to_be_told_of_it(started):
    assert not any("- dockerd " in line for line in tree(started))
    socket = f"{started.folder}/run/{NAME}/docker.sock"
    started.machine.tree.find(socket).mode = 0o666
    lines = tree(started)
    at = next(n for n, line in enumerate(lines) if "- dockerd " in line)
    assert lines[1].split()[-1] == "warn" and lines[at + 1].strip("| ").startswith("# ")


def test_that_a_run_failed_is_told(deb1):
    deb1.types("startvg")
    deb1.machine.lvm.groups[0].volumes["lvdockerroot"].image.fsck = 4
    assert deb1.types("start")[0] == 3
    assert tree(deb1)[2].startswith("|                                  # the last run failed: fs#1: ")


def test_each_status_that_is_told_has_a_number():
    assert set(CODES) == set(TOLD)
    assert {status.value: code for status, code in CODES.items() if status is not Status.UNKNOWN} == {
        "up": 0, "down": 1, "warn": 2, "n/a": 3, "undef": 5, "stdby up": 6, "stdby down": 7,
    }  # fmt: skip


def test_what_would_be_interrupted_is_shown_and_done_only_with_a_yes(started):
    spec = started.specs / f"{NAME}.env"
    spec.write_text(spec.read_text().replace("vol1:rw", "vol1:ro"))
    effects = started.machine.effects
    code, out, err = started.types("start")
    assert (code, started.machine.effects) == (4, effects)
    assert out.startswith(f"{NAME}: container#1 down") and err.endswith("→ add --yes\n")
    code, out, err = started.types("start", "--yes")
    assert (code, err) == (0, "")
    assert "step" not in out and all(" DOCKER.OPENSVC.COM." in line for line in out.splitlines() if " INFO " in line)
    assert tree(started)[1].split() == ["overall", "up"]


def test_as_json_it_is_the_document_of_osvc(started):
    import json

    (service,) = json.loads(started.types("json", "status")[1])["services"]
    assert service["service"] == NAME and service["overall"] == "up"


@pytest.mark.parametrize("words", [("enter",), ("enter", "--rid", "container#1"), ("--rid=container#1", "enter")])
def test_enter_is_a_shell_in_a_container(started, words):
    code, _, err = started.types(*words)
    assert (code, err) == (0, "")
    assert started.became[:2] == ["docker", "-H"] and "exec" in started.became


def test_logs_are_what_the_containers_say(started):
    code, out, err = started.types("logs", "--tail", "5")
    assert (code, out, err) == (0, "", "")
