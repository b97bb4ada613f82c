"""osvc thaw: take a freeze back."""

from __future__ import annotations

import argparse

from reconciler.cli.banning import lift
from reconciler.cli.exits import Exit
from reconciler.core.ban import Sort


def run(options: argparse.Namespace) -> Exit:
    """Thaw the named services."""
    return lift(Sort.FROZEN, options)
