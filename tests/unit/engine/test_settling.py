"""A spec that is being written is not what anybody wants yet. Time is the fake machine's, and so is that of the files here."""

import os
from contextlib import contextmanager
from functools import partial

import pytest

from reconciler.engine.settling import being_written
from tests.unit.engine.node import SPEC, Node
from tests.unit.engine.timeline import Timeline

pytestmark = pytest.mark.usefixtures("no_jitter")

WHOLE = SPEC % "web" + "  fs#2: {dev: tmpfs, mnt: /mnt/beside, type: tmpfs}\n"
HALF = WHOLE[: -len("  fs#2: {dev: tmpfs, mnt: /mnt/beside, type: tmpfs}\n")]
"""A spec as well, of less."""
MOVED = WHOLE.replace("beside", "moved")
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


def slowly(line, begins, ends, name="web", text=MOVED):
    """A spec is open for writing for as long as that, and half of it is there."""

    @contextmanager
    def writing():
        with (line.node.specs / f"{name}.yaml").open("w") as file:
            file.write(text[: len(HALF)])
            file.flush()
            yield
            file.write(text[len(HALF) :])

    cat = writing()
    line.at(begins, cat.__enter__)
    line.at(ends, lambda: cat.__exit__(None, None, None))


def removed(line):
    (line.node.specs / "web.yaml").unlink()
    stamp(line, line.node.specs)


def test_what_is_written_in_two_pieces_is_read_once_it_is_whole(line):
    line.at(21, written(line, HALF))
    line.at(21.08, written(line, MOVED))
    line.run(30)
    assert [(at, name) for at, name in line.done if at] == [(21.2, "web")], (
        "a tenth of a second after the last piece, or a little more"
    )
    assert sorted(line.node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/moved", "/mnt/web"]


def test_what_somebody_has_open_for_writing_is_waited_for(line):
    slowly(line, 21, 25)
    line.at(23.5, lambda: line.machine.tear_off("/mnt/db"))
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
        line.at(21, written(line, MOVED))
        line.at(23, swap)
        line.run(30)
    assert [(at, name) for at, name in line.done if at] == [(21.1, "web")]
    assert line.said == []


def test_what_is_put_in_place_while_somebody_writes_it_is_waited_for(line, tmp_path):
    """Who moves a file that is still open moves half of it."""

    @contextmanager
    def moving():
        with (tmp_path / "fresh").open("w") as file:
            (tmp_path / "fresh").chmod(0o644)
            file.write(MOVED[: len(HALF)])
            file.flush()
            os.replace(tmp_path / "fresh", line.node.specs / "web.yaml")
            yield
            file.write(MOVED[len(HALF) :])

    mover = moving()
    line.at(21, mover.__enter__)
    line.at(24, lambda: mover.__exit__(None, None, None))
    line.run(30)
    assert [(round(at), name) for at, name in line.done if at] == [(24, "web")]
    assert sorted(line.node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/moved", "/mnt/web"]


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


def test_what_another_file_takes_long_for_is_no_reason_to_take_one_that_is_half_written(line):
    slowly(line, 21, 40, "db", SPEC % "db" + "# the same\n")
    slowly(line, 30.5, 33)
    line.run(50)
    assert [(round(at), name) for at, name in line.done if at] == [(33, "web")]
    assert sorted(line.node.mounts()) == ["/mnt/app", "/mnt/db", "/mnt/moved", "/mnt/web"]
    assert [(round(at), text) for at, text in line.said] == [
        (33, f"{line.node.specs}/db.yaml: written to again and again for 10 s; taken as it is")
    ]


def test_files_of_which_one_or_another_is_always_written_to_are_read_all_the_same(line):
    for number in range(600):
        name = ("app", "db", "web")[number % 3]
        line.at(21 + number * 0.08, partial(stamp, line, line.node.specs / f"{name}.yaml"))
    line.at(21, written(line, MOVED))
    line.run(70)
    assert [(round(at), name) for at, name in line.done if at] == [(40, "web")], "each was waited for long enough by then"


@pytest.mark.parametrize("fstype", ["nfs4", "cifs", "smb3"])
def test_a_lease_that_a_server_refuses_says_of_nobody_that_he_writes(line, fstype):
    """What the kernel here says of a writer, it says there where there is none."""
    tree, device = line.machine.tree, line.node.specs.stat().st_dev
    served = tree.new_filesystem(fstype, f"{os.major(device)}:{os.minor(device)}")
    tree.attach(served, served.root, tree.walk("/srv"), "filer:/specs", [])
    line.at(20, written(line, MOVED))
    with (line.node.specs / "web.yaml").open("a"):
        line.run(30)
    assert [(at, name) for at, name in line.done] == [*BEGINNING, (20.1, "web")]
    assert line.said == []


def test_nobody_waits_for_what_cannot_be_written_to_or_is_of_another_time(line):
    specs = line.node.specs
    ahead = int((line.machine.now().timestamp() + 60) * 1e9)

    def odd():
        line.node.write("web", MOVED)
        os.utime(specs / "web.yaml", ns=(ahead, ahead))
        os.mkfifo(specs / "pipe.yaml")
        (specs / "nowhere.yaml").symlink_to("nothing")
        (specs / "loop.yaml").symlink_to("loop.yaml")

    line.at(21, odd)
    line.run(30)
    assert [(at, name) for at, name in line.done if at] == [(21.1, "web")]


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
