"""osvc watch: keep it so, until told to stop."""

from __future__ import annotations

import argparse

from reconciler.cli.exits import Exit
from reconciler.cli.keeping import keep
from reconciler.engine.watch import Watch


def run(options: argparse.Namespace) -> Exit:
    """As cli/keeping.py has it."""
    return keep(options, Watch)
