"""osvc stop, and stopip to stopapp: want services down, and bring them down. A part of them only: the goal stays as it is."""

from __future__ import annotations

import argparse

from reconciler.cli.exits import Exit
from reconciler.cli.goals import pursue
from reconciler.core.policy import Aim


def run(options: argparse.Namespace) -> Exit:
    """Stop the named services. They stay down, also after a reboot, until they are started."""
    return pursue(Aim.DOWN, options)
