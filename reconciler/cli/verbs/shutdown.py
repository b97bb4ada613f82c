"""osvc shutdown: bring everything down, for this host goes down. Nobody's goal changes: osvc boot brings back what was wanted."""

from __future__ import annotations

import argparse

from reconciler.cli.exits import Exit
from reconciler.cli.known import known_specs
from reconciler.cli.request import globs_of
from reconciler.cli.run import Order, carry_out
from reconciler.cli.specs import refuse_invalid
from reconciler.core.change import Verdict
from reconciler.core.policy import Aim
from reconciler.engine.config import read_config
from reconciler.engine.errors import Unselected
from reconciler.engine.session import Session
from reconciler.engine.target import Target


def run(options: argparse.Namespace) -> Exit:
    """Stop the named services, or all, with what is on standby and what is frozen. Naming them is the consent; for all it asks."""
    config, globs = read_config(), globs_of(options)
    options.standby = True

    def find(session: Session) -> tuple[Target, ...]:
        loaded = known_specs(session, config, globs)
        refuse_invalid(loaded)
        try:
            return session.targets(loaded, globs or ("*",), aim=Aim.DOWN)
        except Unselected:
            if globs:
                raise
            return ()

    return carry_out(Order(options.verb, find, agreed=frozenset(Verdict) if globs else frozenset()), options, config)
