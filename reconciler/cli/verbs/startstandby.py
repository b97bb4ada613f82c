"""osvc startstandby: bring up what is on standby, with what it needs, and nothing else. The goals stay as they are."""

from __future__ import annotations

import argparse
from dataclasses import replace

from reconciler.cli.exits import Exit
from reconciler.cli.failures import Told
from reconciler.cli.goals import STANDBY
from reconciler.cli.known import known_specs
from reconciler.cli.request import globs_of
from reconciler.cli.run import Order, carry_out
from reconciler.cli.specs import refuse_invalid
from reconciler.core.policy import Aim
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.engine.target import Target


def run(options: argparse.Namespace) -> Exit:
    """Start what is on standby of the named services, whether they are wanted up here or not; what fails is undone."""
    config, globs = read_config(), globs_of(options)

    def find(session: Session) -> tuple[Target, ...]:
        loaded = known_specs(session, config, globs)
        if refuse_invalid(loaded, globs):
            raise Told(Exit.INVALID)
        return tuple(replace(target, goal=STANDBY) for target in session.targets(loaded, globs, aim=Aim.UP))

    return carry_out(Order(options.verb, find), options, config)
