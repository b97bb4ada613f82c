"""The node sets of a service, read before anything else: they decide what every scope means."""

import re
from collections.abc import Callable, Mapping

from reconciler.core.nodes import Nodes, same_node
from reconciler.spec.document import Document, Entry, Items, Scalar, Value, sort_of
from reconciler.spec.error import meant

_NODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")


def read_nodes(document: Document, node: str, fail: Callable[[Value, str], None]) -> Nodes:
    """The nodes that a service names; without `nodes` it is for the node that it is read on."""
    entries = document.own.entries
    nodes, drpnodes, encapnodes, autostart = (
        _names(entries, key, fail) for key in ("nodes", "drpnodes", "encapnodes", "autostart_node")
    )
    for name in _names(entries, "drpnode", fail):
        if not any(same_node(name, one) for one in drpnodes):
            drpnodes = (name, *drpnodes)
    if "nodes" not in entries and not any(same_node(node, one) for one in (*drpnodes, *encapnodes)):
        nodes = (node,)
    found = Nodes(nodes, drpnodes, encapnodes, autostart)
    own = (*nodes, *drpnodes)
    for name in autostart:
        if not any(same_node(name, one) for one in own):
            message = f"autostart_node: '{name}' is none of its nodes ({' '.join(own)}){meant(name, own)}"
            fail(entries["autostart_node"].value, message)
    _check_name(document, found, node, fail)
    return found


def _check_name(document: Document, nodes: Nodes, node: str, fail: Callable[[Value, str], None]) -> None:
    """A short name of this node must not mean two nodes of the service."""
    several = nodes.named(node)
    if len(several) > 1 and "." not in node and node.lower() not in several:
        message = f"this node is called '{node}', which may be {' or '.join(several)}; write its whole name in osvc.yaml (node: …)"
        entry = next(
            document.own.entries[key] for key in ("nodes", "drpnodes", "drpnode", "encapnodes") if key in document.own.entries
        )
        fail(entry.value, message)


def _names(entries: Mapping[str, Entry], key: str, fail: Callable[[Value, str], None]) -> tuple[str, ...]:
    """The words of a list of nodes, each once. What is wrong is told and left out."""
    entry = entries.get(key)
    if entry is None or (isinstance(entry.value, Scalar) and entry.value.value is None):
        return ()
    value = entry.value
    if value == Items((), value.line, value.column) or (isinstance(value, Scalar) and not value.text.strip()):
        fail(value, f"{key}: there is no node here; name some, or leave it out")
    scalars = value.items if isinstance(value, Items) else (value,)
    names: list[str] = []
    for one in scalars:
        if not isinstance(one, Scalar) or one.value is None:
            fail(one, f"{key}: expected names of nodes, not {sort_of(one)}")
            continue
        for word in str(one.value).split():
            if "{" in word:
                fail(one, f"{key}: write the names themselves; what references mean depends on them")
            elif word == "*":
                fail(one, f"{key}: '*' names no node; without the keyword a service is for whatever node reads it")
            elif not _NODE.fullmatch(word):
                fail(
                    one,
                    f"{key}: '{word}' cannot name a node; write names such as deb1 or deb1.example.com, with blanks between them",
                )
            else:
                names.append(word)
    return tuple(dict.fromkeys(names))
