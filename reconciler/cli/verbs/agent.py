"""osvc agent: keep it so, as the one agent of this node."""

from __future__ import annotations

import argparse

from reconciler.agent.agent import Agent
from reconciler.agent.claim import claim
from reconciler.cli.exits import Exit
from reconciler.cli.keeping import keep
from reconciler.cli.request import local_now, operator
from reconciler.engine.config import read_config


def run(options: argparse.Namespace) -> Exit:
    """As watch. Raises Locked where the node has an agent."""
    with claim(read_config().run_dir, by=operator(), at=local_now()):
        return keep(options, Agent)
