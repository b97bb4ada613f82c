"""osvc diff, where nothing was applied yet."""

import json

import jsonschema
import pytest

from reconciler.report.schemas import diff_schema

SPEC = "resources:\n  fs#1: {type: tmpfs, dev: tmpfs, mnt: %s, mnt_opt: [size=1m]}\n"


@pytest.fixture
def web(place):
    return place.spec("web.yaml", SPEC % (place.root / "m"))


def test_what_is_not_there_is_told_by_its_keywords(place, web):
    before = place.files()
    ended = place.osvc("diff")
    assert (ended.code, ended.err) == (2, "")
    assert ended.out == (
        "--- web on this machine\n"
        f"+++ {web}\n"
        f"@@ fs#1  {web}:2 @@\n"
        "+dev: tmpfs\n"
        f"+mnt: {place.root}/m\n"
        "+type: tmpfs\n"
        "+mnt_opt: size=1m\n"
        "-state: absent\n"
        "+state: up\n"
    )
    assert place.osvc("diff", str(place.specs)).out == ended.out
    assert place.files() == before


def test_as_json_fits_its_schema(place, web):
    ended = place.osvc("diff", "--json")
    document = json.loads(ended.out)
    jsonschema.validate(document, diff_schema())
    assert (ended.code, document["exit"]) == (2, 2)
    (service,) = document["services"]
    (fs,) = service["resources"]
    assert (fs["rid"], fs["before"], fs["after"], fs["origin"]["line"]) == ("fs#1", "absent", "up", 2)
    assert {field["path"]: field["after"] for field in fs["fields"]}["mnt"] == str(place.root / "m")


def test_services_and_resources_are_chosen(place, web):
    place.spec("db.yaml", SPEC % (place.root / "d"))
    assert place.osvc("diff", "-s", "db").out.startswith("--- db on this machine\n")
    assert place.osvc("diff").out.count("--- ") == 2
    assert place.osvc("diff", "--rid", "fs#2").code == 64
    assert "no service 'nobody'" in place.osvc("diff", "-s", "nobody").err


def test_an_empty_service_does_not_differ(place):
    place.spec("web.yaml", "comment: nothing yet\n")
    ended = place.osvc("diff")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_an_invalid_spec_is_no_difference(place, web):
    place.spec("bad.yaml", "resources:\n  fs#1: {type: tmpfs, mnt: relative}\n")
    ended = place.osvc("diff")
    assert (ended.code, ended.out) == (6, "") and "bad.yaml:2:" in ended.err
    document = json.loads(place.osvc("diff", "--json").out)
    jsonschema.validate(document, diff_schema())
    assert document["exit"] == 6 and document["errors"]
    assert place.osvc("diff", "-s", "web").code == 2
