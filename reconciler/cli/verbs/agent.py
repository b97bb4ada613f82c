"""osvc agent: keep it so, as the one agent of this node."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from reconciler.agent.agent import Agent
from reconciler.agent.claim import claim
from reconciler.agent.desk import Desk
from reconciler.agent.part import Part
from reconciler.agent.showing import Showing
from reconciler.cli.exits import Exit
from reconciler.cli.keeping import keep
from reconciler.cli.request import local_now, operator
from reconciler.engine.config import read_config


def run(options: argparse.Namespace) -> Exit:
    """As watch. Raises Locked where the node has an agent."""
    config = read_config()
    with claim(config.run_dir, by=operator(), at=local_now()):
        parts: list[Part] = [Desk(config.run_dir, _CLERK), Showing(config.exposed)]
        return keep(options, partial(Agent, parts=parts))


_CLERK = (sys.executable, "-P", "-m", "reconciler.cli.clerk")
