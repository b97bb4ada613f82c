"""osvc graph: the resources of a service and what ties them, as its spec tells it. The machine is not looked at."""

from __future__ import annotations

import argparse
import sys

from reconciler.cli.display import paint_for, say
from reconciler.cli.exits import Exit
from reconciler.cli.named import the_target
from reconciler.cli.terminal import width_of
from reconciler.cli.verb import Usage
from reconciler.core.graph import graph_of
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.report.graph_text import dot_text, graph_text, mermaid_text
from reconciler.report.texts import fitted
from reconciler.resources.registry import kind_of


def run(options: argparse.Namespace) -> Exit:
    """The graph of the service, in the form that was asked for. Raises Usage for one that has no resources here."""
    config = read_config()
    with Session.open(config, write=False) as session:
        target = the_target(session, config, options.service, options.path)
    service = target.service
    if service is None or not service.here:
        raise Usage(f"{target.name} has no resources here: {service.goal.reason if service else 'its spec is gone'}")
    nodes = graph_of(service, kind_of)
    match options.format:
        case "dot":
            say(dot_text(service.name, nodes))
        case "mermaid":
            say(mermaid_text(nodes))
        case "svg":
            from reconciler.report.graph_svg import graph_svg

            say(graph_svg(service.name, nodes))
        case _:
            say(fitted(graph_text(service.name, nodes, paint=paint_for(options, sys.stdout)), width_of(sys.stdout)))
    return Exit.OK
