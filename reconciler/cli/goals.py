"""Goals: what start and stop share: the goal that is remembered, and the run towards it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from reconciler.cli.exits import Exit
from reconciler.cli.failures import Told
from reconciler.cli.known import known_specs
from reconciler.cli.request import globs_of, operator, selection_of
from reconciler.cli.run import Order, carry_out
from reconciler.cli.specs import refuse_invalid
from reconciler.core.policy import Aim, Goal
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.engine.target import Target


def pursue(aim: Aim, options: argparse.Namespace) -> Exit:
    """Bring the named services to a goal, and remember it unless only some resources are meant.

    Stopping asks for nothing more: the service that goes down was named. An invalid spec hinders a start, not a stop,
    which goes by what was last applied.
    """
    config = read_config()
    goal = Goal(aim, operator(), datetime.now(UTC), getattr(options, "reason", ""))
    globs = globs_of(options)

    def find(session: Session) -> tuple[Target, ...]:
        loaded = known_specs(session, config, globs)
        if refuse_invalid(loaded, globs) and aim is Aim.UP:
            raise Told(Exit.INVALID)
        return session.targets(loaded, globs, aim=aim)

    whole = selection_of(options).everything

    def begin(session: Session, targets: Sequence[Target]) -> None:
        if whole:
            session.set_goal([target.name for target in targets], goal)

    verb = "start" if aim is Aim.UP else "stop"
    return carry_out(Order(verb, find, begin=begin, agreed=aim is Aim.DOWN, whole_undo=aim is Aim.UP and whole), options, config)
