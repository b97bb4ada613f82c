"""osvc disable: leave resources, or whole services, out of everything, until they are enabled."""

from __future__ import annotations

import argparse

from reconciler.cli.banning import ban
from reconciler.cli.exits import Exit
from reconciler.core.ban import Sort


def run(options: argparse.Namespace) -> Exit:
    """Disable resources: as `disable: true` in their spec, which is not edited."""
    return ban(Sort.DISABLED, options)
