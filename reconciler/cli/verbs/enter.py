"""osvc enter: a shell in a container of a service, in place of this process."""

from __future__ import annotations

import argparse
from typing import Final, NoReturn

from reconciler.cli.inside import run_inside

SHELL: Final = ("/bin/sh", "-c", "[ -x /bin/bash ] && exec /bin/bash; exec /bin/sh")
"""Bash where the image has it, else its plain shell. Whichever it is takes the place of the one that looked."""


def run(options: argparse.Namespace) -> NoReturn:
    """Never returns: becomes the shell."""
    run_inside(options.service, options.rid, SHELL)
