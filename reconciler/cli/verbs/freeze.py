"""osvc freeze: leave services alone, whatever their specs say, until they are thawed."""

from __future__ import annotations

import argparse

from reconciler.cli.banning import ban
from reconciler.cli.exits import Exit
from reconciler.core.ban import Sort


def run(options: argparse.Namespace) -> Exit:
    """Freeze the named services: apply, watch and boot leave them as they are; what a person asks of them by hand is done."""
    return ban(Sort.FROZEN, options)
