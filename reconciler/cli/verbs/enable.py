"""osvc enable: take that back."""

from __future__ import annotations

import argparse

from reconciler.cli.banning import lift
from reconciler.cli.exits import Exit
from reconciler.core.ban import Sort


def run(options: argparse.Namespace) -> Exit:
    """Enable what was disabled by hand."""
    return lift(Sort.DISABLED, options)
