"""osvc exec and enter, where no container runs: which is meant, and what is to be done."""

import shutil
import tempfile
from pathlib import Path

import pytest

from reconciler.cli.parser import parse
from reconciler.cli.verb import verb_called
from tests.cli.osvc import Place

SPEC = """\
docker_data_dir: {root}/d
resources:
  container#db: {{type: docker, image: osvc/none:1}}
  container#web: {{type: docker, image: osvc/none:1}}
"""


@pytest.fixture
def place():
    """One whose path is short enough for a socket."""
    root = Path(tempfile.mkdtemp(prefix="o-", dir="/tmp"))
    place = Place(root)
    place.spec("web.yaml", SPEC.format(root=root))
    place.spec("fs.yaml", f"resources:\n  fs#1: {{type: tmpfs, dev: tmpfs, mnt: {root}/m}}\n")
    docker = root / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\nexit 99\n")
    docker.chmod(0o755)
    yield place
    shutil.rmtree(root)


def test_options_stand_before_the_command_and_what_is_behind_it_is_passed_on():
    found = parse(verb_called("exec"), ["web", "--rid", "container#db", "ls", "-l", "--", "--rid", "x"])
    assert (found.service, found.rid, found.command, found.args) == ("web", "container#db", "ls", ["-l", "--", "--rid", "x"])
    found = parse(verb_called("exec"), ["--rid", "container#db", "web", "--", "-x", "-l"])
    assert (found.rid, found.command, found.args) == ("container#db", "-x", ["-l"])


@pytest.mark.parametrize("verb", [["exec", "web", "ls"], ["enter", "web"]])
def test_of_several_one_has_to_be_named(place, verb):
    ended = place.osvc(*verb)
    assert (ended.code, ended.out) == (64, "")
    assert "web has 2 containers, and one is needed: container#db, container#web" in ended.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["exec", "web", "--rid", "container#bd", "ls"], 64, "no container 'container#bd'; did you mean 'container#db'?"),
        (["enter", "web", "fs#1"], 64, "no container 'fs#1'"),
        (["enter", "fs"], 64, "fs has no container"),
        (["exec", "web"], 64, "required: CMD"),
        (["enter", "wbe"], 64, "did you mean 'web'?"),
        (["exec", "web", "--rid", "container#db", "ls"], 1, "cannot reach container#db of web: no engine answers on "),
    ],
)
def test_what_cannot_be_reached(place, words, code, says):
    ended = place.osvc(*words, PATH=f"{place.root}/bin:{place.env['PATH']}")
    assert (ended.code, ended.out) == (code, "") and says in ended.err
    assert code == 64 or "→ osvc start web" in ended.err


def test_logs_of_what_is_not_there(place):
    ended = place.osvc("logs", "web")
    assert (ended.code, ended.out) == (7, "") and ended.err.startswith("error: web: no engine answers on ")
    assert "fs has no container" in place.osvc("logs", "fs").err
    assert "web has no container 'container#x'" in place.osvc("logs", "web", "--rid", "container#x").err
    for wrong in (["--since", "yesterday"], ["--since", "12:99"], ["-n", "-1"], ["-n", "x"]):
        assert place.osvc("logs", "web", *wrong).code == 64
