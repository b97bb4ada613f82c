"""osvc doctor: what this machine has and lacks for osvc, one line each, with the remedy."""

from __future__ import annotations

import argparse
import sys

from reconciler.cli.checks import Machine, examine
from reconciler.cli.display import paint_for, say, show_document
from reconciler.cli.exits import Exit
from reconciler.cli.terminal import width_of
from reconciler.engine.config import read_config
from reconciler.host.linux.host import linux_host
from reconciler.report.check_text import Health, checks_document, checks_text
from reconciler.report.texts import fitted


def run(options: argparse.Namespace) -> Exit:
    """Look at the machine; an error only where osvc cannot work at all."""
    config = read_config()
    checks = list(examine(Machine(linux_host(config.place), config)))
    code = Exit.ERROR if any(check.health is Health.BAD for check in checks) else Exit.OK
    if options.json:
        show_document(checks_document(checks, code))
    else:
        say(fitted(checks_text(checks, paint=paint_for(options, sys.stdout)), width_of(sys.stdout)))
    return code
