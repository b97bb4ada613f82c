"""osvc graph: of a service that is known, or whose spec is named."""

import xml.etree.ElementTree as ET

import pytest

SPEC = "resources:\n  fs#1: {type: tmpfs, dev: tmpfs, mnt: /srv/a}\n  fs#2: {type: tmpfs, dev: tmpfs, mnt: /srv/a/b}\n"


@pytest.fixture
def web(place):
    return place.spec("web.yaml", SPEC)


def test_as_text(place, web):
    ended = place.osvc("graph", "web")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "web: 2 resources, as they come up\n"
        "\n"
        "  fs#1  tmpfs tmpfs@/srv/a\n"
        "        holds mount point /srv/a\n"
        "  fs#2  tmpfs tmpfs@/srv/a/b\n"
        "        needs fs#1, for path /srv/a; goes down with it\n"
        "        holds mount point /srv/a/b\n"
    )


def test_other_forms(place, web):
    assert place.osvc("graph", "web", "--format", "dot").out.startswith('digraph "web" {\n')
    assert place.osvc("graph", "web", "--format", "mermaid").out.startswith("flowchart TD\n")
    assert ET.fromstring(place.osvc("graph", "--format", "svg", "web").out).tag.endswith("svg")
    assert place.osvc("graph", "web", "--format", "png").code == 64


def test_of_a_spec_that_is_named(place, tmp_path):
    elsewhere = tmp_path / "other.yaml"
    elsewhere.write_text(SPEC)
    elsewhere.chmod(0o600)
    assert place.osvc("graph", "other", str(elsewhere)).out.startswith("other: 2 resources")


@pytest.mark.parametrize(("words", "says"), [(["wbe"], "no service 'wbe'; did you mean 'web'?"), (["*"], "names 2 services")])
def test_what_is_not_one_service(place, web, words, says):
    place.spec("db.yaml", SPEC.replace("/srv/a", "/srv/d"))
    ended = place.osvc("graph", *words)
    assert (ended.code, ended.out) == (64, "") and says in ended.err
