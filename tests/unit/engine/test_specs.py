"""Specs of a watch: what is wrong because of another file, and heals there. Time is the fake machine's."""

import os

import pytest

from reconciler.core.secrets import learned
from reconciler.engine.specs import Specs
from reconciler.spec.load import Loaded
from tests.unit.engine.node import Node
from tests.unit.engine.timeline import Timeline

pytestmark = pytest.mark.usefixtures("no_jitter")

WEB = "resources:\n  container#1: {type: docker, image: web:1, env_file: %s}\n"


@pytest.fixture
def node(tmp_path):
    return Node(tmp_path, interval=300.0)


@pytest.fixture
def line(node):
    return Timeline(node)


DB = "variables: {DB_PASSWORD: blue4house}\nresources:\n  fs#1: {dev: tmpfs, mnt: '/mnt/{env.DB_PASSWORD}', type: tmpfs}\n"


def heal(path):
    def write():
        path.write_text("A=1\n")
        path.chmod(0o644)

    return write


def told(line, words):
    return [at for at, text in line.said if words in text]


def test_a_spec_that_is_wrong_by_a_file_it_refers_to_is_read_again_with_the_next_look_at_everything(line, node, tmp_path):
    node.write("web", WEB % (tmp_path / "variables"))
    line.at(20, heal(tmp_path / "variables"))
    line.run(310)
    assert told(line, "web.yaml:2") == [0.0], "once"
    assert line.watch.standing().invalid == ()
    assert next(at for at, names in line.looks if names == "web") == 300.0


def test_sighup_reads_again_what_is_wrong(line, node, tmp_path):
    node.write("web", WEB % (tmp_path / "variables"))
    line.at(20, heal(tmp_path / "variables"))
    line.at(21, node.stop.reread.set)
    line.at(21, line.wake)
    line.run(30)
    assert line.watch.standing().invalid == ()


def test_what_becomes_of_a_script_of_a_launcher_folder_is_noticed(line, node, tmp_path):
    script = tmp_path / "app.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    node.write("web")
    (node.specs / "web.d").mkdir(mode=0o755)
    os.symlink(script, node.specs / "web.d/S10app")
    line.at(20, script.unlink)
    line.run(310)
    assert told(line, "S10app leads to no file") == [300.0]


def test_what_becomes_of_what_is_no_spec_and_no_script_is_no_edit(tmp_path):
    specs = Specs([str(tmp_path)], lambda paths: Loaded())
    (tmp_path / "web.d").mkdir()
    specs.read(specs.look())
    for name in (".web.yaml.swp", "web.yaml~", "#web.yaml#", "web.txt", "4913", "web.d/.S10app.swp", "web.d/app.log"):
        (tmp_path / name).write_text("")
        assert specs.changed(specs.look()) == set(), name
    (tmp_path / "old.yaml").mkdir()
    assert specs.changed(specs.look()) == set()
    (tmp_path / "web.d").chmod(0o777)
    assert specs.changed(specs.look()) == {f"{tmp_path}/web.d"}, "who may write it decides whether it is read"
    specs.read(specs.look())
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    assert specs.changed(specs.look()) == set()
    for name in ("web.yaml", "web.conf", "web.d/S10app"):
        (tmp_path / name).write_text("")
        assert specs.changed(specs.look()) == {f"{tmp_path}/{name}"}
        specs.read(specs.look())


def test_a_watch_knows_of_secrets_what_a_fresh_one_would(line, node):
    known = []
    db = node.write("db", DB)
    node.write("web")
    line.at(20, lambda: known.append(learned()))
    line.at(21, lambda: node.write("db", DB.replace("type: tmpfs", "type: tmpsf").replace("{env.DB_PASSWORD}", "x")))
    line.at(30, lambda: known.append(learned()))
    line.at(31, db.unlink)
    line.at(40, lambda: known.append(learned()))
    line.run(50)
    assert known == [{"blue4house": "DB_PASSWORD"}, {"blue4house": "DB_PASSWORD"}, {}], "of a spec that went bad they are kept"


def test_a_look_at_everything_goes_through_the_folder_of_specs_once(line, node, monkeypatch):
    """For whether what is written is whole, and for whether there is anything to read."""
    real, gone_through = os.scandir, []

    def scandir(path):
        gone_through.append((line.now, os.fspath(path)))
        return real(path)

    node.write("web")
    line.at(299, lambda: monkeypatch.setattr(os, "scandir", scandir))
    line.run(610)
    assert gone_through == [(at, str(node.specs)) for at in (300.0, 600.0)]


def test_what_is_edited_while_it_is_read_is_read_once_more(tmp_path):
    def load(paths):
        loads.append((tmp_path / "web.yaml").read_text())
        if len(loads) == 1:
            (tmp_path / "web.yaml").write_text("a: 22\n")
        return Loaded()

    loads, specs = [], Specs([str(tmp_path)], load)
    (tmp_path / "web.yaml").write_text("a: 1\n")
    while specs.edited:
        specs.read(specs.look())
    assert loads == ["a: 1\n", "a: 22\n"]
