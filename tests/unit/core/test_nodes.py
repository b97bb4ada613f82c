"""Nodes: when two names mean one machine, which sets hold it, and what is wanted of a service there."""

import pytest

from reconciler.core.nodes import Nodes, misplaced, same_node
from reconciler.core.policy import Aim


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("deb1", "deb1", True),
        ("deb1", "DEB1.opensvc.com", True),
        ("deb1.opensvc.com", "deb1", True),
        ("deb1.opensvc.com", "deb1.opensvc.com", True),
        ("deb1.opensvc.com", "deb1.example.com", False),
        ("deb1", "deb10", False),
        ("deb1", "deb10.opensvc.com", False),
    ],
)
def test_names(one, other, same):
    assert same_node(one, other) is same_node(other, one) is same


NODES = Nodes(("deb1.opensvc.com", "deb2"), ("drp1",), ("in1",))


def test_sets_come_the_most_specific_first():
    assert NODES.sets_of("deb1") == ("nodes",)
    assert Nodes(("a",), ("a",), ("a",)).sets_of("a") == ("nodes", "drpnodes", "encapnodes")
    assert NODES.sets_of("other") == ()


@pytest.mark.parametrize(
    ("node", "autostart", "aim", "reason"),
    [
        ("deb1", (), Aim.UP, ""),
        ("deb2.opensvc.com", (), Aim.UP, ""),
        ("deb1", ("deb1.opensvc.com",), Aim.UP, ""),
        ("deb2", ("deb1", "drp1"), Aim.NONE, "here it is started by hand: autostart_node = deb1 drp1"),
        ("drp1", ("deb1", "drp1"), Aim.UP, ""),
        ("drp1", (), Aim.NONE, "here it is started by hand: drpnodes = drp1"),
        ("in1", (), Aim.NONE, "not for this node: nodes = deb1.opensvc.com deb2, drpnodes = drp1"),
        ("deb3", (), Aim.NONE, "not for this node: nodes = deb1.opensvc.com deb2, drpnodes = drp1"),
    ],
)
def test_what_is_wanted(node, autostart, aim, reason):
    goal = Nodes(NODES.nodes, NODES.drpnodes, NODES.encapnodes, autostart).goal(node)
    assert (goal.aim, goal.reason) == (aim, reason)


@pytest.mark.parametrize(
    ("env", "node_env", "may"), [("DEV", "PRD", False), ("PRD", "PRD", True), ("PRD", "DEV", True), ("DEV", "", True)]
)
def test_a_node_for_production_is_for_nothing_else(env, node_env, may):
    assert (misplaced(env, node_env) == "") is may
