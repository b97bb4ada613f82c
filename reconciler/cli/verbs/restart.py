"""osvc restart: take services, or a part of them, down and bring them up again, in one plan."""

from __future__ import annotations

import argparse

from reconciler.cli.exits import Exit
from reconciler.cli.goals import pursue
from reconciler.core.policy import Aim


def run(options: argparse.Namespace) -> Exit:
    """Restart the named services; what is on standby stays up, as under stop. What is down is started; a whole service is wanted up
    from now on. A failure undoes the whole service: what ran before runs again."""
    return pursue(Aim.UP, options, restart=True)
