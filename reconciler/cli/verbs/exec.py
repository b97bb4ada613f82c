"""osvc exec: a command in a container of a service, in place of this process: exit code, terminal and signals are docker's."""

from __future__ import annotations

import argparse
from typing import NoReturn

from reconciler.cli.inside import run_inside


def run(options: argparse.Namespace) -> NoReturn:
    """Never returns: becomes the command."""
    run_inside(options.service, options.rid, [options.command, *options.args])
