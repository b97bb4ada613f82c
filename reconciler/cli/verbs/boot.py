"""osvc boot: bring each service to what is wanted of it on this host, which has come up."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from reconciler.cli.exits import Exit
from reconciler.cli.goals import STANDBY
from reconciler.cli.known import known_specs
from reconciler.cli.request import globs_of
from reconciler.cli.run import Order, carry_out
from reconciler.cli.specs import refuse_invalid
from reconciler.core.outcome import End, Result
from reconciler.core.policy import Aim, Selection
from reconciler.core.standing import standing
from reconciler.engine.config import read_config
from reconciler.engine.session import Session
from reconciler.engine.target import Target
from reconciler.report.json_out import Record, error_record

_STOPPED_SHORT = frozenset({End.ROLLED_BACK, End.FAILED, End.STUCK, End.DEFERRED})


def run(options: argparse.Namespace) -> Exit:
    """Start the services that come up by themselves here (autostart_node), and of the others what is on standby. Who stopped or
    froze a service before is heeded, and so is who started one. A failed start is undone; what is on standby comes up then.

    Nobody sits there: a spec that is not valid, or a plan that interrupts something, keeps only its own service from coming up.
    """
    config, globs = read_config(), globs_of(options)
    errors: list[Record] = []
    found: dict[str, Target] = {}

    def find(session: Session) -> tuple[Target, ...]:
        loaded = known_specs(session, config, globs)
        if not options.json:
            refuse_invalid(loaded)
        errors.extend(error_record(error.origin, error.message) for error in loaded.errors)
        targets = session.targets(loaded, globs, stored=not loaded.errors)
        found.update((target.name, target) for target in targets if standing(target.service, STANDBY, Selection(), session.kinds))
        return targets

    def instead(results: Sequence[Result]) -> tuple[Target, ...]:
        failed = [result.service for result in results if result.end in _STOPPED_SHORT and result.service in found]
        return tuple(replace(found[name], goal=STANDBY) for name in failed if found[name].goal.aim is Aim.UP)

    order = Order(options.verb, find, instead=instead, apart=True, whole_undo=True, errors=errors)
    return carry_out(order, options, config)
