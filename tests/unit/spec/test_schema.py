"""The published schema: up to date, takes the examples, refuses what it can see."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.cli.verbs.schema import text_of
from reconciler.core.node import Node
from reconciler.core.rules import keywords_of
from reconciler.resources.registry import SECTIONS, TYPES, kind_of
from reconciler.spec.load import load_text
from reconciler.spec.schema import service_schema

ROOT = Path(__file__).parents[3]
BAD = ROOT / "tests" / "specs_bad"
MARK = "# the schema sees it"
SEEN = sorted(path.name for path in BAD.glob("*.yaml") if MARK.encode() in path.read_bytes())
VALIDATOR = Draft202012Validator(service_schema())
GOOD = """\
name: web
service_type: PRD
app: shop
rollback: false
docker_data_dir: /srv/data
docker_daemon_args: [--debug]
resources:
  fs#1: {dev: /srv/a, mnt: /srv/b, type: none, mnt_opt: bind}
  fs#2: {dev: tmpfs, mnt: /srv/c, type: tmpfs, mnt_opts: [size=1m, mode=700]}
  container#web:
    type: docker
    image: busybox
    command: [sleep, 1000]
    environment: {A: 1, B: true, C: d}
    ports: ["8080:80"]
    memory: 64m
    cpus: 0.5
    privileged: no
    start_timeout: 5
    subset: front
  container#2: {run_image: "busybox:latest", run_args: "-v /srv/c:/c"}
subsets:
  container.docker:front: {parallel: true}
variables: {A: 1}
"""


def wrong(text):
    return [error.message for document in yaml.safe_load_all(text) for error in VALIDATOR.iter_errors(document)]


def test_it_is_a_schema():
    Draft202012Validator.check_schema(service_schema())


def test_the_committed_file_is_the_generated_one():
    assert (ROOT / "schemas" / "service.schema.json").read_text() == text_of(service_schema()), "run `make schemas`"


def test_it_takes_what_loads():
    assert load_text(GOOD, "yaml", "web", "web.yaml", Node()).errors == ()
    assert wrong(GOOD) == []


def test_it_takes_the_examples():
    for path in [*ROOT.glob("services.d/*.yaml"), *ROOT.glob("services.d/*.yml")]:
        assert wrong(path.read_text()) == [], path.name


SCOPED = """\
nodes: [here, deb2]
drpnodes: drp1 drp2
autostart_node: here
app@deb2: shop
resources:
  fs#1: {dev@nodes: /srv/a, dev@drp1: /srv/c, mnt: /srv/b, type: bind, mnt_opts@deb2: ro}
  container#1: {image@here: "busybox:1", run_image@deb2: "busybox:2", subset: a}
subsets:
  container:a: {parallel@here: true}
variables: {A: 1, A@deb2: 2}
"""


def test_it_takes_scopes():
    assert load_text(SCOPED, "yaml", "web", "web.yaml", Node("here")).errors == ()
    assert wrong(SCOPED) == []


@pytest.mark.parametrize(
    ("right", "bad"),
    [
        ("app@deb2", "appp@deb2"),
        ("app@deb2", "name@deb2"),
        ("mnt_opts@deb2", "mnt_opt@"),
        ("mnt: ", "mn@here: "),
        ("dev@nodes: /srv/a, dev@drp1: /srv/c, ", ""),
        ('image@here: "busybox:1", run_image@deb2', "image: x, run_image"),
        ("parallel@here", "paralel@here"),
        ("subset: a", "type@here: docker"),
    ],
)
def test_it_refuses_scopes_of_what_is_none(right, bad):
    assert right in SCOPED and wrong(SCOPED.replace(right, bad))


@pytest.mark.parametrize("name", SEEN)
def test_it_refuses_bad_specs(name):
    def text(loader, suffix, node):
        return None

    class Lenient(yaml.SafeLoader):
        """Reads foreign tags as nothing."""

    Lenient.add_multi_constructor("tag:yaml.org,2002:python/", text)
    documents = list(yaml.load_all((BAD / name).read_text(), Lenient))
    assert any(not VALIDATOR.is_valid(document) for document in documents)


def test_every_keyword_is_there_with_its_words():
    schema = service_schema()
    sections = {
        pattern.partition("#")[0].lstrip("^"): one
        for pattern, one in schema["properties"]["resources"]["patternProperties"].items()
    }

    def forms(section):
        yield section
        for part in ("then", "else"):
            yield from forms(section[part]) if part in section else ()

    for type_name in TYPES:
        groups = [type_name, *(group for group, words in SECTIONS.items() if type_name in words.values())]
        mine = [form.get("properties", {}) for group in groups if group in sections for form in forms(sections[group])]
        for name, keyword in keywords_of(kind_of(type_name).desired).items():
            for spelling in (name, *keyword.aliases):
                places = [schema["properties"].get(spelling), *(form.get(spelling) for form in mine)]
                there = [place for place in places if place]
                shared = any(group in SECTIONS for group in groups)
                assert bool(there) != keyword.internal or (shared and keyword.internal), (type_name, spelling)
                assert all(place["description"] for place in there)
