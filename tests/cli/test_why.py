"""osvc why, where nothing was applied yet: the engine is not there, and what is behind it cannot be seen."""

import json
import shutil
import tempfile
from pathlib import Path

import jsonschema
import pytest

from reconciler.report.schemas import why_schema
from tests.cli.osvc import Place

SPEC = """\
docker_data_dir: {root}/m/d
resources:
  fs#1: {{type: tmpfs, dev: tmpfs, mnt: {root}/m}}
  volume#data: {{}}
  container#1:
    type: docker
    image: osvc/none:1
    environment: {{DB_PASSWORD: hunter2}}
    ports: 127.0.0.1:8080:80
    volume_mounts: ["volume#data:/d", "/etc:/e"]
"""


@pytest.fixture
def place():
    """One whose path is short enough for a socket."""
    root = Path(tempfile.mkdtemp(prefix="o-", dir="/tmp"))
    yield Place(root)
    shutil.rmtree(root)


@pytest.fixture
def web(place):
    return place.spec("web.yaml", SPEC.format(root=place.root))


def rows(text):
    """The first word or two of each row -> what stands behind it, for rows that do not go on."""
    return {line[2:13].strip(): line[14:] for line in text.splitlines()[1:] if line[2:13].strip()}


def test_a_container_whose_engine_is_not_there(place, web):
    ended = place.osvc("why", "container#1", "web")
    assert (ended.code, ended.err) == (0, "")
    told = rows(ended.out)
    assert ended.out.startswith("web container#1  down  osvc/none:1\n")
    assert told["not seen"].startswith("no engine answers on ") and told["not seen"].endswith(
        "expected: new engine, no data root yet"
    )
    assert told["to do"] == f"create: new ({web}:5) → osvc apply -s web"
    assert told["spec"] == f"{web}:5"
    assert told["owned"] == "not by osvc"
    assert told["needs"].startswith("dockerd, for engine ") and told["needs"].endswith("; goes down with it")
    assert "path /etc: the machine's own\n" in ended.out
    assert "volume#data, for volume web.volume.data; comes after it\n" in ended.out
    assert "port 127.0.0.1:8080/tcp\n" in ended.out
    assert told["held by"] == "nothing"
    assert told["changed"] == "never, as far as the journal reaches"
    assert "hunter2" not in ended.out


def test_who_holds_and_which_data_root(place, web):
    told = rows(place.osvc("why", "fs#1").out)
    assert told["held by"] == "dockerd, which goes down with it"
    assert told["holds"] == told["provides"] == f"mount point {place.root}/m"
    told = rows(place.osvc("why", "dockerd").out)
    assert told["holds"] == f"data root {place.root}/m/d"
    assert told["needs"] == f"fs#1, for path {place.root}/m/d; goes down with it"


def test_a_disabled_resource_provides_nothing(place, web):
    place.spec("web.yaml", SPEC.format(root=place.root).replace("fs#1: {", "fs#1: {disable: true, "))
    assert rows(place.osvc("why", "dockerd").out)["needs"] == f"path {place.root}/m/d: the machine's own"
    assert rows(place.osvc("why", "fs#1").out)["held by"] == "nothing"


def test_a_type_or_a_pattern_means_several_and_services_choose(place, web):
    place.spec("db.yaml", f"resources:\n  fs#1: {{type: tmpfs, dev: tmpfs, mnt: {place.root}/db}}\n")
    both = place.osvc("why", "fs").out
    assert [line for line in both.splitlines() if " fs#1  " in line and not line.startswith(" ")] == [
        "db fs#1  down  tmpfs tmpfs@" + f"{place.root}/db",
        "web fs#1  down  tmpfs tmpfs@" + f"{place.root}/m",
    ]
    assert place.osvc("why", "fs", "d*").out in both
    assert place.osvc("why", "container*", "db").code == 64


def test_as_json_fits_its_schema(place, web):
    ended = place.osvc("why", "*", "--json")
    document = json.loads(ended.out)
    jsonschema.validate(document, why_schema())
    found = {one["change"]["rid"]: one for one in document["resources"]}
    assert set(found) == {"container#1", "dockerd", "fs#1", "volume#data"}
    assert found["container#1"]["change"]["origin"]["line"] == 5
    assert {need["by"] for need in found["container#1"]["needs"]} == {"", "dockerd", "volume#data"}
    assert found["dockerd"]["holders"] == [{"rid": "container#1", "bond": "hold"}, {"rid": "volume#data", "bond": "order"}]
    assert "hunter2" not in ended.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["container#2"],
            "no resource 'container#2'; did you mean 'container#1'?; web has container#1, dockerd, fs#1, volume#data",
        ),
        (["web", "container#1"], "no service 'container#1'"),
        (["web"], "web is a service; a resource comes first: osvc why container#1 web"),
        (["fs#1", "wbe"], "no service 'wbe'; did you mean 'web'?"),
    ],
)
def test_what_is_not_there(place, web, words, says):
    before = place.files()
    ended = place.osvc("why", *words)
    assert (ended.code, ended.out) == (64, "") and says in ended.err
    document = json.loads(place.osvc("why", "--json", *words).out)
    jsonschema.validate(document, why_schema())
    assert document["exit"] == 64 and says in document["errors"][0]["message"]
    assert place.files() == before


def test_an_invalid_spec_beside_it_is_told_and_hinders_only_whoever_asks_for_all(place, web):
    place.spec("bad.yaml", "resources:\n  fs#1: {type: tmpfs, mnt: relative}\n")
    named = place.osvc("why", "fs#1", "web")
    assert named.code == 0 and named.out.startswith("web fs#1 ") and "bad.yaml:2:" in named.err
    every = place.osvc("why", "fs#1")
    assert every.code == 6 and every.out == named.out
    for words, more in ((["fs#1", "bad"], ""), (["fs#7"], ""), (["fs#1", "nobody"], "no spec that could be read is of a service")):
        ended = place.osvc("why", *words)
        assert (ended.code, ended.out) == (6, "") and ended.err.startswith(every.err) and more in ended.err
