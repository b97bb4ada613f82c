"""A spec that is being written is not what anybody wants yet. Time is the fake machine's, and so is that of the files here."""

import os
from contextlib import contextmanager

import pytest

from reconciler.engine.settling import being_written
from tests.unit.engine.node import SPEC, Node
from tests.unit.engine.timeline import Timeline

pytestmark = pytest.mark.usefixtures("no_jitter")

WHOLE = SPEC % "web" + "  fs#2: {dev: tmpfs, mnt: /mnt/beside, type: tmpfs}\n"
HALF = WHOLE[: -len("  fs#2: {dev: tmpfs, mnt: /mnt/beside, type: tmpfs}\n")]
"""A spec as well, of less."""
BEGINNING = [(0.0, "app"), (0.0, "db"), (0.0, "web")]


@pytest.fixture
def line(tmp_path):
    node = Node(tmp_path, interval=4.0, prune=True)
    node.write("web", WHOLE)
    node.write("db")
    node.write("app")
    return Timeline(node)


def stamp(line, *paths):
    """They are changed now."""
    for path in paths:
        os.utime(path, ns=(int(line.machine.now().timestamp() * 1e9),) * 2)


def written(line, text):
    def write():
        line.node.write("web", text)
        stamp(line, line.node.specs / "web.yaml")

    return write


def removed(line):
    (line.node.specs / "web.yaml").unlink()
    stamp(line, line.node.specs)


def test_what_is_written_in_two_pieces_is_read_once_it_is_whole(line):
    line.at(21, written(line, HALF))
    line.at(21.08, written(line, WHOLE.replace("beside", "moved")))
    line.run(30)
    assert [(at, name) for at, name in line.done if at] == [(21.2, "web")], (
        "a tenth of a second after the last piece, or a little more"
    )
    assert sorted(line.node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/moved", "/mnt/web"]


def test_what_somebody_has_open_for_writing_is_waited_for(line):
    path = line.node.specs / "web.yaml"

    @contextmanager
    def slowly():
        with path.open("w") as file:
            file.write(HALF)
            file.flush()
            yield
            file.write(WHOLE[len(HALF) :].replace("beside", "moved"))

    cat = slowly()
    line.at(21, cat.__enter__)
    line.at(23.5, lambda: line.machine.tear_off("/mnt/db"))
    line.at(25, lambda: cat.__exit__(None, None, None))
    line.run(30)
    assert [(round(at), name) for at, name in line.done if at] == [(24, "db"), (25, "web")], "nobody else waits"
    assert sorted(line.node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/moved", "/mnt/web"]


@pytest.mark.parametrize("name", [".web.yaml.swp", "web.yaml.bak", "notes.txt", "web.d/.S10app.swp", "web.d/app.log"])
def test_what_is_no_spec_is_not_waited_for(line, name):
    """An editor has its swap file open for as long as it runs."""
    path = line.node.specs / name
    path.parent.mkdir(mode=0o755, exist_ok=True)
    with path.open("w") as file:

        def swap():
            file.write(name)
            file.flush()
            stamp(line, path)

        line.at(21, swap)
        line.at(21, written(line, WHOLE.replace("beside", "moved")))
        line.at(23, swap)
        line.run(30)
    assert [(at, name) for at, name in line.done if at] == [(21.1, "web")]
    assert line.said == []


def test_what_is_removed_and_written_anew_is_not_pruned_meanwhile(line):
    line.at(21, lambda: removed(line))
    line.at(21.4, written(line, WHOLE))
    line.run(30)
    assert line.done == BEGINNING


def test_what_is_removed_is_pruned_a_moment_later(line):
    line.at(21, lambda: removed(line))
    line.run(30)
    assert [(at, name) for at, name in line.done if at] == [(21.5, "web")]


def test_what_is_written_all_the_time_is_read_after_ten_seconds_and_that_is_told(line):
    for number in range(500):
        line.at(21 + number * 0.08, written(line, WHOLE.replace("beside", f"moved{number // 200}")))
    line.run(70)
    assert [round(at) for at, name in line.done if at and name == "web"] == [31, 41, 61]
    (told,) = {text for _, text in line.said}
    assert told == f"{line.node.specs}/web.yaml: written to again and again for 10 s; taken as it is"


def test_a_watch_that_begins_waits_for_it_too(line):
    written(line, HALF)()
    line.at(0.08, written(line, WHOLE))
    line.run(10)
    assert min(line.looks) == (0.2, "app db web")
    assert sorted(line.node.mounts()) == ["/mnt/app", "/mnt/beside", "/mnt/db", "/mnt/web"]


def test_a_file_that_is_open_for_writing_is_told_from_one_that_is_read(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    for mode, written_to in (("r", False), ("a", True), ("r+", True)):
        with path.open(mode):
            assert being_written(str(path)) is written_to, mode
        assert not being_written(str(path))
    assert not being_written(str(tmp_path)) and not being_written(str(tmp_path / "none"))
