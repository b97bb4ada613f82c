"""Scopes: which spelling of a keyword holds on which node."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.node import Node
from reconciler.spec.load import load_text

SETS = "nodes: deb1.opensvc.com deb2\ndrpnodes: drp1 deb2\nencapnodes: in1 drp1\n"


def read(text, node, format="yaml"):
    loaded = load_text(text, format, "web", f"web.{format}", Node(name=node))
    assert [str(error) for error in loaded.errors] == []
    return loaded.services[0]


def mnt(keys, node):
    """Where fs#1 is mounted on a node, of these keys, each of which says itself."""
    lines = "".join(f"    {key}: /{key.replace('@', '/')}\n" for key in keys)
    service = read(f"{SETS}resources:\n  fs#1:\n    dev: tmpfs\n    type: tmpfs\n{lines}", node)
    return service.resources["fs#1"].desired.mnt


@pytest.mark.parametrize(
    ("node", "order"),
    [
        ("deb1", ["mnt@deb1", "mnt@nodes", "mnt"]),
        ("deb1.opensvc.com", ["mnt@deb1", "mnt@nodes", "mnt"]),
        ("deb2", ["mnt@deb2", "mnt@nodes", "mnt@drpnodes", "mnt"]),
        ("drp1", ["mnt@drp1", "mnt@drpnodes", "mnt@encapnodes", "mnt"]),
    ],
)
def test_the_most_specific_goes_first(node, order):
    for size in range(1, len(order) + 1):
        for keys in combinations(order, size):
            others = [key for key in ("mnt@deb1", "mnt@deb2", "mnt@drp1", "mnt@in1") if key not in order]
            for written in ([*keys, *others], [*others, *reversed(keys)]):
                assert mnt(written, node) == "/" + keys[0].replace("@", "/")


def test_both_formats_keep_the_place_and_the_spelling():
    ini = read("[DEFAULT]\nnodes = a b\n[fs#1]\ndev = tmpfs\ntype = tmpfs\nmnt = /x\nmnt@a = /y\n", "a", "ini")
    yaml = read("nodes: a b\nresources:\n  fs#1:\n    dev: tmpfs\n    type: tmpfs\n    mnt: /x\n    mnt@a: /y\n", "a")
    assert ini.resources["fs#1"].desired == yaml.resources["fs#1"].desired
    assert str(ini.resources["fs#1"].fields["mnt"]) == "web.ini:7:1"
    assert str(yaml.resources["fs#1"].fields["mnt"]) == "web.yaml:7:5"


@pytest.mark.parametrize(("node", "image"), [("a", "two:1"), ("b", "three:1"), ("c", "one:1")])
def test_older_spellings_count_in_each_rank(node, image):
    text = """\
nodes: [a, b, c]
resources:
  container#1:
    image: one:1
    run_image@a: two:1
    image@b: three:1
    image@drpnodes: four:1
drpnodes: d
"""
    desired = read(text, node).resources["container#1"].desired
    assert desired.image == image
    assert desired.tty is (node == "a"), "what an older spelling implies holds where it does"


def test_a_section_goes_before_what_it_inherits():
    text = """\
nodes: a b
registry_creds@a: /from/service/config.json
resources:
  container#1: {image: x:1, registry_creds: /from/section/config.json}
  container#2: {image: x:1}
  container#3: {image: x:1, registry_creds@b: /from/section/config.json}
"""
    found = {node: [read(text, node).resources[f"container#{n}"].desired.registry_creds for n in (1, 2, 3)] for node in ("a", "b")}
    assert found == {
        "a": ["/from/section/config.json", "/from/service/config.json", "/from/service/config.json"],
        "b": ["/from/section/config.json", "", "/from/section/config.json"],
    }


def test_variables_subsets_and_the_services_own_keywords_have_scopes():
    text = """\
nodes: a b
env: DEV
env@b: PRD
rollback@a: no
docker_data_dir@b: /srv/data
resources:
  container#1: {image: "x:{env.TAG}", subset@b: front, subset: back}
subsets:
  container:front: {parallel@b: true}
  container:back: {comment: b}
variables:
  TAG: 1
  TAG@b: 2
"""
    text = text.replace(
        "  container:front: {parallel@b: true}\n  container:back: {comment: b}\n", "  container:%s: {parallel@b: true}\n"
    )
    one, other = read(text % "back", "a"), read(text % "front", "b")
    assert (one.env, one.rollback, one.resources["container#1"].desired.image) == ("DEV", False, "x:1")
    assert (other.env, other.rollback, other.resources["container#1"].desired.image) == ("PRD", True, "x:2")
    assert (one.parallel, other.parallel) == (frozenset(), frozenset({"container:front"}))
    assert (one.resources["dockerd"].desired.private, other.resources["dockerd"].desired.private) == (False, True)


def test_without_nodes_a_service_is_for_whoever_reads_it():
    assert read("resources:\n  fs#1: {dev: tmpfs, type: tmpfs, mnt: /a, mnt@here: /b, mnt@nodes: /c}\n", "here").here
    (error,) = load_text("app@other: a\nresources: {}\n", "yaml", "web", "web.yaml", Node(name="here")).errors
    assert error.message.startswith(
        "'other' in 'app@other' is no node set and none of the service's nodes (here); write one of nodes"
    )


def test_elsewhere_a_service_is_read_as_its_first_node_would_and_has_no_resources():
    text = "nodes: a b\nresources:\n  container#1: {image@a: 'x:1', env_file: /nowhere/at/all}\n"
    assert load_text(text, "yaml", "web", "web.yaml", Node(name="a")).errors != ()
    service = read(text, "c")
    assert (service.here, dict(service.resources), service.goal.reason) == (False, {}, "not for this node: nodes = a b")


def test_services_of_different_nodes_may_claim_the_same(tmp_path):
    from reconciler.spec.load import load

    for name, node in (("one", "a"), ("two", "b")):
        (tmp_path / f"{name}.yaml").write_text(f"nodes: {node}\nresources:\n  fs#1: {{dev: tmpfs, type: tmpfs, mnt: /srv/x}}\n")
    assert load([str(tmp_path)], Node(name="a")).errors == ()
    (tmp_path / "two.yaml").write_text("nodes: a\nresources:\n  fs#1: {dev: tmpfs, type: tmpfs, mnt: /srv/x}\n")
    (error,) = load([str(tmp_path)], Node(name="a")).errors
    assert "both claim" in error.message


def test_a_short_name_that_may_be_two_nodes():
    text = "nodes: deb1.one.org deb1.two.org\nresources: {}\n"
    (error,) = load_text(text, "yaml", "web", "web.yaml", Node(name="deb1")).errors
    assert str(error) == (
        "web.yaml:1:8: this node is called 'deb1', which may be deb1.one.org or deb1.two.org;"
        " write its whole name in osvc.yaml (node: …)"
    )
    assert read(text, "deb1.two.org").here


KEYS = ["mnt", "mnt@a", "mnt@b", "mnt@nodes", "mnt@drpnodes", "mnt@d", "mnt@encapnodes"]


@given(st.permutations(KEYS), st.sampled_from("abd"))
def test_the_order_in_a_file_is_of_no_account(keys, node):
    def of(keys):
        lines = "".join(f"    {key}: /{key.replace('@', '/')}\n" for key in keys)
        head = "nodes: a b\ndrpnodes: d\nencapnodes: e\n"
        return read(f"{head}resources:\n  fs#1:\n    dev: tmpfs\n    type: tmpfs\n{lines}", node).resources["fs#1"].desired

    assert of(keys) == of(KEYS)
