"""The graph of a service: its ties are those that the planner works with, and every form of it shows them all."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

from reconciler.core.facts import Bond
from reconciler.core.graph import Node, Tie, graph_of
from reconciler.core.node import Node as Place
from reconciler.core.order import Cycle
from reconciler.core.service import Service
from reconciler.core.why import ties_of
from reconciler.report.graph_svg import graph_svg
from reconciler.report.graph_text import dot_text, graph_text, mermaid_text
from reconciler.report.paint import Paint
from reconciler.resources.registry import kind_of
from reconciler.spec.load import load
from tests.plans.golden import service_of
from tests.texts import same_as_kept

GOOD = sorted((Path(__file__).parents[2] / "specs_good").glob("*.*"))
WEB = """\
docker_data_dir: /srv/web/engine
resources:
  container#web:
    type: docker
    subset: 2-web
    image: osvc/demo:1
    network: network#lan
    volume_mounts: ["volume#data:/data", "/srv/web/www:/www", "/etc:/e"]
    ports: 127.0.0.1:8080:80
  container#db: {type: docker, subset: 1-database, image: osvc/demo:1, network: none}
  fs#1: {type: ext4, dev: /dev/shop/root, mnt: /srv/web}
  vg#1: {name: shop}
  network#lan: {subnet: 10.30.1.0/24}
  volume#data: {}
  app#off: {type: simple, start: /srv/web/bin/relay, disable: true}
"""


@pytest.fixture
def web() -> Service:
    found = service_of(yaml.safe_load(WEB))
    assert found is not None
    return found


def services() -> list[Service]:
    loaded = load([str(path) for path in GOOD], Place("deb1"))
    return [one for one in loaded.services if one.resources]


def test_as_text_dot_mermaid_and_a_drawing(web: Service) -> None:
    nodes = graph_of(web, kind_of)
    same_as_kept("graph.txt", graph_text("web", nodes))
    same_as_kept("graph.dot", dot_text("web", nodes))
    same_as_kept("graph.mmd", mermaid_text(nodes))
    same_as_kept("graph.svg", graph_svg("web", nodes))
    assert re.sub(r"\x1b\[\d+m", "", graph_text("web", nodes, paint=Paint(True))) == graph_text("web", nodes)


@pytest.mark.parametrize("service", services(), ids=lambda one: one.name)
def test_ties_are_those_that_why_tells(service: Service) -> None:
    off = {rid for rid, one in service.resources.items() if one.common.disable}
    ties = ties_of({rid: (kind_of(one.type), one.desired) for rid, one in service.resources.items()})
    nodes = graph_of(service, kind_of)
    assert {node.rid for node in nodes} == set(service.resources)
    if off:
        return
    for node in nodes:
        held = {other: tie.holders[node.rid] for other, tie in ties.items() if node.rid in tie.holders}
        assert {tie.rid: tie.bond for tie in node.ties} == held
        assert node.claims == ties[node.rid].claims


@pytest.mark.parametrize("service", services(), ids=lambda one: one.name)
def test_what_is_needed_comes_first_and_lies_deeper(service: Service) -> None:
    seen: dict[str, int] = {}
    for node in graph_of(service, kind_of):
        assert node.depth == max((seen[tie.rid] + 1 for tie in node.ties), default=0)
        seen[node.rid] = node.depth


@pytest.mark.parametrize("service", services(), ids=lambda one: one.name)
def test_every_form_names_every_resource_and_every_tie(service: Service) -> None:
    nodes = graph_of(service, kind_of)
    ties = sum(len(node.ties) for node in nodes)
    text, dot, mermaid = graph_text(service.name, nodes), dot_text(service.name, nodes), mermaid_text(nodes)
    assert text.count("\n") == 2 + len(nodes) + ties + sum(len(node.claims) for node in nodes)
    assert dot.count(" -> ") == mermaid.count("->") == ties
    drawing = ET.fromstring(graph_svg(service.name, nodes))
    assert len(drawing.findall("{*}path")) == ties
    assert {rid.text for rid in drawing.findall("{*}text[@class='rid']")} == {node.rid for node in nodes}


def boxes(drawing: ET.Element) -> list[tuple[float, float, float, float]]:
    found = drawing.findall("{*}rect")[1:]
    return [
        (float(one.get("x", 0)), float(one.get("y", 0)), float(one.get("width", 0)), float(one.get("height", 0))) for one in found
    ]


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_boxes_do_not_cover_each_other_and_arrows_pass_between_them(count: int) -> None:
    nodes = [
        Node(
            f"box#{n}",
            "a label that is quite long" if n % 3 else "short",
            "",
            tuple(Tie(f"box#{other}", Bond.HOLD if other % 2 else Bond.ORDER, ()) for other in range(n) if not (n * 7 + other) % 5),
            (),
            0,
        )
        for n in range(count)
    ]
    depth: dict[str, int] = {}
    for n, node in enumerate(nodes):
        depth[node.rid] = max((depth[tie.rid] + 1 for tie in node.ties), default=0)
        nodes[n] = node._replace(depth=depth[node.rid])
    drawing = ET.fromstring(graph_svg("many", nodes))
    width, height = float(drawing.get("width", 0)), float(drawing.get("height", 0))
    found = boxes(drawing)
    assert len(found) == count
    for n, (x, y, wide, high) in enumerate(found):
        assert x >= 0 and x + wide <= width and y >= 0 and y + high <= height
        for ox, oy, owide, ohigh in found[:n]:
            assert x + wide <= ox or ox + owide <= x or y + high <= oy or oy + ohigh <= y
    for arrow in drawing.findall("{*}path"):
        points = [tuple(map(float, pair.split(","))) for pair in re.findall(r"-?[\d.]+,-?[\d.]+", arrow.get("d", ""))]
        for x, y in points[3:-3]:
            assert not any(ox < x < ox + wide and oy < y < oy + high for ox, oy, wide, high in found)


def test_signs_that_mean_something_are_written_otherwise() -> None:
    nodes = [Node('a"b', "x\\y <z> | #1", "", (), (), 0)]
    assert 'label="a\\"b\\nx\\\\y <z> | #1"' in dot_text("w", nodes)
    assert "a#34;b<br/>x#92;y #60;z#62; #124; #35;1" in mermaid_text(nodes)
    assert "x\\y <z> | #1" in [text.text for text in ET.fromstring(graph_svg("w", nodes)).iter() if text.text]


def test_a_circle_is_told() -> None:
    spec = {
        "resources": {
            "fs#1": {"type": "bind", "dev": "/b/x", "mnt": "/a"},
            "fs#2": {"type": "bind", "dev": "/a/y", "mnt": "/b"},
        }
    }
    service = service_of(spec)
    assert service is not None
    with pytest.raises(Cycle, match="fs#1 → fs#2 → fs#1"):
        graph_of(service, kind_of)
