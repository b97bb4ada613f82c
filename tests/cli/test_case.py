"""osvc case on a machine where nothing is: it lists, shows and plans again from the file alone."""

import shutil
from pathlib import Path

import pytest

from tests.plans import cases

ONE = cases.FOLDER / "replacement-with-a-new-secret-fails.yaml"


@pytest.fixture
def kept(place) -> Path:
    """A state folder with one case file, and nothing else."""
    folder = place.root / "state" / "cases"
    folder.mkdir(parents=True, mode=0o700)
    return Path(shutil.copy(ONE, folder / "20260105T070000-125f14.yaml"))


def test_where_no_run_has_failed_it_says_so(place):
    ended = place.osvc("case", "ls")
    assert (ended.code, ended.out) == (0, "no cases: no run has failed here, or it is longer ago than they are kept\n")


def test_replay_prints_the_plan_and_exits_0(place):
    before = place.files()
    ended = place.osvc("case", "replay", str(ONE), PATH="")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("web: container#1 down for about 10 s; 1 updated in place; data at risk: container#1 (")
    assert "docker -H unix:///run/osvc/web/docker.sock create --name web.container.1.osvc-new" in ended.out
    assert place.files() == before


def test_replay_of_another_plan_shows_the_difference_and_exits_2(place):
    other = place.root / "other.yaml"
    other.write_text(ONE.read_text().replace("memory 128m\n  7", "memory 129m\n  7"))
    ended = place.osvc("case", "replay", "other.yaml")
    assert ended.code == 2
    assert (
        "-6 container#2 live update web.container.2: memory 129m\n+6 container#2 live update web.container.2: memory 128m\n"
        in ended.out
    )
    assert ended.err == "this osvc plans otherwise than the one that recorded the case (0.1.0)\n"


def test_ls_names_what_is_there_and_skips_what_cannot_be_read(place, kept):
    (kept.parent / "broken.yaml").write_text("about: x\n")
    ended = place.osvc("case", "ls")
    assert ended.code == 0
    assert ended.out.startswith("20260105T070000-") and "container#1: cannot start" in ended.out
    assert ended.out.endswith("(apply: rolled back)\n")
    assert (
        ended.err
        == f"note: cannot read {kept.parent / 'broken.yaml'}: it is not a case file; osvc case ls lists those of this machine\n"
    )


def test_show_tells_plan_outcomes_and_what_to_do_next(place, kept):
    ended = place.osvc("case", "show", "20260105")
    assert ended.code == 0
    for line in (
        "web: container#1: cannot start web.container.1: web.container.1 exited right after its start, exit 1\n  apply at ",
        ": rolled back in round 1 (run ",
        "\n    container#1  replace [spec]: environment.DB_PASSWORD changed\n",
        "\n    5 container#1 start web.container.1: failed, 0.05 s\n      $ docker -H unix://",
        "\n      | login with ",
        "\n  → osvc case replay 2026",
    ):
        assert line in ended.out
    assert "hunter" not in ended.out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["case"], 64, "the following arguments are required: ACTION"),
        (["case", "eat"], 64, "invalid choice: 'eat'"),
        (["case", "show"], 64, "osvc case show takes a case file, or the id of its run; osvc case ls lists them"),
        (["case", "ls", "x"], 64, "osvc case ls takes no file"),
        (["case", "replay", "nope"], 1, "no case file 'nope', neither here nor in "),
        (["case", "replay", "./nope.yaml"], 1, "cannot use ./nope.yaml: no such file or directory"),
        (["case", "replay", "osvc.yaml"], 1, "cannot read osvc.yaml: it is not a case file"),
    ],
)
def test_mistakes(place, kept, words, code, message):
    ended = place.osvc(*words)
    assert (ended.code, ended.out) == (code, "") and message in ended.err and "Traceback" not in ended.err


def test_a_name_that_fits_two_cases_is_told(place, kept):
    shutil.copy(kept, kept.parent / "20260106T070000-125f14.yaml")
    ended = place.osvc("case", "show", "2026")
    assert ended.code == 1 and "'2026' may be any of 2 cases" in ended.err


def test_a_run_that_fails_says_where_its_case_is_and_that_replays(place):
    """A mount point under a file cannot be made: this run fails for everybody, also for root."""
    (place.root / "file").write_text("")
    place.spec("web.yaml", f"resources:\n  fs#1: {{type: tmpfs, dev: tmpfs, mnt: {place.root}/file/x}}\n")
    ended = place.osvc("apply", "--yes")
    assert ended.code in (1, 3), ended.err
    (path,) = (place.root / "state" / "cases").iterdir()
    assert f"  case file: {path}\n" in ended.err and path.stat().st_mode & 0o777 == 0o600
    assert place.osvc("case", "replay", path.stem).code == 0
