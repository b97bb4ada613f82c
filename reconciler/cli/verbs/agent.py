"""osvc agent: keep it so, as the one agent of this node."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from reconciler.agent.agent import Agent
from reconciler.agent.claim import claim
from reconciler.agent.desk import Desk
from reconciler.cli.exits import Exit
from reconciler.cli.keeping import keep
from reconciler.cli.request import local_now, operator
from reconciler.engine.config import read_config


def run(options: argparse.Namespace) -> Exit:
    """As watch. Raises Locked where the node has an agent."""
    run_dir = read_config().run_dir
    with claim(run_dir, by=operator(), at=local_now()):
        return keep(options, partial(Agent, parts=[Desk(run_dir, _CLERK)]))


_CLERK = (sys.executable, "-P", "-m", "reconciler.cli.clerk")
