"""osvc start, and startip to startapp: want services up, and bring them up. A part of them only: the goal stays as it is."""

from __future__ import annotations

import argparse

from reconciler.cli.exits import Exit
from reconciler.cli.goals import pursue
from reconciler.core.policy import Aim


def run(options: argparse.Namespace) -> Exit:
    """Start the named services; a failure undoes the whole service."""
    return pursue(Aim.UP, options)
