"""graph_text: the graph of a service as text, for Graphviz (DOT) and for Mermaid. Pure."""

from collections.abc import Iterator, Sequence

from reconciler.core.facts import Bond, Kind
from reconciler.core.graph import Node, Tie
from reconciler.report.paint import PLAIN, Paint
from reconciler.report.texts import many, plain
from reconciler.report.why_text import WITH_IT, fact_words


def graph_text(service: str, nodes: Sequence[Node], *, paint: Paint = PLAIN) -> str:
    """The resources in the order in which they come up, with what each needs and holds; ends in a newline."""
    lines = [f"{paint('strong', service)}: {many(len(nodes), 'resource')}" + (", as they come up" if len(nodes) > 1 else ""), ""]
    width = max((len(node.rid) for node in nodes), default=0)
    for node in nodes:
        lines.append(f"  {paint('head', f'{node.rid:<{width}}')}  {plain(node.label)}{paint('faint', _subset(node))}".rstrip())
        lines += [f"  {'':<{width}}  {line}" for line in _lines(node)]
    return "".join(f"{line}\n" for line in lines)


def dot_text(service: str, nodes: Sequence[Node]) -> str:
    """For Graphviz. Whoever goes down with what it needs has a solid arrow to it; whoever only comes after it, a dashed one."""
    lines = [f"digraph {_dot(service)} {{", '  node [shape=box, style=rounded, fontname="sans-serif"];']
    lines.append('  edge [fontname="sans-serif", fontsize=10];')
    for node in nodes:
        idle = ", style=dotted" if node.idle else ""
        lines.append(f"  {_dot(node.rid)} [label={_dot(*words(node))}{idle}];")
    for node in nodes:
        for tie in node.ties:
            dashed = "" if tie.bond is Bond.HOLD else ", style=dashed"
            lines.append(f"  {_dot(node.rid)} -> {_dot(tie.rid)} [label={_dot(*_facts(tie))}{dashed}];")
    return "".join(f"{line}\n" for line in (*lines, "}"))


def mermaid_text(nodes: Sequence[Node]) -> str:
    """For Mermaid; the arrows are as in DOT."""
    names = {node.rid: f"n{number}" for number, node in enumerate(nodes, 1)}
    lines = ["flowchart TD", *(f"  {names[node.rid]}[{_mermaid(*words(node))}]" for node in nodes)]
    for node in nodes:
        for tie in node.ties:
            arrow = "-->" if tie.bond is Bond.HOLD else "-.->"
            label = f"|{_mermaid(*_facts(tie))}|" if _facts(tie) else ""
            lines.append(f"  {names[node.rid]} {arrow}{label} {names[tie.rid]}")
    return "".join(f"{line}\n" for line in lines)


def words(node: Node) -> tuple[str, ...]:
    """What stands in a resource's box: its rid, what it is, what it holds for itself alone."""
    return (node.rid, *filter(None, (plain(node.label),)), *(plain(claim.label) for claim in node.claims))


def _subset(node: Node) -> str:
    said = [*([f"subset {node.subset}"] if node.subset else ()), *(["left alone"] if node.idle else ())]
    return f"  ({', '.join(said)})" if said else ""


def _lines(node: Node) -> Iterator[str]:
    for tie in node.ties:
        facts = f", for {', '.join(_facts(tie))}" if _facts(tie) else ""
        yield f"needs {tie.rid}{facts}; {WITH_IT[tie.bond]}"
    for claim in node.claims:
        yield f"holds {plain(claim.label)}"


def _facts(tie: Tie) -> list[str]:
    """What it is needed for; that an engine is needed for its engine goes without saying."""
    return [plain(fact_words(fact)) for fact in tie.facts if fact.kind is not Kind.ENGINE]


def _dot(*lines: str) -> str:
    """A quoted string of DOT."""
    return '"' + "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'


def _mermaid(*lines: str) -> str:
    """A quoted text of Mermaid, in which every sign that may mean something is written by its number."""
    safe = "".join(
        "<br/>" if sign == "\n" else sign if sign.isalnum() or sign in " -_./:=,@" else f"#{ord(sign)};"
        for sign in "\n".join(lines)
    )
    return f'"{safe}"'
