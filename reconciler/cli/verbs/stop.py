"""osvc stop: want services down, and bring them down. With --rid or --tags only those resources, and the goal stays as it is."""

from __future__ import annotations

import argparse

from reconciler.cli.exits import Exit
from reconciler.cli.goals import pursue
from reconciler.core.policy import Aim


def run(options: argparse.Namespace) -> Exit:
    """Stop the named services. They stay down, also after a reboot, until they are started."""
    return pursue(Aim.DOWN, options)
