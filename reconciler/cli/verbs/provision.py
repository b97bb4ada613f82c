"""osvc provision: make the storage that is missing and that its spec marks with provision: true, and bring it up. No container is
started, and the goal stays as it is."""

from __future__ import annotations

import argparse

from reconciler.cli.exits import Exit
from reconciler.cli.goals import pursue
from reconciler.core.policy import Aim


def run(options: argparse.Namespace) -> Exit:
    """A start of the storage alone, with --provision."""
    return pursue(Aim.UP, options)
